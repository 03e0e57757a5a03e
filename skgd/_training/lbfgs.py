"""L-BFGS: SciPy minimises the training objective, and its iterations are the epochs."""

from collections import deque
from typing import NamedTuple

import numpy as np
from scipy import sparse as sp
from scipy.optimize import LbfgsInvHessProduct, minimize

from .._data.features import as_rows
from .._engine.distributed_rows import DistributedRows
from .._engine.epoch import training_loss
from .._engine.memory import aligned
from .._engine.network import Data, Network
from .._engine.shards import workspace
from .._rules.warn import warn
from ..penalties import penalty_value
from .checkpoint import Journal
from .descent import Outcome, note_plateau, take_note
from .divergence import Diverged
from .passes import Pass
from .whitening import Whitening

# An iteration that lowers the objective by less than this share has moved nothing.
LEAST_FALL = np.finfo(np.float64).eps
# The gradient is at the level of rounding errors if a quasi-Newton step would lower the
# objective by less than so many of them.
ROUNDING_ERRORS = 100
# At the optimum, a stream goes on at the rate that it has after so many updates. At the
# rate of its beginning, a pass over 442 rows lowered R2 from 0.52 to 0.46.
UPDATES_TO_OPTIMUM = 2000


def descend_by_lbfgs(state, architecture, data, recipe, validate, observers):
    """Minimise the objective by L-BFGS until the gradient is small, or `max_iter`.

    Parameters
    ----------
    state, architecture, data, recipe, validate, observers : object
        As `descend` takes them. The optimizer of the recipe is `LBFGS`.

    Returns
    -------
    outcome : Outcome
        How it ended.

    Raises
    ------
    Diverged
        If the objective is not finite at the start.
    """
    state.forget_average()
    state.drop_slots()
    state.learning_rate = np.nan
    state.n_restarts = 0
    objective = Objective(state, architecture, data, recipe)
    epochs = _Epochs(state, objective, data.n_samples, recipe, validate, observers)
    outcome = epochs.outcome
    try:
        _iterate(epochs, recipe, state.stopping.tol)
    except KeyboardInterrupt:
        outcome.n_iter = epochs.journal.roll_back()
        # Before the first iteration has ended there is nothing to keep.
        if outcome.n_iter == 0:
            raise
        warn("Training interrupted by user.")
        outcome.interrupted = True
    finally:
        observers.close()
    state.converged = outcome.stopped
    state.head_start = UPDATES_TO_OPTIMUM
    state.restore_best()
    return outcome


def _iterate(epochs, recipe, tol):
    objective, outcome, rule = epochs.objective, epochs.outcome, recipe.optimizer
    start = objective.start
    epochs.evaluate(start)
    if objective.steepest <= epochs.least_gradient:
        epochs.end_epoch()
        outcome.stopped = True
        return
    result = minimize(
        epochs.evaluate,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=epochs.end_iteration,
        options={
            "maxiter": recipe.max_iter,
            "maxfun": rule.max_fun,
            "maxcor": rule.memory,
            "gtol": 0.0,  # tol is on the derivatives in the parameters, not in x
            "ftol": LEAST_FALL,
        },
    )
    if epochs.begun and not outcome.ended:
        # The start is a minimum, or the line search found no better point.
        epochs.end_epoch()
    if outcome.ended:
        return
    steepest = objective.steepest
    if result.success or (result.status == 2 and objective.is_rounded):
        outcome.stopped = True
        return
    what, advice = _why(result, outcome.n_iter, recipe)
    outcome.reason = (
        f"lbfgs has not converged: {what}, and the largest element of the gradient is "
        f"{steepest:.2g} (tol={tol}). {advice}"
    )


def _why(result, n_iter, recipe):
    # why SciPy ended before the gradient was small, and what may help
    if result.status == 2:
        what = "the line search found no lower value of the objective"
        advice = "Choose a loss without kinks, or another optimizer, or increase tol."
        return what, advice
    if n_iter >= recipe.max_iter:
        name, limit, what = "max_iter", recipe.max_iter, "iterations"
    else:
        name, limit, what = "max_fun", recipe.optimizer.max_fun, "evaluations"
    what = f"{name}={limit} {what} were not enough"
    return what, f"Increase {name} or tol."


class _Point(NamedTuple):
    x: np.ndarray
    theta: np.ndarray  # the parameters
    slopes: np.ndarray  # the derivatives of the objective in them
    gradient: np.ndarray  # the derivatives in x
    value: float
    reported: float


class Objective:
    """The training objective as a function of a point in float64.

    A point is the vector of the parameters or, for a linear model, their coordinates in
    which the features are white (see `Whitening`).

    Parameters
    ----------
    state : TrainingState
        Its parameters are the start. They are not changed.
    architecture : Architecture
        Of the network.
    data : TrainingData
        The samples.
    recipe : Recipe
        Has the penalty.

    Attributes
    ----------
    start : ndarray of shape (n_params,), float64
        The point where the parameters are those of the state.
    x, gradient : ndarray of shape (n_params,)
        The last accepted point, and the gradient there.
    theta : ndarray of shape (n_params,)
        The parameters there.
    steepest : float
        The largest derivative of the objective in a parameter there.
    value, reported : float
        The objective there, in units of training and in the user's.
    """

    def __init__(self, state, architecture, data, recipe):
        arrays = _training_arrays(data)
        self._theta = aligned(state.theta)
        net = Network(architecture, self._theta, state.running, sp.issparse(arrays.X))
        self._work = workspace(net, arrays, arrays.n_samples)
        self._pass = Pass(self._work, state, recipe, None, None, 1, 0)
        self._n_penalised = net.n_penalised
        self._eps = np.finfo(state.theta.dtype).eps
        self.start = state.theta.astype(np.float64)
        self._whitening = None
        if len(architecture.sizes) == 2:
            _, l2 = self._pass.strengths()
            self._whitening = Whitening(architecture, arrays, l2)
            self.start = self._whitening.point(self.start)
        # the last steps, and the changes of the gradient in them
        self._steps = deque(maxlen=recipe.optimizer.memory)
        self._last = self.x = None

    def __call__(self, x):
        """Evaluate the objective and its gradient.

        Parameters
        ----------
        x : ndarray of shape (n_params,)
            A point.

        Returns
        -------
        value : float
            The objective. Where it is not finite, a large value takes its place, so
            that the line search makes a tenth of the step.
        gradient : ndarray of shape (n_params,)
            The gradient.
        """
        if self._last is not None and np.array_equal(x, self._last.x):
            return self._last.value, self._last.gradient
        point = self._evaluate(x)
        finite = np.isfinite(point.value) and np.isfinite(point.gradient).all()
        if self._last is None:
            if not finite:
                raise Diverged(
                    "The objective is not finite at the start of training.",
                    np.nan,
                    point.reported,
                )
            self._accept(point)
        if not finite:
            # A parabola through the accepted point, with the slope there and its
            # minimum at a tenth of the step: SciPy interpolates by it.
            fall = abs(self.gradient @ (x - self.x))
            point = point._replace(
                value=self.value + 4 * fall, gradient=-9 * self.gradient
            )
        self._last = point
        return point.value, point.gradient

    def _evaluate(self, x):
        p, (_, l2) = self._n_penalised, self._pass.strengths()
        with np.errstate(over="ignore", invalid="ignore"):
            theta = x.copy() if self._whitening is None else self._whitening.theta(x)
            self._theta[:] = theta
            loss, reported = training_loss(
                self._work,
                order=None,
                weight_mean=self._pass.state.weight_mean,
                seed=0,
                step=0,
                backward=True,
            )
            slopes = self._work.gradient.astype(np.float64)
            slopes[:p] += l2 * theta[:p]
            gradient = slopes
            if self._whitening is not None:
                gradient = self._whitening.gradient(slopes)
        penalty = penalty_value(theta[:p], 0.0, l2)
        value, reported = self._pass.with_penalty(loss, reported, penalty)
        return _Point(x.copy(), theta, slopes, gradient, value, reported)

    def accept(self, x):
        """Take note that an iteration ended here.

        Parameters
        ----------
        x : ndarray of shape (n_params,)
            A point, as a rule that of the last evaluation.
        """
        self(x)
        point = self._last
        step, change = point.x - self.x, point.gradient - self.gradient
        if step @ change > 0:
            self._steps.append((step, change))
        self._accept(point)

    def _accept(self, point):
        self.x, self.gradient = point.x, point.gradient
        self.theta, self.steepest = point.theta, float(np.abs(point.slopes).max())
        self.value, self.reported = point.value, point.reported

    @property
    def is_rounded(self):
        """Whether no fall can be seen, because rounding errors are larger."""
        direction = self.gradient
        if self._steps:
            steps, changes = map(np.array, zip(*self._steps, strict=True))
            direction = LbfgsInvHessProduct(steps, changes) @ direction
        with np.errstate(over="ignore", invalid="ignore"):
            fall = self.gradient @ direction
        return fall <= ROUNDING_ERRORS * self._eps * abs(self.value)


def _training_arrays(data):
    # The training rows are copied once, which takes no more memory than the batch of
    # all rows that would otherwise be loaded for each evaluation.
    arrays, rows = data.arrays, data.rows
    if rows is None:
        return arrays
    rows = np.sort(rows)
    weights = None if arrays.weights is None else arrays.weights[rows]
    Y = np.ascontiguousarray(arrays.Y[rows])
    if isinstance(arrays.X, DistributedRows):
        return Data(arrays.X.take(rows), Y, weights)
    return Data(as_rows(arrays.X[rows]), Y, weights)


class _Epochs:
    # The iterations of SciPy as epochs. An epoch begins with an evaluation, because
    # only SciPy knows after an iteration whether another one follows.
    def __init__(self, state, objective, n_samples, recipe, validate, observers):
        self.state, self.objective, self.recipe = state, objective, recipe
        self.n_samples = n_samples
        self.validate, self.observers = validate, observers
        self.outcome = Outcome()
        self.journal = Journal(state)
        self.begun = False
        tol = state.stopping.tol
        self.least_gradient = -np.inf if tol is None else tol

    def evaluate(self, x):
        if not self.begun:
            self.observers.begin_epoch(self.state, self.outcome.n_iter)
            self.begun = True
        return self.objective(x)

    def end_iteration(self, intermediate_result):
        # (SciPy passes the result to an argument of this name)
        self.objective.accept(intermediate_result.x)
        self.end_epoch(moved=True)
        if not self.outcome.ended:
            self.outcome.stopped = self.objective.steepest <= self.least_gradient
        if self.outcome.ended:
            raise StopIteration

    def end_epoch(self, moved=False):
        state, objective, outcome = self.state, self.objective, self.outcome
        self.journal.begin_epoch(outcome.n_iter)
        self.begun = False
        if moved:
            state.theta[:] = objective.theta
            state.step += 1
            state.n_seen += self.n_samples
        take_note(state, objective.value, objective.reported, True, self.validate)
        plateau = None
        if self.validate is not None:
            plateau = note_plateau(state, self.recipe)
        outcome.n_iter += 1
        self.journal.end_epoch()
        if self.observers.end_epoch(state, outcome.n_iter, True):
            outcome.interrupted = True
        elif plateau is not None:
            self.observers.message(plateau.message)
            outcome.stopped = True
