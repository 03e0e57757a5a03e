"""What the four estimators share: validate, resolve, fit, continue, publish."""

import warnings
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace

import numpy as np
from scipy import sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state

from .._data.conversion import change_units
from .._data.features import as_rows, check_weights, validate_features
from .._data.held_out import HeldOut, split, validation
from .._data.units import moments_of, to_units, units_of
from .._engine.architecture import set_views
from .._engine.network import Data
from .._engine.threads import single_blas_thread
from .._training.descent import Outcome, descend
from .._training.divergence import Diverged, largest_columns
from .._training.observers import (
    CallbackSupportMixin,
    FitTask,
    Observers,
    Progress,
    has_callbacks,
    with_callbacks,
)
from .._training.state import TrainingState, update_weight_mean
from .._training.stopping import Stopping
from ..optimizers import SGD, Momentum
from .parameters import Settings

# early_stopping='auto' is on for more samples than this, as in scikit-learn's
# HistGradientBoosting*.
AUTO_EARLY_STOPPING = 10_000
# Bytes of dense features of which no standardised copy is made: batches of them are
# standardised as they are loaded (0.96 to 1.04 times the time of a fit with a copy).
LARGE = 2**26
# Standardised features with a larger mean square are named where training diverges.
FAR = 100


class GradientDescent(CallbackSupportMixin, Settings):
    """Base of the four estimators.

    A subclass for the kind of target (`_data/targets.py`) encodes ``y`` and decodes
    raw predictions. A subclass for the kind of model (`linear_model.py`,
    `perceptron.py`) says what the network is and moves its parameters from and to the
    public attributes.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __sklearn_is_fitted__(self):
        # Parameters that were set by hand are where a fit starts, not its result.
        return hasattr(self, "_state")

    @property
    def _fitted_loss(self):
        # what was trained, whatever the parameter says now
        return self._architecture_.loss

    # ------------------------------------------------------------ data
    def _validate(self, X, y, state, incremental=False):
        # features and target in the state's dtype
        new = state is None
        dtype = [np.float64, np.float32] if new else state.theta.dtype
        return self._checked(X, y, dtype, incremental=incremental, reset=new)

    def _checked(self, X, y, dtype, **options):
        # features and target as scikit-learn checks them
        X, y = validate_features(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=dtype,
            order="C",
            multi_output=True,
            y_numeric=self._y_numeric,
            **options,
        )
        return as_rows(X), y

    def _stops_early(self, n_samples, X_val, y_val, sample_weight_val):
        for given, missing in (("X_val", "y_val"), ("y_val", "X_val")):
            values = {"X_val": X_val, "y_val": y_val}
            if values[given] is not None and values[missing] is None:
                raise ValueError(
                    f"{given} is provided, but {missing} was not provided."
                )
        if X_val is None and sample_weight_val is not None:
            raise ValueError(
                "sample_weight_val is provided, but X_val was not provided."
            )
        if X_val is not None and not self.early_stopping:
            raise ValueError(
                "X_val and y_val are passed to fit while at the same time "
                "early_stopping is False. When passing X_val and y_val to fit, "
                "early_stopping should be set to either 'auto' or True."
            )
        if self.early_stopping == "auto":
            return X_val is not None or n_samples > AUTO_EARLY_STOPPING
        return bool(self.early_stopping)

    def _validation_data(self, X, X_val, y_val, sample_weight_val, factors):
        # what the user holds out, in the dtype and form of X
        try:
            X_val, y_val = self._checked(X_val, y_val, X.dtype, reset=False)
            y_val, Y_val = self._encode_more(y_val, X.dtype)
            weights = check_weights(sample_weight_val, X_val)
            weights = self._times_class_weights(y_val, weights, factors, X.dtype)
        except ValueError as error:
            raise ValueError(
                f"In X_val, y_val or sample_weight_val: {error}"
            ) from error
        return HeldOut(X_val, y_val, Y_val, weights).like(X)

    def _scorer(self, weighted):
        # of a state on held-out data; None for the loss
        if self.scoring is None:
            return None
        scorer = check_scoring(self, scoring=self.scoring)

        def score(state, held_out):
            model = self._at(state)
            vars(model).pop("feature_names_in_", None)  # validated features have none
            keywords = {"sample_weight": held_out.weights} if weighted else {}
            found = float(scorer(model, held_out.X, held_out.y, **keywords))
            if np.isnan(found):
                raise ValueError(
                    f"scoring={self.scoring!r} gave nan on the held-out data: early "
                    "stopping cannot watch it."
                )
            return found

        return score

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
        # Going on with the copy leaves this one alone.
        model = self._alias()
        if hasattr(self, "_state"):
            model._state = self._state.copy()
            if getattr(self, "loss_curve_", None) is self._state.losses:
                model.loss_curve_ = model._state.losses
        return model

    # ------------------------------------------------------------ fitting
    @contextmanager
    def _all_or_nothing(self):
        # After an error the estimator is what it was before the call.
        before = self.__dict__.copy()
        state = before.get("_state")
        mark = None if state is None else state.mark()
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            if state is not None:
                state.undo(mark)
            raise

    def _fit(self, X, y, sample_weight, **options):
        # (the statistics of the data, too, must not depend on the number of threads)
        with single_blas_thread(), self._all_or_nothing():
            return self._fit_as_task(X, y, sample_weight, **options)

    @with_callbacks
    def _fit_as_task(
        self,
        X,
        y,
        sample_weight,
        *,
        incremental=False,
        classes=None,
        start=None,
        units=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        # `start`: initial parameters by kind, from coef_init and the like; `units`:
        # where they are known from more data than these
        given = X, y  # what callbacks see
        given_val = X_val, y_val, sample_weight_val
        rules = self._resolve()
        state = getattr(self, "_state", None)
        if not (incremental or self.warm_start):
            state = None
        new = state is None
        if new and start is None and (incremental or self.warm_start):
            start = self._parameters_set_by_hand()
        X, y = self._validate(X, y, state, incremental)
        y, Y = self._encode(y, X.dtype, state, classes, incremental)
        checked = check_weights(sample_weight, X)
        factors = self._class_factors(y, incremental)
        weights = self._times_class_weights(y, checked, factors, X.dtype)
        architecture = self._architecture(rules, X.shape[1])
        if new:
            state = self._new_state(architecture, X.dtype)
        else:
            self._check_same_network(architecture)
            state = state.next_call()
        rows = held_out = None
        if not incremental and self._stops_early(len(y), *given_val):
            if X_val is None:
                rows, held_out = self._hold_out(X, y, Y, weights, state)
            else:
                held_out = self._validation_data(X, *given_val, factors)
        if units is None:
            known = state.units if incremental and not new else None
            units = self._units(architecture, X, Y, weights, rows, known)
        if units is not None and units.targets is not None:
            scale = tuple(units.target_unit.tolist())
            architecture = replace(architecture, target_scale=scale)
        if new:
            state.units = units
            state.only_streamed = incremental and start is None
            self._begin(architecture, state, start)
        else:
            self._absorb(architecture, state, start)
            state.only_streamed &= incremental
            change_units(architecture, state, units)
        data = self._in_units(X, Y, weights, units)
        self._architecture_ = architecture
        task = self._begin_task(*given, checked, incremental)
        # a callable need not take weights that the user has not given
        weighted = (sample_weight if X_val is None else sample_weight_val) is not None
        scorer = None if held_out is None else self._scorer(weighted)
        self._train(rules, state, data, rows, held_out, scorer, incremental, task)
        if task is not None:
            task.end()
        return self

    def _begin_task(self, X, y, weights, incremental):
        # for callbacks, if there are any
        if not has_callbacks(self):
            return None
        name, n_epochs = ("partial_fit", 0) if incremental else ("fit", self.max_iter)
        return FitTask(self, X, y, weights, name, n_epochs)

    def _hold_out(self, X, y, Y, weights, state):
        # The same rows where a training goes on with the same data: rows that were
        # trained on are no validation.
        rng = state.rng
        if state.split_from is None:
            state.split_from = rng.get_state(legacy=False)
        else:
            rng = np.random.RandomState()
            rng.set_state(state.split_from)
        classes = self._stratify(y)
        n_classes = 0 if classes is None else len(self.classes_)
        rows, held_out = split(
            y,
            weights,
            classes,
            self.validation_fraction,
            n_classes,
            rng,
            train_single=self.early_stopping == "auto",  # nobody has asked for more
        )
        return rows, HeldOut.rows_of(held_out, X, y, Y, weights).like(X)

    def _in_units(self, X, Y, weights, units):
        if units is None:
            return Data(X, Y, weights)
        Y = units.of_targets(Y)
        # all rows at once are a copy anyway; linear models learn single rows in place
        single = self._kind == "linear" and self.solver == "sgd"
        if sp.issparse(X) or X.nbytes <= LARGE or self.solver == "batch" or single:
            return Data(to_units(X, units.mean, units.scale), Y, weights)
        return Data(
            X, Y, weights, (units.mean.astype(X.dtype), units.scale.astype(X.dtype))
        )

    def _units(self, architecture, X, Y, weights, rows, known):
        # Units of training from its rows, and from what earlier calls have seen.
        if not self.standardize:
            return None
        centre = architecture.fit_intercept
        features = moments_of(X, weights, centre, rows)
        targets = None
        log_link = architecture.loss.link == "exp"
        # (without an intercept, logarithms have no mean to be taken off)
        if self._y_numeric and (centre or not log_link):
            targets = moments_of(Y, weights, centre, rows)
        if known is not None:
            features = known.features.merge(features)
            if targets is not None and known.targets is not None:
                targets = known.targets.merge(targets)
        n_outputs, loss_unit = architecture.n_outputs, architecture.loss._unit
        most = self._most_deviations
        dtype = X.dtype
        return units_of(features, targets, n_outputs, loss_unit, dtype, most, log_link)

    def _new_state(self, architecture, dtype):
        # None is a new generator of its own, never NumPy's global one.
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

    def _begin(self, architecture, state, start):
        # from parameters that act on raw data, if there are any
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

    def _train(self, rules, state, data, rows, held_out, scorer, incremental, task):
        validate = None
        if held_out is not None:
            validate = validation(
                held_out,
                self._architecture_,
                state.units,
                self._score_raw,
                scorer,
            )
        patience = self.n_iter_no_change + self._patience_beyond
        watched = "training loss"
        if validate is not None:
            watched = f"validation {'loss' if self.scoring is None else 'score'}"
        if not incremental or state.stopping is None or state.watched != watched:
            state.stopping = Stopping(self.tol, patience, self._windowed_tol)
            state.watched = watched
        state.stopping.tol, state.stopping.patience = self.tol, patience

        n = data.n_samples if rows is None else len(rows)
        if not incremental:
            state.weight_sum, state.weight_count = 0.0, 0
            if state.converged:  # the rates of a schedule begin anew
                state.n_plateaus = 0
        weight_mean, n_used = update_weight_mean(state, data.weights, rows, n)
        recipe = self._recipe(rules, n, n_used, weight_mean * n, incremental)
        try:
            outcome = descend(
                state,
                self._architecture_,
                data,
                recipe,
                rows,
                weight_mean,
                validate,
                not incremental,
                self._observers(task, rows, validate is not None, incremental),
            )
        except Diverged as error:
            own = self._own_rate(recipe.optimizer, recipe.batch_size, incremental)
            advice = self._advice(recipe.optimizer, data.X, min(error.rate / 10, own))
            raise ValueError(f"{error} {advice}") from error
        state.end_call()
        self._publish_curves(state, outcome)
        self._publish(self._architecture_, state)
        if state.rng is self.random_state:  # later calls draw nothing from the user's
            state.rng = deepcopy(state.rng)
        self._state = state
        ended_early = incremental or outcome.stopped or outcome.interrupted
        if self.tol is not None and not ended_early:
            warnings.warn(
                self._not_converged.format(self.max_iter),
                ConvergenceWarning,
                stacklevel=2,
            )

    def _observers(self, task, rows, validated, incremental):
        progress = None
        if self.verbose:
            progress = Progress(int(self.verbose), validated, go_on=incremental)
        if incremental:  # a single pass, which has no epochs
            return Observers(progress)
        if task is not None:
            task.train_on(rows)
        return Observers(progress, task)

    def _as_if_ended(self, state, n_iter):
        # the attributes of a fit that had ended after some epoch
        state = state.copy()
        state.restore_best()
        state.end_call()
        model = self._at(state)
        if state.n_epochs:
            model._publish_curves(state, Outcome(n_iter))
        return vars(model)

    def _advice(self, optimizer, X, rate):
        # after divergence, for which `rate` is small
        columns, square = largest_columns(X, getattr(self, "feature_names_in_", None))
        if isinstance(optimizer, SGD | Momentum):
            # A quadratic loss has at most this curvature, which bounds the rate.
            rate = min(rate, 1 / max(square, 1e-300))
        smaller = "a smaller learning_rate_init" + (f", say {rate:.1g}" if rate else "")
        if self.standardize:
            # (a piece of a stream can be far from what was seen before)
            far = f"{columns} " if square > FAR * X.shape[1] else ""
            return f"{far}The data are standardised; {smaller}, might help."
        return (
            "The input data may contain large values and need to be preprocessed. "
            f"{columns} Scaling input data with StandardScaler or MinMaxScaler might "
            f"help, or standardize=True; or {smaller}."
        )

    def _publish_curves(self, state, outcome):
        validated = state.watched != "training loss"
        self.n_iter_ = outcome.n_iter
        self.n_restarts_ = state.n_restarts
        self.t_ = state.n_seen + self._t_start
        self.loss_curve_ = state.losses
        self.loss_ = state.losses[-1]
        self.learning_rate_ = state.learning_rate
        self.best_loss_ = None if validated else state.least_loss
        self.validation_scores_ = list(state.validation_scores) if validated else None
        losses = state.validation_loss_curve
        self.validation_loss_curve_ = list(losses) if validated else None
        self.best_iter_ = state.best_iter if validated else None
        self.best_validation_score_ = state.best_score if validated else None
