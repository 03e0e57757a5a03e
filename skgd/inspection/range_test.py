"""The learning rate range test."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Bunch, check_random_state

from .._data.prepare import TrainingData, arrays_in_units
from .._data.samples import Given, check_samples
from .._data.units import training_units
from .._engine.threads import single_blas_thread
from .._estimators.base import GradientDescent
from .._estimators.lbfgs import is_lbfgs
from .._rules.numbers import plain_number
from .._rules.rule import RANDOM_STATE, Allowed
from .._rules.warn import no_warnings
from .._training.divergence import Diverged
from .._training.observers import without_callbacks
from ..optimizers import OPTIMIZERS
from .loss_name import loss_name
from .shape import noise_of
from .wrapped import model_in, training_data

# Rows of a step for solver='sgd'. The loss of a single row is mostly noise.
SINGLE_ROWS = 50
# The test ends at a loss of so many times the initial one.
EXPLODED = 4


class LearningRateRange(Bunch):
    """The result of a learning rate range test, which prints as one line.

    Parameters
    ----------
    **kwargs : dict
        The attributes that `learning_rate_range` lists.
    """

    def __repr__(self):
        rates, suggestion = self.learning_rates, self.suggestion
        suggestion = "none" if suggestion is None else f"{suggestion:.2g}"
        tested = f" from {rates[0]:.2g} to {rates[-1]:.2g}" if len(rates) else ""
        end = ", where the loss exploded" if self.diverged else ""
        return f"suggestion: {suggestion} ({len(rates)} rates{tested}{end})"


def learning_rate_range(
    estimator: BaseEstimator,
    X: ArrayLike | sparray | spmatrix,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    min_rate: float = 1e-6,
    max_rate: float = 10.0,
    n_steps: int = 100,
    smoothing: float = 0.03,
    random_state: int | np.random.RandomState | None = None,
) -> LearningRateRange:
    """Learning rate range test: measure the loss while the rate grows step by step.

    In each step, a clone of the estimator makes one update on a random batch. The rate
    grows geometrically from step to step. The loss falls when the rate is large enough,
    and rises when it is too large [1]_.

    Parameters
    ----------
    estimator : estimator instance
        A GDRegressor, GDClassifier, MLPGDRegressor or MLPGDClassifier, or a Pipeline, a
        search or a TransformedTargetRegressor with one of them as its last step, its
        best estimator or its regressor, at any depth. It is not changed and need not be
        fitted. A search that is not fitted stands for its `estimator`. The `solver` and
        the `batch_size` set the number of rows in a step. With ``solver='sgd'``, a step
        consists of 50 updates with one row each, because the loss of a single row is
        mostly noise. The learning rate, the schedule and `early_stopping` of the
        estimator are ignored.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Training data. Clones of the steps before the last one of a pipeline are fitted
        and transform them first.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets. A TransformedTargetRegressor transforms them first, and the losses are
        then those of the transformed targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.
    min_rate : float, default=1e-6
        The rate of the first step.
    max_rate : float, default=10.0
        The rate of the last step.
    n_steps : int, default=100
        The largest number of steps, at least 20. The test ends early if the loss is not
        finite or more than four times the initial loss.
    smoothing : float, default=0.03
        The standard deviation of the Gaussian that smooths the losses, as a share of
        `n_steps`, in [0, 1].
    random_state : int, RandomState instance or None, default=None
        The seed of the rows and of the clone. None uses that of the estimator.

    Returns
    -------
    result : LearningRateRange
        A Bunch with the attributes

        learning_rates : ndarray of shape (n_steps_made,)
            The rates.
        losses : ndarray of shape (n_steps_made,)
            The loss of the batch in each step, before the update, plus the penalty.
        smoothed_losses : ndarray of shape (n_steps_made,)
            The smoothed losses, without a lag. An explosion is cut off and does not
            affect earlier steps.
        suggestion : float or None
            The suggested learning rate. It is the geometric mean of two rates: the rate
            where the smoothed loss falls most steeply, which is rather small, and the
            rate of the lowest loss, which is too large. It is at most a quarter of the
            latter. If it equals a quarter of `max_rate`, the range ends too early. It
            is None if the loss does not fall clearly, that is by 1% and by more than
            its noise; more steps or another range may then help. For both rates, the
            smoothing includes a later explosion in full, so that the suggestion keeps
            away from it.
        diverged : bool
            Whether the loss exploded before the last step.
        loss_name : str
            What the loss is, and its unit.

    See Also
    --------
    diagnose : Describes what a loss curve shows.

    References
    ----------
    .. [1] L. N. Smith (2017). Cyclical learning rates for training neural networks.
       WACV. https://arxiv.org/abs/1506.01186

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skgd import GDRegressor
    >>> from skgd.inspection import learning_rate_range
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = GDRegressor(optimizer="sgd", solver="batch", random_state=0)
    >>> result = learning_rate_range(reg, scale(X), scale(y))
    >>> print(f"{result.suggestion:.2f}")
    0.15
    >>> reg = reg.set_params(learning_rate_init=result.suggestion)
    >>> bool(reg.fit(scale(X), scale(y)).score(scale(X), scale(y)) > 0.5)
    True
    """
    model = model_in(estimator)
    numbers = (min_rate, max_rate, n_steps, smoothing)
    min_rate, max_rate, n_steps, smoothing = map(plain_number, numbers)
    _check_range(model, min_rate, max_rate, n_steps, smoothing)
    if model is not estimator:
        X, y = training_data(estimator, X, y)
    model = without_callbacks(clone(model))
    rng = model.random_state if random_state is None else random_state
    if rng not in RANDOM_STATE:
        raise ValueError(
            f"The 'random_state' of learning_rate_range must be {RANDOM_STATE}. Got "
            f"{rng!r} instead."
        )
    rng = np.random.RandomState() if rng is None else check_random_state(rng)
    rates = np.geomspace(min_rate, max_rate, n_steps)
    n_first = n_steps // 10
    with single_blas_thread():
        steps = _Steps(model, Given(X, y, sample_weight), rng)
        losses, diverged = _run(steps, rates.tolist(), n_first)
    rates = rates[: len(losses)]
    width = smoothing * n_steps
    smoothed, ahead = _smooth(losses, width, n_first)
    return LearningRateRange(
        learning_rates=rates,
        losses=losses,
        smoothed_losses=smoothed,
        suggestion=_suggest(rates, losses, ahead, width, n_first),
        diverged=diverged,
        loss_name=loss_name(steps.model),
    )


def _check_range(estimator, min_rate, max_rate, n_steps, smoothing):
    if not isinstance(estimator, GradientDescent):
        raise TypeError(
            "The 'estimator' parameter of learning_rate_range must be a GDRegressor, "
            "GDClassifier, MLPGDRegressor or MLPGDClassifier, or a pipeline or search "
            f"that trains one of them. Got {estimator!r} instead."
        )
    if is_lbfgs(estimator.optimizer):
        raise ValueError(
            "learning_rate_range needs an estimator with a learning rate. Got "
            f"optimizer={estimator.optimizer!r}, which has none. Set the optimizer to "
            f"one of {sorted(OPTIMIZERS)}."
        )
    for name, value, domain in (
        ("min_rate", min_rate, Allowed(Real, gt=0)),
        ("max_rate", max_rate, Allowed(Real, gt=0)),
        ("n_steps", n_steps, Allowed(Integral, ge=20)),
        ("smoothing", smoothing, Allowed(Real, ge=0, le=1)),
    ):
        if value not in domain:
            raise ValueError(
                f"The {name!r} parameter of learning_rate_range must be {domain}. Got "
                f"{value!r} instead."
            )
    if max_rate <= min_rate:
        raise ValueError(
            "The 'max_rate' parameter of learning_rate_range must be > min_rate = "
            f"{min_rate!r}. Got {max_rate!r} instead."
        )


class _Steps:
    # Updates of a clone, one a batch. The data are checked and their units chosen as
    # `fit` does, all at once, so that an error while the rate grows can only be
    # divergence. Rows without weight go: a batch of them is no batch.
    def __init__(self, model, given, rng):
        rules = model._resolve()
        samples = check_samples(model, given, rules["loss"], None)
        self.architecture = model._architecture(rules, samples)
        self.units = training_units(model, samples, self.architecture)
        self.samples = samples.with_weight()
        self.batches = _batches(model, rules, self.samples.X.shape[0], rng)
        seed = rng.randint(2**31 - 1)
        model.set_params(learning_rate="constant", random_state=seed, verbose=False)
        self.rules = {**model._resolve(), "max_iter": 1, "short": False}
        # a piece of a stream is a single pass
        self.model, self.given = model, replace(given, incremental=True)
        self.state = None

    def make(self, rate):
        # the loss of one more step; raises ValueError where training diverges
        model, samples = self.model, self.samples.take(next(self.batches))
        model.set_params(learning_rate_init=rate)
        arrays = arrays_in_units(model, samples, self.units, self.rules["solver"])
        data = TrainingData(arrays, self.units, samples.encoding)
        if self.state is None:
            self.state = model._next_state(self.architecture, samples, None)
            model._start_or_continue(
                self.architecture, self.state, data, self.given, None
            )
        model._train(self.rules, self.state, data, self.given)
        self.state.end_call()
        return self.state.losses[-1]


def _batches(model, rules, n, rng):
    # Rows of each step, in random order. A batch is one update: it is all the rows
    # that the clone is given.
    if rules["solver"] == "sgd":
        size = SINGLE_ROWS
    elif rules["solver"] == "batch":
        size = n
    else:
        size = model.batch_size
        if size == "auto":
            size = model._own_batch_size(n)
        model.set_params(solver="batch")
    size = min(size, n)
    while True:
        order = rng.permutation(n)
        for end in range(size, n + 1, size):
            yield order[end - size : end]


def _run(steps, rates, n_first):
    # losses of the steps, and whether they exploded
    losses = []
    for rate in rates:
        try:
            with no_warnings():
                losses.append(steps.make(rate))
        except ValueError as error:
            # the data are valid; any other error is one of ours
            diverged = error.__context__
            if not isinstance(diverged, Diverged):
                raise
            if np.isfinite(diverged.loss):
                losses.append(diverged.loss)
            return np.array(losses, dtype=np.float64), True
        if steps.state.n_restarts:
            return np.array(losses, dtype=np.float64), True
        if len(losses) > n_first:
            start = np.mean(losses[:n_first])
            # the mean of three: a single batch may be unlucky
            limit = start + (EXPLODED - 1) * abs(start)
            if start != 0 and np.mean(losses[-3:]) > limit:
                return np.array(losses, dtype=np.float64), True
    return np.array(losses, dtype=np.float64), False


def _smooth(losses, width, n_first):
    # Centred means, which do not lag behind the rate: to be shown, where a rise does
    # not begin before that of the losses, and with all that lies ahead.
    if not len(losses):
        return losses, losses
    start = losses[:n_first].mean()
    losses = np.minimum(losses, start + abs(start)) if start else losses
    reach = int(np.ceil(3 * width))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / max(width, 1e-9)) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(losses, reach, mode="edge")
    ahead = np.convolve(padded, kernel, mode="valid")
    # later losses count at most as much as the largest earlier one
    shown = np.empty_like(ahead)
    for step in range(len(losses)):
        most = losses[max(0, step - reach) : max(step, reach) + 1].max()
        window = padded[step : step + len(kernel)]
        shown[step] = np.minimum(window, most) @ kernel
    return shown, ahead


def _suggest(rates, losses, smoothed, width, n_first):
    if len(losses) <= n_first:
        return None
    least = int(smoothed.argmin())
    start = losses[:n_first].mean()
    fall = start - smoothed[least]
    # Variances of the two means, the smoothed one over about sqrt(4 pi) widths; of
    # many smoothed values the least is about 2.5 deviations low by chance.
    share = 1 / n_first + 1 / max(1, 3.5 * width)
    noise = np.sqrt(share) * noise_of(np.diff(losses[: max(least, 3 * n_first)]), 2)
    if least < n_first or fall <= max(0.01 * abs(start), 4 * noise):
        return None
    # Before a tenth of the fall, a steep slope is noise.
    begin = int(np.flatnonzero(smoothed[:least] > start - 0.1 * fall)[-1:].sum())
    slopes = np.gradient(smoothed, np.log(rates))
    steepest = begin + int(slopes[begin : least + 1].argmin())
    # On quadratics with 2 / L the largest stable rate, the least loss is at 0.8 to 3.4
    # times that rate: the rate grows on while divergence gets under way.
    return float(min(np.sqrt(rates[steepest] * rates[least]), rates[least] / 4))
