"""The judgement of an epoch: each limit, and what is remembered to go back to."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse as sp
from sklearn.exceptions import ConvergenceWarning

from skgd._engine.network import Data
from skgd._training import divergence
from skgd._training.divergence import (
    MAX_RESTARTS,
    Diverged,
    Guard,
    give_up,
    largest_columns,
    strong_penalty,
    what_happened,
)
from skgd.schedules import Constant


class Losses:
    """In place of the sample of rows."""

    def __init__(self, now, zeros):
        self.now, self.zeros, self.n_calls = now, zeros, 0

    def loss(self, state):
        self.n_calls += 1
        return self.now

    def loss_of_zeros(self):
        return self.zeros


class Journal:
    """Remembers the calls of a guard."""

    def __init__(self):
        self.begun, self.good, self.calls = SimpleNamespace(n_iter=0), None, []

    def begin(self, n_iter):
        self.begun = SimpleNamespace(n_iter=n_iter)
        return self.begun

    def restore(self, good):
        self.calls.append(good)

    def end_epoch(self):
        self.calls.append("end")


class Parts:
    """A guard with the parts that it talks to."""

    def __init__(self, monkeypatch, start, zeros=1.0, first=1.0, **recipe):
        self.sample = Losses(start, zeros)
        monkeypatch.setattr(divergence, "_Sample", lambda *_: self.sample)
        calls = self.calls = []
        self.state = SimpleNamespace(
            first_loss=first,
            n_restarts=0,
            rate_factor=1.0,
            learning_rate=0.25,
            slots=np.ones(2),
            is_finite=np.isfinite,
            forget_slots=lambda: calls.append("slots"),
            stopping=SimpleNamespace(
                best_weights=None, restart=lambda: calls.append("restart")
            ),
        )
        recipe = {"schedule": Constant(), "single_pass": False} | recipe
        self.journal = Journal()
        self.guard = Guard(
            self.state, None, None, SimpleNamespace(**recipe), self.journal
        )

    def is_sound(self, loss, penalty=0.0):
        return self.guard.is_sound(self.state, loss, penalty)


# ---------------------------------------------------------------- the usual loss
@pytest.mark.parametrize(
    ("start", "zeros", "first", "usual"),
    [
        (3.0, 1.0, None, 3.0),
        (0.5, 1.0, None, 1.0),
        (np.inf, 1.0, None, 1.0),
        (np.nan, -1.0, None, 0.0),
        (9.0, 1.0, 2.0, 2.0),  # the first loss is that of an earlier call
    ],
)
def test_usual_loss(monkeypatch, start, zeros, first, usual):
    parts = Parts(monkeypatch, start, zeros, first)
    assert parts.guard.usual == usual
    expected = first if first is not None else start if np.isfinite(start) else 0.0
    assert parts.state.first_loss == expected
    assert not parts.guard.lost


# ---------------------------------------------------------------- sound epochs
# A usual loss of 1 gives a limit of 2: 20 is good, 2000 is the end.
@pytest.mark.parametrize(
    ("loss", "penalty", "sound"),
    [
        (2000.0, 0.0, True),
        (2000.5, 0.0, False),
        (2500.0, 500.0, True),
        (2500.0, 499.0, False),
        (np.inf, 0.0, False),
        (np.nan, 0.0, False),
    ],
)
def test_epochs_up_to_a_thousand_times_the_limit_are_sound(
    monkeypatch, loss, penalty, sound
):
    parts = Parts(monkeypatch, start=1.0)
    assert parts.is_sound(loss, penalty) is sound
    assert parts.guard.lost is not sound
    assert parts.sample.n_calls == 1  # at the start; not measured once more


def test_the_limit_of_negative_losses(monkeypatch):
    parts = Parts(monkeypatch, start=-7.0, zeros=-4.0, first=-3.0)
    assert parts.is_sound(4000.0)
    assert not parts.is_sound(4001.0)


def test_a_start_at_the_limit_is_no_large_start(monkeypatch):
    parts = Parts(monkeypatch, start=2000.0)
    assert not parts.is_sound(2010.0)
    assert parts.sample.n_calls == 1


@pytest.mark.parametrize(("now", "sound"), [(1.01e6, True), (1.02e6, False)])
def test_after_a_large_start_the_loss_must_not_have_grown(monkeypatch, now, sound):
    parts = Parts(monkeypatch, start=1e6)
    parts.sample.now = now
    assert parts.is_sound(2e6) is sound
    assert parts.sample.n_calls == 2


def test_after_a_large_start_a_usual_loss_is_not_measured_again(monkeypatch):
    parts = Parts(monkeypatch, start=1e6)
    parts.sample.now = np.inf
    for loss in (5.0, 2000.0):
        assert parts.is_sound(loss)
    assert parts.sample.n_calls == 1


@pytest.mark.parametrize(("now", "sound"), [(2000.0, True), (2001.0, False)])
def test_a_single_epoch_is_judged_by_the_loss_after_it(monkeypatch, now, sound):
    parts = Parts(monkeypatch, start=1.0, single_pass=True)
    parts.sample.now = now
    assert parts.is_sound(1.0) is sound
    assert parts.sample.n_calls == 2
    assert not parts.is_sound(np.nan)
    assert parts.sample.n_calls == 2


# ---------------------------------------------------------------- good epochs
def test_the_begin_of_the_last_good_epoch_is_remembered(monkeypatch):
    parts = Parts(monkeypatch, start=1.0)
    journal = parts.journal
    # good: at most 20, or no worse than the epoch before
    for n_iter, (loss, good) in enumerate(
        [(30.0, 0), (9.0, 1), (20.0, 2), (20.5, 2), (20.4, 4), (20.4, 5), (21.0, 5)]
    ):
        journal.begin(n_iter)
        assert parts.is_sound(loss)
        assert journal.good.n_iter == good
    journal.begin(7)
    assert not parts.is_sound(np.inf)
    assert journal.good.n_iter == 5


def test_an_epoch_that_made_the_loss_explode_is_not_good(monkeypatch):
    # its loss is that before its updates
    parts = Parts(monkeypatch, start=1.0, single_pass=True)
    good = parts.journal.begin(0)
    assert parts.is_sound(1.0)
    parts.sample.now = 1e9
    parts.journal.begin(1)
    assert not parts.is_sound(1.0)
    assert parts.journal.good is good


def test_nothing_is_remembered_if_the_rate_cannot_be_halved(monkeypatch):
    parts = Parts(monkeypatch, start=1.0, schedule=lambda step: 0.1)
    assert parts.is_sound(1.0)
    assert parts.journal.good is None
    assert not parts.guard.can_go_back(parts.state)


# ---------------------------------------------------------------- the way back
def test_going_back_restores_halves_and_forgets(monkeypatch):
    parts = Parts(monkeypatch, start=1.0)
    good = parts.journal.begin(3)
    assert parts.is_sound(1.0)
    parts.journal.begin(4)
    assert not parts.is_sound(np.inf)
    messages = []
    outcome = SimpleNamespace(n_iter=5, stopped=False)
    observers = SimpleNamespace(message=messages.append)
    with pytest.warns(ConvergenceWarning, match="half the learning rate"):
        parts.guard.recover(parts.state, outcome, np.inf, observers)
    assert parts.journal.calls == [good, "end"]
    assert parts.calls == ["slots", "restart"]
    assert (outcome.n_iter, outcome.stopped) == (3, False)
    assert (parts.state.n_restarts, parts.state.rate_factor) == (1, 0.5)
    assert not parts.guard.lost
    assert len(messages) == 1
    assert messages[0].endswith("Back to epoch 3, with half the rate.")


def test_the_epoch_that_begins_at_the_restored_one_is_good(monkeypatch):
    parts = Parts(monkeypatch, start=1.0, single_pass=True)
    parts.journal.begin(0)
    assert parts.is_sound(1.0)
    parts.sample.now = 1e9
    assert not parts.is_sound(1.0)
    parts.guard.go_back(parts.state)
    parts.sample.now = 1.0
    begun = parts.journal.begin(1)
    assert parts.is_sound(30.0)
    assert parts.journal.good is begun


def test_one_warning_and_five_ways_back(monkeypatch):
    parts = Parts(monkeypatch, start=1.0)
    assert parts.is_sound(1.0)
    outcome = SimpleNamespace(n_iter=5, stopped=False)
    observers = SimpleNamespace(message=lambda text: None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(MAX_RESTARTS):
            assert parts.guard.can_go_back(parts.state)
            parts.guard.recover(parts.state, outcome, np.inf, observers)
    assert len(caught) == 1
    assert parts.state.rate_factor == 0.5**MAX_RESTARTS == 1 / 32
    assert not parts.guard.can_go_back(parts.state)
    with pytest.raises(Diverged, match="Floating-point under-/overflow"):
        parts.guard.recover(parts.state, outcome, np.inf, observers)


def test_giving_up_with_and_without_a_best_epoch(monkeypatch):
    parts = Parts(monkeypatch, start=1.0)
    state = parts.state
    with pytest.raises(Diverged) as raised:
        give_up(state, "It broke.", 7.0)
    assert str(raised.value) == "It broke."
    assert (raised.value.rate, raised.value.loss) == (0.25, 7.0)
    assert state.slots is not None

    state.stopping.best_weights = (np.ones(2),)
    outcome = SimpleNamespace(n_iter=5, stopped=False)
    with pytest.warns(ConvergenceWarning, match=r"best epoch are kept.*than 0\.25"):
        parts.guard.recover(state, outcome, np.inf, None)
    assert outcome.stopped is True
    assert state.slots is None


# ---------------------------------------------------------------- the sample
@pytest.mark.parametrize(
    ("n_samples", "n_weighted", "step"),
    [(999, 999, 1), (1000, 1000, 2), (2999, 2999, 3), (4000, 1999, 2)],
)
def test_sample_of_rows(n_samples, n_weighted, step):
    Y = np.arange(n_samples, dtype=float)[:, None]
    weights = None
    used = np.arange(n_samples)
    if n_weighted < n_samples:
        weights = np.zeros(n_samples)
        used = used[-n_weighted:]
        weights[used] = 1 + used % 3
    data = Data(np.ones((n_samples, 1)), Y, weights)
    sample = divergence._Sample(None, data)
    assert_array_equal(sample.rows, used[::step])
    assert_array_equal(sample.Y, Y[used[::step]])
    if weights is not None:
        assert_array_equal(sample.weights, weights[used[::step]])


# ---------------------------------------------------------------- words
@pytest.mark.parametrize("sparse", [False, True])
def test_largest_columns(sparse):
    X = np.full((4, 5), [1.0, -40, 0, 300, 2])
    X[:2] = 0
    X = sp.csr_array(X) if sparse else X
    root = np.sqrt(0.5)
    text, square = largest_columns(X, None)
    values = [f"{j} ({size * root:.3g})" for j, size in [(3, 300), (1, 40), (4, 2)]]
    assert text.endswith(f"in training are {', '.join(values)}.")
    assert square == pytest.approx((1 + 1600 + 90_000 + 4) / 2)
    text, _ = largest_columns(X, list("abcde"))
    assert "are 'd' (212), 'b' (28.3), 'e' (1.41)." in text


def test_largest_columns_of_many_rows_are_those_of_a_sample():
    for n_samples, step in ((9_999, 1), (10_000, 2), (25_000, 3)):
        X = np.full((n_samples, 1), 100.0)
        X[::step] = 2.0
        assert "0 (2)." in largest_columns(X, None)[0]


def test_columns_of_equal_scale_are_named_in_order():
    text, _ = largest_columns(np.ones((3, 4)), None)
    assert "0 (1), 1 (1), 2 (1)." in text


@pytest.mark.parametrize(
    ("alpha", "rate", "strong"),
    [(2.0, 0.5, False), (2.0, 0.51, True), (1e9, None, False)],
)
def test_strong_penalty(alpha, rate, strong):
    text = strong_penalty(alpha, rate)
    assert text == "" if not strong else text.startswith("The penalty is very strong")
    assert (f"(alpha={alpha:g})" in text) is strong


@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf, 1e100])
def test_what_happened(loss):
    assert what_happened(99.0, 7) == "The loss exploded at epoch #7."
    text = what_happened(loss, 8)
    assert text.startswith("Floating-point under-/overflow occurred at epoch #8.")
