"""What the four estimators share: validate, resolve, fit, continue, publish."""

import warnings
from collections.abc import Callable
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from scipy import sparse as sp
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length

from ._columns import validate_features
from ._data import (
    as_rows,
    check_weights,
    largest_columns,
    set_views,
    update_weight_mean,
)
from ._descent import Diverged, descend
from ._network import Data
from ._rule import Allowed, check_parameters, resolve_rule, with_rule_objects
from ._schedule import Schedule, is_rate_function
from ._state import Recipe, TrainingState
from ._stopping import Stopping
from ._units import absorb, change_units, moments_of, to_units, units_of
from ._validation import HeldOut, split, validation
from .averaging import AVERAGES, Averaging, resolve_average
from .line_search import LineSearch
from .losses import Loss
from .optimizers import OPTIMIZERS, SGD, Momentum, Optimizer
from .penalties import PENALTIES, penalty_strengths
from .schedules import SCHEDULES

# early_stopping='auto' is on for more samples than this, as in scikit-learn's
# HistGradientBoosting*.
AUTO_EARLY_STOPPING = 10_000


class GradientDescent(BaseEstimator):
    """Base of the four estimators.

    A subclass for the kind of target (`_targets.py`) encodes ``y`` and decodes
    raw predictions; one for the kind of model (`_linear.py`, `_mlp.py`) says what
    the network is and moves its parameters from and to the public attributes.
    """

    _allowed = {
        "solver": Allowed(options=("batch", "sgd", "minibatch")),
        "penalty": Allowed(options=(*PENALTIES, None)),
        "alpha": Allowed(Real, ge=0, options=("auto",)),
        "l1_ratio": Allowed(Real, ge=0, le=1, options=(None,)),
        "batch_size": Allowed(Integral, ge=1, options=("auto",)),
        "learning_rate_init": Allowed(Real, gt=0, options=(None,)),
        "clip_norm": Allowed(Real, gt=0, options=(None,)),
        "max_iter": Allowed(Integral, ge=1),
        "tol": Allowed(Real, ge=0, options=(None,)),
        "n_iter_no_change": Allowed(Integral, ge=1, options=(np.inf,)),
        "shuffle": Allowed(bool),
        "verbose": Allowed(bool, Integral, ge=0),
        "warm_start": Allowed(bool),
        "early_stopping": Allowed(bool, options=("auto",)),
        "scoring": Allowed(str, Callable, options=(None,)),
        "validation_fraction": Allowed(Real, gt=0, lt=1),
        "batch_norm": Allowed(bool),
        "standardize": Allowed(bool),
    }

    @property
    def _rules(self):
        # the rules among the parameters: registry and base class
        return {
            "loss": (self._losses, Loss),
            "optimizer": (OPTIMIZERS, Optimizer),
            "learning_rate": (
                {**SCHEDULES, "line_search": LineSearch},
                (Schedule, LineSearch),
            ),
            "average": (AVERAGES, Averaging),
        }

    def set_params(self, **params):
        """Set the parameters of this estimator and of the rules in it.

        Parameters
        ----------
        **params : dict
            As in scikit-learn. Where a rule is given by name, a parameter of it
            (``optimizer__beta_1``) first puts the rule object in its place.

        Returns
        -------
        self : object
            The estimator.
        """
        if any(key.startswith("average__") for key in params):
            given = params.get("average", self.average)
            rule = resolve_average(given, type(self).__name__)
            if rule is None:
                raise ValueError(
                    f"average={given!r} has no parameters to set. Set average to "
                    f"one of {sorted(AVERAGES)}, too."
                )
            params = {**params, "average": rule}
        return super().set_params(**with_rule_objects(self, params, self._rules))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __sklearn_is_fitted__(self):
        # Parameters that were set by hand are where a fit starts, not its result.
        return hasattr(self, "_state")

    # ------------------------------------------------------------ parameters
    @property
    def _fitted_loss(self):
        # what was trained, whatever the parameter says now
        return self._architecture_.loss

    def _loss_rule(self, loss):
        name = type(self).__name__
        if isinstance(loss, Loss) and type(loss) not in self._losses.values():
            raise ValueError(
                f"The 'loss' parameter of {name} must be one of {sorted(self._losses)} "
                f"or an instance of one of their classes in skgd.losses. Got {loss!r} "
                "instead."
            )
        return resolve_rule(loss, self._losses, Loss, "loss", name)

    def _resolve(self):
        # parameters that are objects, all checked
        check_parameters(self, self._allowed)
        if self.penalty == "elasticnet" and self.l1_ratio is None:
            raise ValueError("l1_ratio must be set when penalty is 'elasticnet'")
        rules = {}
        for name, (registry, base) in self._rules.items():
            value = getattr(self, name)
            if name == "loss":
                rules[name] = self._loss_rule(value)
            elif name == "average":
                rules[name] = resolve_average(value, type(self).__name__)
            elif name == "learning_rate" and (
                is_rate_function(value) or value == "auto"
            ):
                rules[name] = value
            else:
                owner = type(self).__name__
                rules[name] = resolve_rule(value, registry, base, name, owner)
        if isinstance(rules["learning_rate"], LineSearch) and self.solver != "batch":
            raise ValueError(
                "learning_rate='line_search' compares the objective over all samples "
                "before and after an update: it needs solver='batch'. Got "
                f"solver={self.solver!r}."
            )
        return rules

    def _recipe(self, rules, n_samples, weight_sum, incremental):
        searched = isinstance(rules["learning_rate"], LineSearch)
        if self.solver == "batch":
            # a search needs the gradient, which updates by a single row do not keep
            batch_size = max(n_samples, 2) if searched else n_samples
        elif self.solver == "sgd":
            batch_size = 1
        elif self.batch_size == "auto":
            batch_size = min(200, n_samples)
        else:
            batch_size = min(self.batch_size, n_samples)
            if batch_size < self.batch_size:
                warnings.warn(
                    "Got `batch_size` less than 1 or larger than sample size. It is "
                    f"going to be clipped: from {self.batch_size} to {n_samples}.",
                    stacklevel=2,
                )
        rate = self.learning_rate_init
        if rate is None:
            kind = f"single {self._kind}" if batch_size == 1 else self._kind
            rate = rules["optimizer"].own_rate(kind)
        schedule = rules["learning_rate"]
        if schedule == "auto":
            schedule = self._own_schedule(rate, rules["optimizer"])
        alpha, per_sample = self.alpha, self._penalty_per_sample
        if alpha == "auto":
            alpha, per_sample = self._own_alpha(weight_sum, incremental), False
        l1, l2 = penalty_strengths(self.penalty, alpha, self.l1_ratio)
        return Recipe(
            optimizer=rules["optimizer"],
            schedule=schedule,
            learning_rate=rate,
            batch_size=batch_size,
            shuffle=bool(self.shuffle),
            max_iter=1 if incremental else self.max_iter,
            n_iter_no_change=self.n_iter_no_change,
            n_steps=self.max_iter * -(-n_samples // batch_size),
            l1=l1,
            l2=l2,
            per_sample=per_sample,
            clip_norm=np.inf if self.clip_norm is None else float(self.clip_norm),
            average=rules["average"],
            # a stream is no training: nothing of it is a plateau, unless asked for
            may_lower=not (incremental and rules["learning_rate"] == "auto"),
            verbose=bool(self.verbose),
        )

    # ------------------------------------------------------------ data
    def _validate(self, X, y, state, incremental=False):
        # features and target as scikit-learn checks them; in the state's dtype
        dtype = [np.float64, np.float32] if state is None else state.theta.dtype
        X, y = validate_features(
            self,
            X,
            y,
            incremental=incremental,
            accept_sparse="csr",
            dtype=dtype,
            order="C",
            multi_output=True,
            y_numeric=self._y_numeric,
            reset=state is None,
        )
        return as_rows(X), y

    def _stops_early(self, n_samples, X_val, y_val):
        for given, missing in (("X_val", "y_val"), ("y_val", "X_val")):
            values = {"X_val": X_val, "y_val": y_val}
            if values[given] is not None and values[missing] is None:
                raise ValueError(
                    f"{given} is provided, but {missing} was not provided."
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
        X_val, y_val = validate_features(
            self,
            X_val,
            y_val,
            accept_sparse="csr",
            dtype=X.dtype,
            order="C",
            multi_output=True,
            y_numeric=self._y_numeric,
            reset=False,
        )
        y_val, Y_val = self._encode_more(y_val, X.dtype)
        check_consistent_length(X_val, y_val)
        weights = check_weights(sample_weight_val, X_val)
        weights = self._times_class_weights(y_val, weights, factors, X.dtype)
        return HeldOut(X_val, y_val, Y_val, weights).like(X)

    def _scorer(self):
        # of a state on held-out data; None for the loss
        if self.scoring is None:
            return None
        scorer = check_scoring(self, scoring=self.scoring)

        def score(state, held_out):
            model = self._at(state)
            weights = held_out.weights
            keywords = {} if weights is None else {"sample_weight": weights}
            return scorer(model, held_out.X, held_out.y, **keywords)

        return score

    def _at(self, state):
        # this estimator as it would be if training ended here; for validated features
        model = copy(self)
        model.__dict__.pop("feature_names_in_", None)
        model._state = state
        model._publish(self._architecture_, state)
        return model

    # ------------------------------------------------------------ fitting
    @contextmanager
    def _all_or_nothing(self):
        # After an error the estimator is what it was before the call.
        before = self.__dict__.copy()
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _fit(
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
        rules = self._resolve()
        state = getattr(self, "_state", None)
        if not (incremental or self.warm_start):
            state = None
        set_by_hand = state is None and (incremental or self.warm_start)
        if set_by_hand and start is None:
            start = self._parameters_set_by_hand()
        with self._all_or_nothing():
            X, y = self._validate(X, y, state, incremental)
            y, Y = self._encode(y, X.dtype, state, classes, incremental)
            factors = self._class_factors(y, incremental)
            weights = check_weights(sample_weight, X)
            weights = self._times_class_weights(y, weights, factors, X.dtype)
            architecture = self._architecture(rules, X.shape[1])
            known = None
            new = state is None
            if new:
                state = self._new_state(architecture, X.dtype)
            else:
                self._check_same_network(architecture)
                state = state.copy()
                known = state.units if incremental else None
            rows = held_out = None
            if not incremental and self._stops_early(len(y), X_val, y_val):
                if X_val is not None:
                    held_out = self._validation_data(
                        X, X_val, y_val, sample_weight_val, factors
                    )
                else:
                    rows, held_out = self._hold_out(X, y, Y, weights, state.rng)
            if units is None:
                units = self._units(architecture, X, Y, weights, rows, known)
            if units is not None and units.targets is not None:
                scale = tuple(units.target_scale.tolist())
                architecture = replace(architecture, target_scale=scale)
            if new:
                state.units = units
                self._begin(architecture, state, start)
            else:
                self._absorb(architecture, state, start)
                change_units(architecture, state, units)
            if units is not None:
                X = to_units(X, units.mean, units.scale)
            self._architecture_ = architecture
            data = Data(X, self._target_units(Y, units), weights)
            self._train(rules, state, data, rows, held_out, incremental)
        return self

    def _hold_out(self, X, y, Y, weights, rng):
        classes = self._stratify(y)
        n_classes = 0 if classes is None else len(self.classes_)
        fraction = self.validation_fraction
        rows, held_out = split(y, weights, classes, fraction, n_classes, rng)
        return rows, HeldOut.rows_of(held_out, X, y, Y, weights)

    def _target_units(self, Y, units):
        if units is None or units.targets is None:
            return Y
        return to_units(Y, units.target_mean, units.target_scale)

    def _units(self, architecture, X, Y, weights, rows, known):
        # Units of training from its rows, and from what earlier calls have seen.
        if not self.standardize:
            return None
        if rows is not None:
            weights = None if weights is None else weights[rows]
            X, Y = X[rows], Y[rows]
        centre = architecture.fit_intercept
        if known is not None and known.features.centred != (
            centre and not sp.issparse(X)
        ):
            centre = known.features.centred
            if sp.issparse(X) and centre:
                raise ValueError(
                    "With standardize=True, partial_fit cannot go on with sparse data "
                    "after dense ones: these are centred, which would make the sparse "
                    "ones dense. Begin with sparse data, or set standardize=False."
                )
        features = moments_of(X, weights, centre)
        targets = None
        if self._y_numeric and architecture.loss.link == "identity":
            targets = moments_of(Y, weights, architecture.fit_intercept)
        if known is not None:
            features = known.features.merge(features)
            if targets is not None and known.targets is not None:
                targets = known.targets.merge(targets)
        n_outputs, power = architecture.n_outputs, architecture.loss.power
        most = self._most_deviations
        return units_of(features, targets, n_outputs, power, X.dtype, most)

    def _new_state(self, architecture, dtype):
        # None is a new generator of its own, never NumPy's global one.
        seed = self.random_state
        rng = np.random.RandomState() if seed is None else check_random_state(seed)
        state = TrainingState(
            theta=np.zeros(architecture.n_params, dtype),
            running=architecture.new_running(dtype),
            rng=rng,
        )
        views = architecture.views(state.theta)
        for gamma in views["gamma"]:
            gamma[:] = 1
        self._initialise(architecture, views, rng)
        return state

    def _begin(self, architecture, state, start):
        # from parameters that act on raw data, if there are any
        if start is None:
            return
        views = architecture.views(state.theta)
        set_views(views, start)
        b = views["b"] if "b" in start else []
        W, b = absorb(views["W"], b, state.units)
        set_views(views, {"W": W, "b": b} if b else {"W": W})

    def _check_same_network(self, architecture):
        before = self._architecture_
        for name in ("sizes", "fit_intercept", "batch_norm", "input_batch_norm"):
            was, now = getattr(before, name), getattr(architecture, name)
            if was != now:
                raise ValueError(
                    "warm_start and partial_fit continue a network of the same "
                    f"{name}. It was {was!r}, now it would be {now!r}."
                )

    def _train(self, rules, state, data, rows, held_out, incremental):
        validate = None
        if held_out is not None:
            validate = validation(
                held_out,
                self._architecture_,
                state.units,
                self._score_raw,
                self._scorer(),
            )
        patience = self.n_iter_no_change + self._patience_beyond
        watched = "training loss" if validate is None else self._watched()
        if not incremental or state.stopping is None or state.watched != watched:
            state.stopping = Stopping(self.tol, patience, self._windowed_tol)
            state.watched = watched
        state.stopping.tol, state.stopping.patience = self.tol, patience

        n = data.n_samples if rows is None else len(rows)
        if not incremental:
            state.weight_sum, state.weight_count = 0.0, 0
            if state.converged:  # the rates of a schedule begin anew
                state.n_plateaus = 0
        weight_mean = update_weight_mean(state, data.weights, rows, n)
        recipe = self._recipe(rules, n, weight_mean * n, incremental)
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
            )
        except Diverged as error:
            raise ValueError(f"{error} {self._advice(data.X, error.rate)}") from error
        self.n_restarts_ = outcome.n_restarts
        self._publish_curves(state, outcome, validate is not None)
        self._publish(self._architecture_, state)
        self._state = state
        ended_early = incremental or outcome.stopped or outcome.interrupted
        if self.tol is not None and not ended_early:
            warnings.warn(
                self._not_converged.format(self.max_iter),
                ConvergenceWarning,
                stacklevel=2,
            )

    def _advice(self, X, rate):
        # after divergence
        columns, square = largest_columns(X, getattr(self, "feature_names_in_", None))
        rate = rate / 10
        if isinstance(self._resolve()["optimizer"], SGD | Momentum):
            # A quadratic loss has at most this curvature, which bounds the rate.
            rate = min(rate, 1 / max(square, 1e-300))
        return (
            "The input data may contain large values and need to be preprocessed. "
            f"{columns} Scaling input data with StandardScaler or MinMaxScaler might "
            f"help, or standardize=True. So might learning_rate_init={rate:.1g}."
        )

    def _watched(self):
        return "validation loss" if self.scoring is None else "validation score"

    def _publish_curves(self, state, outcome, validated):
        self.n_iter_ = outcome.n_iter
        self.t_ = state.n_seen + self._t_start
        self.loss_curve_ = list(state.loss_curve)
        self.loss_ = state.loss_curve[-1]
        self.learning_rate_ = state.learning_rate
        self.best_loss_ = None if validated else min(state.loss_curve)
        self.validation_scores_ = list(state.validation_scores) if validated else None
        losses = state.validation_loss_curve
        self.validation_loss_curve_ = list(losses) if validated else None
        self.best_iter_ = state.best_iter if validated else None
        self.best_validation_score_ = state.best_score if validated else None
