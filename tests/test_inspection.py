"""The learning-rate range test, and the diagnosis of training curves.

Error rates of `diagnose`, measured with 200 or 400 seeds for each kind of curve and
each of 30, 100, 300 and 1000 epochs:

- white noise, Gaussian or chi-squared, with or without an exponential decay before:
  'diverging' 0.3 % at most, 'oscillating' 0.3 %, 'too slow' 0.5 %;
- noise with a correlation of 0.5 between epochs: 'diverging' 0.5 % and 'too slow'
  1.5 % of 30 epochs, else 0; of -0.5, every other epoch low: 'oscillating' 5 %;
- a walk with a correlation of 0.9, of 20 % of the progress from crest to trough: no
  'oscillating'; 'diverging' 7 % of 30 epochs, 12 % of 100, 2.5 % of 300, none of 1000,
  and 'overfitting' 4, 11, 3 and 0 %: over ten epochs such a walk is a trend;
- waves of twice their noise are found in all curves of 100 epochs or more if they
  alternate, with a period of seven epochs in 2 % of 100 and 95 % of 300; waves of ten
  times their noise in all of 30 or more;
- a linear fall of 5 times its noise: 'too slow' in 1 % of 100 epochs, 97 % of 1000; of
  50 times its noise always; a validation loss that rises by 7 times its noise:
  'overfitting' in 69 % of 30 epochs, 100 % of 100;
- single high epochs, one in twenty, by up to 30 % of the progress and 100 times the
  noise: 'diverging' 3 % of 30 epochs, 2 % of 100, 1 % of 300, none of 1000; it is
  where the last one is the highest. That the last epochs are looked at adds 0.3 % at
  most for the other kinds of noise, and for log-normal noise;
- the second half of all steps adds 'too slow' in 1 % of 30 epochs of a decay with
  chi-squared noise and in 7, 5, 2.5 and 2 % of the walks, else nothing.
"""

import pickle
import warnings

import numpy as np
import pytest
from helpers import in_units
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.inspection import Diagnosis, diagnose, learning_rate_range
from skgd.inspection.range_test import _smooth

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X), scale(Y)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_IRIS = scale(X_IRIS)
X_DIGITS, Y_DIGITS = load_digits(return_X_y=True)
X_DIGITS, Y_DIGITS = X_DIGITS[:600] / 16, Y_DIGITS[:600]
OPTIMIZERS = ["sgd", "momentum", "adam", "rmsprop", "adagrad"]


# ------------------------------------------------------------- learning_rate_range
def final_loss(estimator, X, y, rate, max_iter):
    """The mean loss of the last three epochs; infinite where training diverges."""
    model = clone(estimator).set_params(learning_rate_init=rate, max_iter=max_iter)
    try:
        return np.mean(model.set_params(tol=None).fit(X, y).loss_curve_[-3:])
    except ValueError:
        return np.inf


def n_restarts(model, X, y):
    """Of a fit; infinitely many where no lower rate helps."""
    try:
        return model.fit(X, y).n_restarts_
    except ValueError:
        return np.inf


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("estimator", "X", "y", "max_iter"),
    [
        pytest.param(GDRegressor(), X, Y, 30, id="diabetes"),
        pytest.param(GDRegressor(solver="batch"), X, Y, 200, id="diabetes-batch"),
        pytest.param(GDRegressor(solver="sgd"), X, Y, 20, id="diabetes-sgd"),
        pytest.param(MLPGDRegressor(30), X, Y, 30, id="diabetes-mlp"),
        pytest.param(GDClassifier(), X_IRIS, Y_IRIS, 100, id="iris"),
        pytest.param(MLPGDClassifier(30), X_DIGITS, Y_DIGITS, 40, id="digits-mlp"),
    ],
)
def test_the_suggestion_trains_well(estimator, X, y, max_iter, optimizer):
    # The share by which it misses the progress that the best rate of a grid makes. Of
    # 12 seeds the largest were 0.15 for the digits with 'sgd', 0.07 for iris with 'sgd'
    # and 'adagrad' and the diabetes network with 'sgd', 0.05 and mostly below 0.02 for
    # all others: few epochs, to which the suggestion is rather small.
    grid = np.geomspace(1e-5, 10, 13)
    model = clone(estimator).set_params(optimizer=optimizer, random_state=0)
    least = min(final_loss(model, X, y, rate, max_iter) for rate in grid)
    start = final_loss(model, X, y, 1e-9, 1)
    for seed in range(3):
        model.set_params(random_state=seed)
        rate = learning_rate_range(model, X, y).suggestion
        short = (final_loss(model, X, y, rate, max_iter) - least) / (start - least)
        assert short < (0.2 if optimizer == "sgd" else 0.1)


@pytest.mark.parametrize("seed", range(20))
def test_the_bound_of_a_quadratic(seed):
    # Gradient descent is stable below 2 / L. Of 80 seeds, suggestions were 0.20 to
    # 0.84 of that, and tests ended at 8 to 15 times that.
    rng = np.random.RandomState(seed)
    rows = rng.randn(200, rng.randint(1, 12))
    rows *= np.exp(rng.uniform(-2, 1, rows.shape[1]))
    y = scale(rows @ (rng.randn(rows.shape[1]) / rows.std(axis=0)), with_mean=False)
    bound = 2 / np.linalg.eigvalsh(rows.T @ rows / len(rows))[-1]
    model = GDRegressor(solver="batch", optimizer="sgd", alpha=0, fit_intercept=False)
    model.set_params(standardize=False)
    result = learning_rate_range(model, rows, y, max_rate=1000 * bound)
    assert 0.1 * bound < result.suggestion < bound
    assert result.diverged
    assert result.learning_rates[-1] > bound
    loss = final_loss(model, rows, y, result.suggestion, 50)
    assert loss < 0.5 * result.losses[0]
    for rate in (30 * result.suggestion, result.learning_rates[-1]):
        model.set_params(learning_rate_init=rate, tol=None, max_iter=50)
        assert n_restarts(model, rows, y) > 0


@pytest.mark.parametrize("rise", [3.0, 1000.0])
def test_the_smoothed_losses_do_not_rise_before_the_losses(rise):
    # a fall, and from the 61st step a rise
    falling = 1 / (1 + np.exp((np.arange(60) - 30) / 5))
    losses = np.r_[falling, rise ** np.arange(1, 5)]
    smoothed, ahead = _smooth(losses, 3.0, 10)
    assert smoothed[59] < smoothed.min() + 0.001
    assert np.all(np.diff(smoothed[59:]) > 0.1)
    assert ahead[59] > ahead.min() + 0.3
    assert_allclose(smoothed[:50], ahead[:50], atol=1e-4)
    steady = noise(100, 0, 0.1) + 1
    assert_allclose(*_smooth(steady, 3.0, 10), atol=0.05)


@pytest.mark.parametrize("solver", ["batch", "minibatch", "sgd"])
def test_no_suggestion_where_nothing_is_learned(solver):
    # Of white noise, 1.2 % of curves that do not end early get a suggestion.
    model = GDRegressor(solver=solver, optimizer="sgd", batch_size=50)
    model.set_params(standardize=False)
    for seed in range(5):
        y = np.random.RandomState(seed).randn(len(X))
        y -= X @ np.linalg.lstsq(X, y, rcond=None)[0] + y.mean()
        assert learning_rate_range(model, X, y, random_state=seed).suggestion is None
    result = learning_rate_range(model, X, Y, max_rate=2e-6, random_state=0)
    assert result.suggestion is None
    assert not result.diverged


def test_it_is_repeatable_and_changes_nothing():
    model = MLPGDClassifier(5, random_state=3, early_stopping=True, verbose=True)
    model.set_params(learning_rate="cosine", learning_rate_init=0.5)
    before = repr(model.get_params())
    a = learning_rate_range(model, X_IRIS, Y_IRIS)
    b = learning_rate_range(model, X_IRIS, Y_IRIS, random_state=3)
    c = learning_rate_range(model, X_IRIS, Y_IRIS, random_state=4)
    assert_array_equal(a.losses, b.losses)
    assert a.suggestion == b.suggestion
    assert not np.array_equal(a.losses[:9], c.losses[:9])
    assert repr(model.get_params()) == before
    assert not hasattr(model, "coefs_")
    assert a.learning_rates[0] == 1e-6
    for values in (a.learning_rates, a.losses, a.smoothed_losses):
        assert values.dtype == np.float64
        assert values.shape == a.losses.shape
    seeded = GDRegressor(random_state=np.random.RandomState(0))
    learning_rate_range(seeded, X, Y)
    assert seeded.random_state.randint(100) == np.random.RandomState(0).randint(100)


def test_losses_are_of_the_batch_before_its_update():
    model = GDRegressor(solver="batch", optimizer="sgd", alpha=0, fit_intercept=False)
    features = in_units(X)
    result = learning_rate_range(model, features, Y, smoothing=0)
    w, n = np.zeros(X.shape[1]), len(X)
    for rate, loss in zip(result.learning_rates[:80], result.losses, strict=False):
        error = features @ w - Y
        assert loss == pytest.approx(0.5 * np.mean(error**2), rel=1e-9)
        w -= rate * features.T @ error / n
    assert_array_equal(result.smoothed_losses[:80], result.losses[:80])


@pytest.mark.parametrize("solver", ["batch", "minibatch", "sgd"])
def test_kinds_of_data(solver):
    labels = np.c_[Y_IRIS > 0, Y_IRIS > 1].astype(int)
    weights = np.where(np.arange(150) < 120, 0.0, 1.0)
    sparse = sp.csr_matrix(X_IRIS)
    options = dict(solver=solver, batch_size=10, random_state=0)
    for model in (GDClassifier(**options), MLPGDClassifier(5, **options)):
        for rows, y, weight in (
            (X_IRIS, labels, None),
            (sparse, Y_IRIS, None),
            (X_IRIS.astype(np.float32), Y_IRIS.astype(str), None),
            (X_IRIS[:, :1], Y_IRIS[:, np.newaxis] > 0, None),
            # most batches would have rows without weight only
            (X_IRIS, np.arange(150) % 2, weights),
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a column for y
                result = learning_rate_range(model, rows, y, sample_weight=weight)
            assert len(result.losses) > 50
    for class_weight in ("balanced", {0: 1.0, 1: 0.0, 2: 2.0}):
        model = GDClassifier(class_weight=class_weight, **options)
        assert learning_rate_range(model, X_IRIS, Y_IRIS).suggestion is not None
    two = GDRegressor(batch_norm=True, dropout=0.1, average=True, **options)
    assert learning_rate_range(two, X, np.c_[Y, -Y]).learning_rates[0] == 1e-6


def test_the_result_prints_as_one_line():
    model = GDRegressor(optimizer="sgd", solver="batch", random_state=0)
    result = learning_rate_range(model, X, Y, n_steps=30, max_rate=1)
    assert repr(result) == f"suggestion: {result.suggestion:.2g} " + (
        "(30 rates from 1e-06 to 1)"
    )
    assert result.loss_name == "half squared error, in squared units of y"
    assert pickle.loads(pickle.dumps(result)).suggestion == result.suggestion
    result = learning_rate_range(model, X, Y, max_rate=1000)
    assert repr(result).endswith(", where the loss exploded)")


def test_divergence_at_the_first_step():
    result = learning_rate_range(
        GDRegressor(optimizer="sgd", solver="batch", standardize=False),
        1e200 * X,
        1e200 * Y,
    )
    assert result.diverged
    assert result.suggestion is None
    assert repr(result).startswith("suggestion: none (")


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"min_rate": 0}, ValueError, "'min_rate' .* must be a float > 0. Got 0"),
        ({"max_rate": np.nan}, ValueError, "'max_rate' .* > 0. Got nan"),
        ({"max_rate": 1e-6}, ValueError, "'max_rate' .* > min_rate = 1e-06. Got 1e-06"),
        ({"n_steps": 19}, ValueError, "'n_steps' .* an int >= 20. Got 19"),
        ({"smoothing": 2}, ValueError, "'smoothing' .* Got 2"),
        ({"X": X[:5]}, ValueError, "inconsistent numbers of samples"),
        ({"y": np.full(len(X), np.nan)}, ValueError, "contains NaN"),
        ({"sample_weight": np.zeros(len(X))}, ValueError, "at least one non-zero"),
        ({"estimator": GDRegressor(alpha=-1)}, ValueError, "'alpha' parameter"),
        ({"estimator": GDRegressor}, TypeError, "'estimator' parameter"),
        ({"estimator": LinearRegression()}, TypeError, "must be a GDRegressor"),
        (
            {"estimator": make_pipeline(StandardScaler(), LinearRegression())},
            TypeError,
            r"that trains one of them. Got LinearRegression\(\) instead",
        ),
    ],
)
def test_errors_of_the_range(options, error, match):
    arguments = {"estimator": GDRegressor(), "X": X, "y": Y, **options}
    with pytest.raises(error, match=match):
        learning_rate_range(**arguments)


# ------------------------------------------------------------------------ diagnose
def kinds(*curves):
    return diagnose(*curves).kinds


def noise(n, seed, scale=1.0):
    return scale * np.random.RandomState(seed).randn(n)


@pytest.mark.parametrize("n", [30, 100, 1000])
def test_synthetic_curves(n):
    t = np.arange(n) / n
    decay = np.exp(-10 * t)
    for seed in range(10):
        small, large = noise(n, seed, 0.003), noise(n, seed, 0.2)
        assert kinds(decay + small) == ["converged"]
        assert kinds(decay + large)[0] == "noisy"
        assert kinds(np.exp(-2 * t) + small) == ["too slow"]
        assert kinds(1 - 0.01 * t + 1e-4 * small) == ["too slow"]
        assert kinds(50 * (np.arange(n) == 0) + 20 - t + small)[0] == "too slow"
        assert kinds(np.exp(5 * t) + small)[0] == "diverging"
        assert kinds(np.exp(30 * t)) == ["diverging"]
        waves = 0.2 * (-1.0) ** np.arange(n)
        assert kinds(decay + waves + small) == ["oscillating"]
        waves = 0.1 * np.sin(2 * np.pi * np.arange(n) / 7.3)
        assert kinds(decay + waves + small) == ["oscillating"]
        rising = np.exp(-8 * t) + 0.4 * t + small
        assert kinds(np.exp(-6 * t), rising)[0] == "overfitting"
        assert "overfitting" not in kinds(np.exp(-6 * t), decay + small)
        # the training loss rises as well: that is no overfitting
        assert "overfitting" not in kinds(rising, rising)


def test_no_false_alarms():
    # 0.3 % for each finding but 'noisy' and 'converged'
    n, alarms = 100, 0
    for seed in range(200):
        curve = 5 * np.exp(-np.arange(n) / 3) + noise(n, seed, 0.05)
        found = kinds(curve, noise(n, seed + 1000, 0.1) + curve)
        alarms += not set(found) <= {"noisy", "converged"}
    assert alarms <= 3


def test_scale_and_shift_do_not_matter():
    t = np.arange(100)
    for curve in (np.exp(-t / 10), np.exp(-t / 80), np.exp(-t / 9) + 0.1 * (t % 2)):
        curve = curve + noise(100, 0, 1e-3)
        assert kinds(1e6 * curve) == kinds(1e-6 * curve) == kinds(curve - 7)


def test_short_and_odd_curves():
    assert kinds([]) == kinds(np.arange(9.0) + 1) == ["too short"]
    assert kinds(np.ones(50)) == ["flat"]
    for end in (np.nan, np.inf):
        found = diagnose([1.0, 2.0, end])
        assert found.kinds == ["diverging"]
        assert "not finite at epoch 3" in str(found)
    assert kinds([1.0, 50.0, 5000.0]) == ["diverging"]
    assert "1 epochs are too few to tell, 10 are enough." in str(diagnose([1.0]))
    falling = np.linspace(1, 0, 30)
    assert "too slow" in kinds(falling, np.where(falling == 1, 1.0, np.nan))
    with pytest.raises(ValueError, match=r"1-d curve. Got an array of shape \(3, 3\)"):
        diagnose(np.ones((3, 3)))
    with pytest.raises(ValueError, match="'validation_curve' parameter"):
        diagnose(np.ones(30), np.ones((3, 3)))
    with pytest.raises(NotFittedError):
        diagnose(GDRegressor())
    with pytest.raises(TypeError, match="must have a loss_curve_, or be one"):
        diagnose(LinearRegression().fit(X, Y))


@pytest.mark.parametrize("end", [[5.0], [0.5], [5.0] * 3, [0.3, 5.0]])
def test_a_rise_in_the_last_epochs(end):
    curve = np.r_[np.exp(-np.arange(100) / 10), end]
    (found,) = diagnose(curve)
    assert found.kind == "diverging"
    assert found.numbers == {"low": curve.min(), "last": end[-1]}
    for seed in range(10):
        assert "diverging" in kinds(curve + noise(len(curve), seed, 0.003))
        if len(end) == 1:  # within the noise, or as high as another
            noisy = curve + noise(len(curve), seed, 0.5 * end[0])
            assert "diverging" not in kinds(noisy)
            curve[60] = end[0]
            assert "diverging" not in kinds(curve)
            curve[60] = curve[61]


def test_the_last_epochs_of_an_unstable_training():
    rows, y = load_breast_cancer(return_X_y=True)
    # a callable rate is not halved
    options = dict(optimizer="sgd", learning_rate=lambda step: 100.0, max_iter=100)
    options.update(alpha=1e-4, standardize=False, tol=None)
    found = []  # seed and epoch, higher than all before but the first
    for seed in range(20):
        model = GDClassifier(random_state=seed, **options).fit(scale(rows), y)
        curve = np.array(model.loss_curve_)
        high = [n for n in range(30, 100) if curve[n] > 1.5 * curve[3:n].max()]
        found += [(seed, n + 1) for n in high]
    options["random_state"], options["max_iter"] = found[0]
    model = GDClassifier(**options).fit(scale(rows), y)
    assert model.loss_curve_[-1] > 5 * np.median(model.loss_curve_[-25:])
    assert kinds(model) == ["diverging"]


@pytest.mark.parametrize("n", [99, 100, 101, 102, 103, 104])
def test_the_height_of_waves(n):
    for wave, period in (
        ((-1.0) ** np.arange(n), 2),
        (np.sin(2 * np.pi * np.arange(n) / 4.3), 4.3),
    ):
        (found,) = diagnose(1 + 0.3 * wave)
        assert found.numbers["height"] == pytest.approx(0.6, rel=0.05)
        assert found.numbers["period"] == pytest.approx(period, abs=0.3)


@pytest.mark.parametrize("bad", [[], [1.0] * 29, [1.0] * 31, [np.nan] * 30])
@pytest.mark.filterwarnings("error")
def test_errors_of_the_validation_curve(bad):
    model = GDRegressor(max_iter=30, tol=None, learning_rate_init=1e-4)
    match = f"'validation_curve' .* each of the 30 epochs .* Got {len(bad)} values"
    for training in (np.linspace(1, 0, 30), model.fit(X, Y)):
        with pytest.raises(ValueError, match=match):
            diagnose(training, bad)


def test_the_validation_curve_of_an_estimator():
    model = GDRegressor(max_iter=100, tol=None, random_state=0).fit(X, Y)
    model.loss_curve_ = np.exp(-np.arange(100) / 20)
    rising = (np.arange(100) / 50 - 1) ** 2
    assert "overfitting" not in kinds(model)
    assert "overfitting" in kinds(model, rising)
    # a warm start with early stopping: the last epochs are the same
    model.validation_loss_curve_ = rising[30:]
    found = diagnose(model)[0]
    assert found.kind == "overfitting"
    assert abs(found.numbers["best_epoch"] - 51) <= 1
    assert (found.numbers["best"], found.numbers["last"]) == (0, rising[-1])
    # the caller's own comes first
    assert "overfitting" not in kinds(model, model.loss_curve_)
    model.validation_loss_curve_ = []
    assert "overfitting" not in kinds(model)


def test_a_diagnosis_is_a_readable_sequence():
    curve = np.exp(-np.arange(100) / 60)
    found = diagnose(curve, np.linspace(1, 0, 100) ** 2 + np.linspace(0, 0.8, 100))
    assert isinstance(found, Diagnosis)
    assert found.kinds == [finding.kind for finding in found]
    assert repr(found) == str(found)
    assert [line.split(":")[0] for line in str(found).splitlines()] == found.kinds
    overfitting = found[found.kinds.index("overfitting")]
    assert abs(overfitting.numbers["best_epoch"] - 60) < 5
    assert overfitting.numbers["last"] > overfitting.numbers["best"]
    assert pickle.loads(pickle.dumps(found)).kinds == found.kinds
    assert str(Diagnosis()) == "nothing conspicuous"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_trained_estimators(optimizer, seed):
    options = dict(optimizer=optimizer, random_state=seed, tol=None)
    options["learning_rate"] = "constant"
    rate = learning_rate_range(
        GDRegressor(optimizer=optimizer), X, Y, random_state=seed
    ).suggestion
    good = GDRegressor(learning_rate_init=rate, max_iter=200, **options).fit(X, Y)
    assert set(diagnose(good).kinds) <= {"converged", "noisy"}
    mlp = MLPGDClassifier(20, learning_rate_init=1e-6, max_iter=50, **options)
    assert kinds(mlp.fit(X_DIGITS, Y_DIGITS)) == ["too slow"]
    assert "max_iter" in str(diagnose(mlp))
    linear = GDClassifier(learning_rate_init=1e-5, max_iter=50, **options)
    assert kinds(linear.fit(X_IRIS, Y_IRIS)) == ["too slow"]


@pytest.mark.parametrize("seed", range(3))
def test_trained_estimators_that_go_wrong(seed):
    options = dict(optimizer="sgd", random_state=seed)
    model = GDRegressor(learning_rate_init=2.0, early_stopping=True, **options)
    assert kinds(model.fit(X, Y))[0] == "diverging"
    restarted = GDRegressor(standardize=False, **options).fit(10 * X, Y)
    assert restarted.n_restarts_ > 0
    assert diagnose(restarted).kinds[0] == "diverging"
    assert diagnose(restarted)[0].numbers == {"n_restarts": restarted.n_restarts_}
    # The loss of a quadratic falls with every step below 2 / L; other losses wave.
    options.update(solver="batch", learning_rate="constant", tol=None, max_iter=200)
    for loss, rate in (("absolute_error", 0.5), ("huber", 1.0), ("huber", 2.0)):
        model = GDRegressor(loss, learning_rate_init=rate, **options)
        assert "oscillating" in kinds(model.fit(X, Y))
    features = in_units(X)
    bound = 2 / np.linalg.eigvalsh(features.T @ features / len(X))[-1]
    for share, kind in ((0.3, "converged"), (1.02, "diverging")):
        model = GDRegressor(learning_rate_init=share * bound, **options)
        assert kinds(model.fit(X, Y))[0] == kind


def test_lbfgs_knows_whether_it_has_converged():
    for model, least in (
        (GDRegressor(), 1),
        (GDClassifier(), 5),
        (GDClassifier(alpha=1e-6, tol=1e-8), 20),
        (MLPGDClassifier(5, optimizer="lbfgs", solver="batch", max_iter=1000), 20),
    ):
        model.fit(*((X, Y) if isinstance(model, GDRegressor) else (X_IRIS, Y_IRIS)))
        (finding,) = diagnose(model)
        assert finding.kind == "converged"
        assert finding.numbers["n_epochs"] == model.n_iter_ >= least
        assert finding.numbers["last"] == model.loss_
        assert "rate" not in finding.statement
    # ... and early stopping may have gone on for too long
    rng = np.random.RandomState(0)
    rows, y = rng.randn(60, 30), rng.randn(60)
    options = dict(optimizer="lbfgs", solver="batch", n_iter_no_change=30)
    model = MLPGDRegressor(30, early_stopping=True, random_state=0, **options)
    assert kinds(model.fit(rows, y)) == ["overfitting"]
    assert "early stopping has taken this into account" in str(diagnose(model))


def test_lbfgs_that_has_not_converged_has_no_rate_to_raise():
    options = dict(optimizer="lbfgs", solver="batch", random_state=0)
    model = MLPGDClassifier(5, early_stopping=False, max_iter=3, **options)
    assert kinds(model.fit(X_DIGITS, Y_DIGITS)) == ["too short"]
    model.set_params(max_iter=12).fit(X_DIGITS, Y_DIGITS)
    (finding,) = diagnose(model)
    assert finding.kind == "too slow"
    assert finding.statement.endswith("whether it helps to raise max_iter.")
    assert "learning_rate_init" not in finding.statement


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("optimizer", "rate"), [("sgd", 0.03), ("momentum", 0.01), ("adam", 0.003)]
)
def test_overfitting_estimators(optimizer, rate, seed):
    # noise for a target: whatever is learned is wrong
    rng = np.random.RandomState(seed)
    rows, y = rng.randn(60, 30), rng.randn(60)
    options = dict(early_stopping=True, validation_fraction=0.4, max_iter=300)
    options.update(n_iter_no_change=1000, random_state=seed)
    model = MLPGDRegressor(
        100, optimizer=optimizer, learning_rate_init=rate, **options
    ).fit(rows, y)
    assert "overfitting" in diagnose(model).kinds
    if optimizer == "adam":
        theirs = MLPRegressor(learning_rate_init=rate, **options).fit(rows, y)
        assert "validation score" in str(diagnose(theirs))


@pytest.mark.filterwarnings("error")
def test_huge_numbers_are_as_others_without_warnings():
    decay = np.exp(-np.arange(100) / 10)
    for curve, kind in (
        (2 * 361.0 ** np.arange(121), "diverging"),
        (1.7e308 * np.linspace(-1, 1, 50), "diverging"),
        (1e300 * decay, "converged"),
        (1e-310 * decay, "converged"),
        (-1e120 * np.arange(50), "too slow"),
    ):
        assert diagnose(curve).kinds == [kind]


def test_what_held_out_data_do_not_need_is_not_too_slow():
    epochs = np.arange(100)
    training = np.exp(-epochs / 50)
    assert "too slow" in diagnose(training).kinds
    assert "too slow" in diagnose(training, 2 + training).kinds
    rests = 1 + np.exp(-epochs / 10)
    assert "too slow" not in diagnose(training, rests).kinds
