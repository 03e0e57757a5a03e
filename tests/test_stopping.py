"""When a number that should fall has stopped to fall."""

import numpy as np
import pytest

from skgd._training.stopping import Stopping


def first_plateau(stopping, values):
    """Updates until the plateau, or None."""
    for i, value in enumerate(values):
        stopping.update(value)
        if stopping.on_plateau:
            return i + 1
    return None


def sklearn_mlp_stop(losses, tol, patience):
    """Epochs until scikit-learn's MLP stops: more than `patience` epochs in a row."""
    best, n_no_change = np.inf, 0
    for i, loss in enumerate(losses):
        n_no_change = n_no_change + 1 if loss > best - tol else 0
        best = min(best, loss)
        if n_no_change > patience:
            return i + 1
    return None


# ---------------------------------------------------------------- in a row
@pytest.mark.parametrize("patience", [1, 2, 5])
def test_plateau_after_patience_epochs_without_improvement(patience):
    stopping = Stopping(1e-4, patience, windowed=False)
    assert first_plateau(stopping, [1.0] + [1.0] * 20) == 1 + patience


def test_an_improvement_starts_the_count_anew():
    stopping = Stopping(0.1, 3, windowed=False)
    values = [1.0, 1.0, 1.0, 0.8, 0.8, 0.8, 0.8]
    assert first_plateau(stopping, values) == 7


def test_an_improvement_of_exactly_tol_counts():
    stopping = Stopping(0.25, 1, windowed=False)
    assert first_plateau(stopping, [1.0, 0.75, 0.5, 0.26]) == 4


def test_small_gains_do_not_add_up_against_a_moving_best():
    # As in scikit-learn: the best moves along with gains below tol.
    stopping = Stopping(0.1, 4, windowed=False)
    assert first_plateau(stopping, [1 - 0.05 * i for i in range(20)]) == 5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tol", [0.0, 1e-3, 0.05])
def test_in_a_row_as_scikit_learns_mlp(seed, tol):
    rng = np.random.RandomState(seed)
    losses = 1 / np.sqrt(np.arange(1, 400)) + 0.02 * rng.standard_normal(399)
    expected = sklearn_mlp_stop(losses, tol, 10)
    assert expected is not None
    # scikit-learn stops after more than n_iter_no_change epochs
    assert first_plateau(Stopping(tol, 11, windowed=False), losses) == expected


def test_without_gain_at_tol_zero_there_is_no_plateau():
    # A constant is "as good": scikit-learn goes on with tol=0 as well.
    assert first_plateau(Stopping(0.0, 3, windowed=False), [1.0] * 50) is None
    assert first_plateau(Stopping(0.0, 3, windowed=False), [1.0] + [1.1] * 9) == 4


# ---------------------------------------------------------------- windows
@pytest.mark.parametrize("patience", [1, 3, 10])
def test_windows_need_twice_the_patience(patience):
    stopping = Stopping(1e-3, patience, windowed=True)
    assert first_plateau(stopping, [1.0] * 50) == 2 * patience


def test_windows_of_falling_negative_numbers_are_no_plateau():
    falling = [-1.0 - epoch for epoch in range(20)]
    for patience in (2, 5):
        assert first_plateau(Stopping(0.0, patience, windowed=True), falling) is None


@pytest.mark.parametrize("seed", range(5))
def test_windows_compare_means(seed):
    rng = np.random.RandomState(seed)
    losses = 1 / np.sqrt(np.arange(1, 400)) + 0.02 * rng.standard_normal(399)
    p, tol = 7, 1e-2
    expected = next(
        n
        for n in range(2 * p, 400)
        if losses[n - p : n].mean() > losses[n - 2 * p : n - p].mean() - tol
    )
    assert first_plateau(Stopping(tol, p, windowed=True), losses) == expected
    assert expected > 2 * p


def test_in_windows_small_gains_add_up_and_lucky_epochs_do_not_end():
    falling = [1 - 0.05 * i for i in range(20)]
    assert first_plateau(Stopping(0.1, 4, windowed=True), falling) is None
    lucky = [3.0, 2.0, *[2.9 - 0.1 * i for i in range(20)]]
    assert first_plateau(Stopping(0.05, 4, windowed=True), lucky) is None
    assert first_plateau(Stopping(0.05, 4, windowed=False), lucky) == 6


# ---------------------------------------------------------------- both
@pytest.mark.parametrize("windowed", [False, True])
def test_endless_patience_is_no_plateau(windowed):
    stopping = Stopping(0.1, np.inf, windowed)
    assert first_plateau(stopping, [1.0] * 100) is None
    assert stopping.best == 1.0


@pytest.mark.parametrize("windowed", [False, True])
def test_no_tolerance_has_the_plateaus_of_tolerance_zero(windowed):
    # The 'adaptive' schedule needs them, although they do not end the training.
    values = [1.0, 0.5, *np.linspace(0.6, 0.7, 20)]
    found = first_plateau(Stopping(None, 3, windowed), values)
    assert found == first_plateau(Stopping(0.0, 3, windowed), values) is not None
    assert first_plateau(Stopping(None, 3, windowed), [1.0] * 50) is None


@pytest.mark.parametrize("windowed", [False, True])
def test_nan_is_no_improvement(windowed):
    stopping = Stopping(0.0, 2, windowed)
    assert first_plateau(stopping, [1.0, np.nan, np.nan, np.nan, np.nan]) is not None
    assert stopping.best == 1.0


@pytest.mark.parametrize("windowed", [False, True])
def test_restart_waits_anew_and_remembers_the_best(windowed):
    stopping = Stopping(0.01, 3, windowed)
    n = first_plateau(stopping, [1.0] * 20)
    stopping.restart()
    assert not stopping.on_plateau
    assert stopping.best == 1.0
    again = first_plateau(stopping, [1.0] * 20)
    assert again == (3 if not windowed else n)


# ---------------------------------------------------------------- best weights
def kept_epochs(stopping, values):
    """Which epoch is kept after each update."""
    kept = []
    for epoch, value in enumerate(values):
        stopping.update(value, lambda epoch=epoch: (epoch,))
        kept.append(stopping.best_weights[0])
    return kept


@pytest.mark.parametrize("windowed", [False, True])
def test_the_first_of_the_best_epochs_is_kept(windowed):
    stopping = Stopping(0.5, 3, windowed)
    values = [1.0, 0.9, 0.9, 1.2, 0.8, 0.85]
    # better by less than tol is better all the same
    assert kept_epochs(stopping, values) == [0, 1, 1, 1, 4, 4]
    assert stopping.best == 0.8


def test_weights_are_copied_only_at_a_best_epoch():
    calls = []
    stopping = Stopping(0.0, 3, windowed=False)
    for value in [1.0, 2.0, 0.5, 0.5, np.nan]:
        stopping.update(value, weights=lambda value=value: calls.append(value) or ())
    assert calls == [1.0, 0.5]


def test_without_weights_nothing_is_kept():
    stopping = Stopping(0.1, 3, windowed=False)
    stopping.update(1.0)
    assert stopping.best_weights is None


def test_growing_patience():
    # the best epoch is the tenth; then at least half as many follow
    falling = [float(-epoch) for epoch in range(10)]
    for patience, expected in ((3, 15), (8, 18)):
        stopping = Stopping(0.0, patience, windowed=False, growth=0.5)
        assert first_plateau(stopping, falling + 20 * [0.0]) == expected


def test_growth_is_the_share_of_the_epochs_before_the_best():
    falling = [float(-epoch) for epoch in range(10)]
    stopping = Stopping(0.0, 1, windowed=False, growth=0.3)
    assert first_plateau(stopping, falling + 20 * [0.0]) == 13


# ---------------------------------------------------------------- state
def test_a_copy_goes_on_by_itself():
    stopping = Stopping(0.0, 2, windowed=True)
    for value in (1.0, 2.0, 3.0):
        stopping.update(value, lambda: ("kept",))
    copy = stopping.copy()
    assert (copy.best, copy.best_weights) == (1.0, ("kept",))
    copy.update(4.0)
    assert copy.on_plateau is True
    assert stopping.on_plateau is False  # it has seen three values only
    stopping.update(-9.0)
    assert stopping.on_plateau is False
    assert (copy.best, stopping.best) == (1.0, -9.0)


@pytest.mark.parametrize(
    ("patience", "windowed", "n_kept"), [(3, True, 6), (np.inf, True, 0), (3, False, 0)]
)
def test_only_windows_keep_values(patience, windowed, n_kept):
    stopping = Stopping(0.0, patience, windowed)
    for value in range(100):
        stopping.update(float(value))
    assert len(stopping._recent) == n_kept
