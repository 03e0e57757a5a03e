"""What the four estimators share: validate, resolve, fit, continue, publish."""

from abc import abstractmethod
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from .._data.conversion import change_units
from .._data.exposure import as_rates
from .._data.features import NoWeight, check_weights
from .._data.held_out import is_validated, validation
from .._data.magnitudes import too_large
from .._data.prepare import prepare
from .._data.samples import Given, check_samples
from .._data.targets import ClassEncoding, RegressionEncoding
from .._engine.architecture import Architecture, set_views
from .._engine.threads import single_blas_thread
from .._rules.warn import warn
from .._training.descent import Outcome, descend
from .._training.divergence import Diverged, largest_columns, strong_penalty
from .._training.lbfgs import descend_by_lbfgs
from .._training.observers import (
    CallbackSupportMixin,
    FitTask,
    Observers,
    Progress,
    has_callbacks,
    with_callbacks,
)
from .._training.state import TrainingState
from .._training.stopping import Stopping
from ..optimizers import SGD, Momentum
from .convertible import Convertible
from .lbfgs import check_lbfgs, is_lbfgs
from .parameters import Settings
from .scoring import held_out_score
from .stripping import Strippable, check_not_stripped
from .trials import Interrupted

# If training diverges, standardised features with a larger mean square are named.
FAR = 100


class GradientDescent(CallbackSupportMixin, Strippable, Convertible, Settings):
    """Base of the four estimators.

    A subclass for the kind of target (`regression.py`, `classification.py`) defines how
    ``y`` is encoded and how predictions are scored. A subclass for the kind of model
    (`linear_model.py`, `perceptron.py`) defines the network and converts its parameters
    to and from the public attributes.
    """

    # ------------------------------------------------- what a kind of target declares
    # how targets are encoded: RegressionEncoding or ClassEncoding
    _encoding_class: type
    # whether targets are numbers, which can be standardised
    _y_numeric: bool

    @abstractmethod
    def _class_weights(self, y, weights, encoding, incremental):
        """Return the factors of the sample weights, `ClassWeights`, or None."""

    @abstractmethod
    def _score_raw(self, Z, y, weights):
        """Return the score of raw predictions, or NaN if they are not finite."""

    # ------------------------------------------------- what a kind of model declares
    # how many epochs more than n_iter_no_change without an improvement make a plateau
    _patience_beyond: int
    # whether plateaus are found by comparing mean losses (see `Stopping`)
    _windowed_tol: bool
    # the least number of classes: 1 or 2, as for scikit-learn's MLP* and SGD*
    _least_classes: int
    # the value of `t_` before the first sample
    _t_start: int
    # the largest standardised value, in standard deviations; None for no limit
    _most_deviations: float | None
    # the text of the warning if max_iter epochs were not enough
    _not_converged: str

    @abstractmethod
    def _architecture(self, rules, samples):
        """Return the `Architecture` of the network for these samples."""

    @abstractmethod
    def _initialise(self, architecture, views, rng):
        """Draw the initial parameters of a network into the views of its vector."""

    @abstractmethod
    def _parameters_set_by_hand(self):
        """Return public attributes that were set before the first fit, as `start`."""

    @abstractmethod
    def _adopt_public(self, architecture, state, start):
        """Continue from `start`, or from public attributes that the user changed."""

    @abstractmethod
    def _publish(self, architecture, state):
        """Set the public attributes, which act on raw data, to those of a state."""

    @abstractmethod
    def _raw(self, X):
        """Return the raw predictions of the public attributes, in the user's units."""

    def _knots(self, X, weights, before):
        # the `Knots` of the features, of which a network can read hat functions
        return None

    # ------------------------------------------------- what `fit` stores
    # the training, which partial_fit and warm_start continue
    _state: TrainingState
    # the network, with the scale of its targets
    _architecture_: Architecture
    # how the targets were encoded
    _encoding: RegressionEncoding | ClassEncoding

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __sklearn_is_fitted__(self):
        # Parameters that were set by hand are the start of a fit, not its result.
        return hasattr(self, "_state")

    @property
    def _fitted_loss(self):
        # the loss of the training, even if the parameter has been changed since
        return self._architecture_.loss

    @property
    def _has_penalty(self):
        # whether the training loss contains a penalty
        return self.penalty is not None and self.alpha_ > 0

    def _decode(self, Z):
        # raw predictions to predictions
        return self._encoding.decode(Z)

    # ------------------------------------------------------------ early stopping
    def _scorer(self, weighted):
        return held_out_score(self, weighted)

    def _at(self, state):
        # this estimator with the parameters of a state
        model = self._alias()
        model._publish(self._architecture_, state)
        model._state = state
        return model

    def _alias(self):
        # another estimator with the same attributes, objects included
        model = type(self).__new__(type(self))
        model.__dict__.update(self.__dict__)
        return model

    def __copy__(self):
        # Continuing the training of the copy does not change this estimator.
        model = self._alias()
        if hasattr(self, "_state"):
            model._state = self._state.copy()
            if getattr(self, "loss_curve_", None) is self._state.losses:
                model.loss_curve_ = model._state.losses
        return model

    # ------------------------------------------------------------ fitting
    @contextmanager
    def _all_or_nothing(self):
        # If there is an error, the estimator remains as it was before the call.
        before = self.__dict__.copy()
        state = before.get("_state")
        mark = None if state is None else state.mark()
        try:
            yield
        except BaseException:
            self.__dict__ = before  # at once, so that a second interrupt does no harm
            if state is not None:
                state.undo(mark)
            raise

    def _fit(self, X, y, sample_weight, held_out, **options):
        given = Given(X, y, sample_weight, **held_out._asdict(), **options)
        # (the statistics of the data must not depend on the number of threads either)
        with self._all_or_nothing(), single_blas_thread():
            return self._fit_as_task(given)

    @with_callbacks
    def _fit_as_task(self, given):
        rules = self._resolve()
        check_lbfgs(self, rules)
        before = self._state_before(given)
        given = as_rates(self, given, rules["loss"], before)
        try:
            samples = check_samples(self, given, rules["loss"], before)
        except NoWeight as error:
            if not given.incremental:
                raise
            if before is None:
                raise NoWeight(
                    f"{error} The first call of partial_fit needs some, because there "
                    "is no model yet."
                ) from None
            return self  # a piece of a stream without any weight has no effect
        rules = self._settled(rules, samples, given.incremental)
        architecture = self._architecture(rules, samples)
        state = self._next_state(architecture, samples, before)
        state.weight_of_exposure = given.weight_of_exposure
        validated = is_validated(self, len(samples.y), given)
        try:
            rules, tried = self._planned(rules, samples, architecture, state, given)
        except Interrupted as interrupted:
            return self._publish_trial(interrupted.fold, given)
        validated = validated and tried is None
        options = {"solver": rules["solver"], "validated": validated}
        data = prepare(self, given, samples, architecture, state, **options)
        state.tried = tried
        self._start_or_continue(architecture, state, data, given, before)
        task = self._begin_task(given, samples, rules["max_iter"])
        outcome = self._train(rules, state, data, given, task)
        self._publish_fit(state, outcome, given)
        if task is not None:
            task.end()
        return self

    def _planned(self, rules, samples, architecture, state, given):
        # the rules, and the result of the trial that has chosen some of them; None if
        # there was no trial
        return rules, None

    def _state_before(self, given):
        # the state of the training that is continued; None if a new one begins
        goes_on = given.incremental or self.warm_start
        before = getattr(self, "_state", None) if goes_on else None
        check_not_stripped(self, before, given.method)
        return before

    def _begin_task(self, given, samples, max_iter):
        # for callbacks, if there are any; they get the data as the user passed them
        if not has_callbacks(self):
            return None
        weights = check_weights(given.sample_weight, samples.X)
        n_epochs = 0 if given.incremental else max_iter
        return FitTask(self, given.X, given.y, weights, given.method, n_epochs)

    def _next_state(self, architecture, samples, before):
        if before is None:
            return self._new_state(architecture, samples.X.dtype)
        self._check_same_network(architecture)
        return before.next_call()

    def _new_state(self, architecture, dtype):
        # For None, there is a new generator; NumPy's global generator is never used.
        seed = self.random_state
        rng = np.random.RandomState() if seed is None else check_random_state(seed)
        state = TrainingState(
            theta=architecture.new_theta(dtype),
            running=architecture.new_running(dtype),
            rng=rng,
        )
        views = architecture.views(state.theta)
        self._initialise(architecture, views, rng)
        return state

    def _start_or_continue(self, architecture, state, data, given, before):
        # set the parameters, in units of training, to where training starts
        units = data.units
        if units is not None and units.targets is not None:
            scale = tuple(units.target_unit.tolist())
            architecture = replace(architecture, target_scale=scale)
        self._architecture_, self._encoding = architecture, data.encoding
        if data.encoding.classes is not None:
            self.classes_ = data.encoding.classes
        start = given.start
        if before is None:
            if start is None and (given.incremental or self.warm_start):
                start = self._parameters_set_by_hand()
            state.units = units
            state.only_streamed = given.incremental and start is None
            self._begin(architecture, state, start)
        else:
            self._adopt_public(architecture, state, start)
            state.only_streamed &= given.incremental
            change_units(architecture, state, units)

    def _begin(self, architecture, state, start):
        # set the parameters to `start`, which acts on raw data, if it is given
        if start is None:
            return
        views = architecture.views(state.theta)
        set_views(views, start)
        b = views["b"] if "b" in start else []
        W, b = architecture.absorb(views["W"], b, state.units)
        set_views(views, {"W": W, "b": b} if b else {"W": W})

    def _check_same_network(self, architecture):
        before = self._architecture_
        labels = {
            "sizes": "numbers of features, units of hidden layers if any, and outputs",
            "fit_intercept": "fit_intercept",
            "batch_norm": "batch_norm",
            "input_batch_norm": "batch_norm",
            "input_scale": "input_scale",
        }
        for name, label in labels.items():
            was, now = getattr(before, name), getattr(architecture, name)
            if was != now:
                raise ValueError(
                    f"warm_start and partial_fit continue a model of the same {label}. "
                    f"It was {was!r}, now it would be {now!r}."
                )

    def _train(self, rules, state, data, given, task=None):
        validate = self._validation(state, data, given)
        stops_early = validate is not None and not given.incremental
        self._watch(state, stops_early, given.incremental)
        if not given.incremental:
            state.begin_fit()
        state.is_stream_validated |= validate is not None and given.incremental
        state.add_weights(data)
        recipe = self._recipe(rules, data, state, given.incremental)
        self.alpha_ = recipe.alpha
        observers = self._observers(data, task, given.incremental)
        run = descend_by_lbfgs if is_lbfgs(recipe.optimizer) else descend
        with self._advice_on_divergence(recipe, data):
            return run(state, self._architecture_, data, recipe, validate, observers)

    @contextmanager
    def _advice_on_divergence(self, recipe, data):
        try:
            yield
        except Diverged as error:
            rate = None
            if not is_lbfgs(recipe.optimizer):
                size, single_pass = recipe.batch_size, recipe.single_pass
                own = self._own_rate(recipe.optimizer, size, single_pass)
                rate = min(error.rate / 10, own)
            # (the inputs that a network appends to the features are never large)
            X, Y = data.arrays.X, data.arrays.Y
            X = X if X.shape[1] == self.n_features_in_ else X[:, : self.n_features_in_]
            names = getattr(self, "feature_names_in_", None)
            advice = too_large(X, X.dtype, names) or too_large(Y, X.dtype, targets=True)
            advice = advice or strong_penalty(recipe.alpha, rate)
            advice = advice or self._advice(recipe.optimizer, X, rate)
            raise ValueError(f"{error} {advice}") from error

    def _validation(self, state, data, given):
        # the function that is called after each epoch; None without held-out samples
        if data.held_out is None:
            return None
        # if the user has not passed weights, a callable need not accept any
        scorer = self._scorer(given.weighs_validation)
        return validation(
            data.held_out, self._architecture_, state.units, self._score_raw, scorer
        )

    def _watch(self, state, stops_early, incremental):
        # Calls of partial_fit share one `Stopping` while they watch the same number.
        patience = self.n_iter_no_change + self._patience_beyond
        watched = "training loss"
        if stops_early:
            watched = f"validation {'loss' if self.scoring is None else 'score'}"
        if not incremental or state.stopping is None or state.watched != watched:
            state.stopping = Stopping(self.tol, patience, self._windowed_tol)
            state.watched = watched
        state.stopping.tol, state.stopping.patience = self.tol, patience

    def _observers(self, data, task, incremental):
        progress = None
        if self.verbose:
            validated = data.held_out is not None
            options = {"go_on": incremental, "penalized": self._has_penalty}
            progress = Progress(int(self.verbose), validated, **options)
        if incremental:  # a single pass, which has no epochs
            return Observers(progress)
        if task is not None:
            task.train_on(data.rows)
        return Observers(progress, task)

    def _publish_trial(self, fold, given):
        # the network of a trial, after the user has interrupted the trials
        self._architecture_ = fold.architecture
        fold.outcome.interrupted = True
        self._publish_fit(fold.state, fold.outcome, given)
        return self

    def _publish_fit(self, state, outcome, given):
        state.end_call(given.incremental)
        self._publish_curves(state, outcome)
        self._publish(self._architecture_, state)
        if state.rng is self.random_state:  # later calls do not use the user's object
            state.rng = deepcopy(state.rng)
        self._state = state
        if self.tol is not None and not (given.incremental or outcome.ended):
            reason = outcome.reason or self._not_converged.format(self.max_iter)
            warn(reason, ConvergenceWarning)

    def _as_if_ended(self, state, n_iter):
        # the attributes that `fit` would set if it ended after this epoch
        state = state.copy()
        state.restore_best()
        state.end_call()
        model = self._at(state)
        if state.n_epochs:
            model._publish_curves(state, Outcome(n_iter))
        return vars(model)

    def _advice(self, optimizer, X, rate):
        # what to try after divergence; `rate` is a smaller learning rate, and None if
        # the optimizer has no learning rate
        columns, square = largest_columns(X, getattr(self, "feature_names_in_", None))
        if isinstance(optimizer, SGD | Momentum):
            # A quadratic loss has at most this curvature, which bounds the rate.
            rate = min(rate, 1 / max(square, 1e-300))
        smaller = "a smaller learning_rate_init" + (f", say {rate:.1g}" if rate else "")
        if self.standardize:
            # (a piece of a stream can be far from the earlier pieces)
            far = f"{columns} " if square > FAR * X.shape[1] else ""
            if rate is None:
                return (
                    f"{far}The data are standardised; check the targets, and the "
                    "parameters at which training starts."
                )
            return f"{far}The data are standardised; {smaller}, might help."
        return (
            "The input data may contain large values and need to be preprocessed. "
            f"{columns} Scaling input data with StandardScaler or MinMaxScaler might "
            f"help, or standardize=True{'' if rate is None else f'; or {smaller}'}."
        )

    def _publish_curves(self, state, outcome):
        stops_early = state.watched != "training loss"
        validated = stops_early or state.is_stream_validated
        self.n_iter_ = outcome.n_iter
        self.n_restarts_ = state.n_restarts
        self.t_ = state.n_seen + self._t_start
        self.loss_curve_ = state.losses
        self.loss_ = state.losses[-1]
        self.learning_rate_ = state.learning_rate
        self.best_loss_ = None if stops_early else state.least_loss
        self.validation_scores_ = list(state.validation_scores) if validated else None
        losses = state.validation_loss_curve
        self.validation_loss_curve_ = list(losses) if validated else None
        self.best_iter_ = state.best_iter if stops_early else None
        self.best_validation_score_ = state.best_score if stops_early else None
