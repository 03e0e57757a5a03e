"""What the four estimators share: validate, resolve, fit, continue, publish."""

import warnings
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from scipy import sparse as sp
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from ._data import as_rows, check_weights, forward, set_views, update_weight_mean
from ._descent import Diverged, descend
from ._loss import losses_of_rows
from ._network import Data
from ._rule import Allowed, check_parameters, resolve_rule, with_rule_objects
from ._schedule import Schedule, is_rate_function
from ._state import Recipe, TrainingState
from ._stopping import Stopping
from ._units import absorb, change_units, moments_of, to_units, units_of
from .layers import aligned
from .line_search import LineSearch
from .losses import Loss
from .optimizers import OPTIMIZERS, Optimizer
from .penalties import PENALTIES, penalty_strengths
from .schedules import SCHEDULES

# early_stopping='auto' is on for more samples than this, as in scikit-learn's
# HistGradientBoosting*.
AUTO_EARLY_STOPPING = 10_000
# A rate of our own choice is lowered so often, by this factor, after divergence.
MAX_RESTARTS = 5
RESTART_FACTOR = 0.25


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
        "max_iter": Allowed(Integral, ge=1),
        "tol": Allowed(Real, ge=0, options=(None,)),
        "n_iter_no_change": Allowed(Integral, ge=1, options=(np.inf,)),
        "shuffle": Allowed(bool),
        "verbose": Allowed(bool, Integral, ge=0),
        "warm_start": Allowed(bool),
        "early_stopping": Allowed(bool, options=("auto",)),
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

    def _recipe(self, rules, n_samples, weight_sum, incremental, rate_factor):
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
            single = self._kind == "network" and batch_size == 1
            rate = rules["optimizer"].own_rate("single" if single else self._kind)
            rate *= rate_factor
        schedule = rules["learning_rate"]
        if schedule == "auto":
            schedule = self._own_schedule(rate)
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
            average_from=self._average_from(),
            may_restart=False,
            # a stream is no training: nothing of it is a plateau, unless asked for
            may_lower=not (incremental and rules["learning_rate"] == "auto"),
            verbose=bool(self.verbose),
        )

    def _average_from(self):
        return np.inf

    # ------------------------------------------------------------ data
    def _validate(self, X, y, state):
        # features and target as scikit-learn checks them; in the state's dtype
        dtype = [np.float64, np.float32] if state is None else state.theta.dtype
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=dtype,
            order="C",
            multi_output=True,
            y_numeric=self._y_numeric,
            reset=state is None,
        )
        return as_rows(X), y

    def _split(self, y, weights, rng):
        # rows for training and for validation
        n = len(y)
        # At least two samples, and one of each class.
        classes = self._stratify(y)
        least = 2 if classes is None else max(2, len(self.classes_))
        n_held_out = max(int(np.ceil(self.validation_fraction * n)), least)
        if n_held_out >= n:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or "
                f"the size of your dataset. (early_stopping=True sets {n_held_out} "
                f"samples aside, there are n_samples = {n}.)"
            )
        try:
            train, held_out = train_test_split(
                np.arange(n), random_state=rng, test_size=n_held_out, stratify=classes
            )
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True cannot hold out {n_held_out} of {n} samples with "
                f"some of each class: {error}"
            ) from None
        for name, rows in (("validation", held_out), ("training", train)):
            if weights is not None and not weights[rows].any():
                raise ValueError(
                    f"The sample weights for {name} set are all zero, consider using a "
                    "different random state."
                )
        return np.sort(train), np.sort(held_out)

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
            X, y = self._validate(X, y, state)
            y, Y = self._encode(y, X.dtype, state, classes, incremental)
            weights = check_weights(sample_weight, X)
            weights = self._class_weights(y, weights, X.dtype, incremental)
            architecture = self._architecture(rules, X.shape[1])
            if state is not None:
                self._check_same_network(architecture)
            if units is None:
                known = state.units if incremental and state is not None else None
                units = self._units(architecture, X, Y, weights, known)
            if units is not None and units.targets is not None:
                scale = tuple(units.target_scale.tolist())
                architecture = replace(architecture, target_scale=scale)
            if state is None:
                state = self._new_state(architecture, X.dtype, units, start)
            else:
                state = state.copy()
                self._absorb(architecture, state, start)
                change_units(architecture, state, units)
            if units is not None:
                X = to_units(X, units.mean, units.scale)
            data = Data(X, self._target_units(Y, units), weights)
            self._architecture_ = architecture
            self._train(rules, state, data, y, Y, incremental)
        return self

    def _target_units(self, Y, units):
        if units is None or units.targets is None:
            return Y
        return to_units(Y, units.target_mean, units.target_scale)

    def _units(self, architecture, X, Y, weights, known):
        # Units of training from the data, and from what earlier calls have seen.
        if not self.standardize:
            return None
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

    def _new_state(self, architecture, dtype, units, start):
        # None is a new generator of its own, never NumPy's global one.
        seed = self.random_state
        rng = np.random.RandomState() if seed is None else check_random_state(seed)
        state = TrainingState(
            theta=aligned(np.zeros(architecture.n_params, dtype)),
            running=architecture.new_running(dtype),
            units=units,
            rng=rng,
        )
        views = architecture.views(state.theta)
        for gamma in views["gamma"]:
            gamma[:] = 1
        self._initialise(architecture, views, rng)
        if start is not None:
            set_views(views, start)
            b = views["b"] if "b" in start else []
            W, b = absorb(views["W"], b, units)
            set_views(views, {"W": W, "b": b} if b else {"W": W})
        return state

    def _check_same_network(self, architecture):
        before = self._architecture_
        for name in ("sizes", "fit_intercept", "batch_norm", "input_batch_norm"):
            was, now = getattr(before, name), getattr(architecture, name)
            if was != now:
                raise ValueError(
                    "warm_start and partial_fit continue a network of the same "
                    f"{name}. It was {was!r}, now it would be {now!r}."
                )

    def _train(self, rules, state, data, y, Y, incremental):
        rows = held_out = validate = None
        stops_early = self.early_stopping
        if stops_early == "auto":
            stops_early = data.n_samples > AUTO_EARLY_STOPPING
        if stops_early and not incremental:
            rows, held_out = self._split(y, data.weights, state.rng)
            validate = self._validation(data, y, Y, held_out)
        patience = self.n_iter_no_change + self._patience_beyond
        watched = "training" if validate is None else "validation"
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
        weight_sum = weight_mean * n
        recipe = self._recipe(rules, n, weight_sum, incremental, state.rate_factor)
        task = (data, rows, weight_mean, validate)
        outcome, state = self._descend(state, recipe, task, incremental)
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

    def _descend(self, state, recipe, task, incremental):
        # Where the rate is ours to choose, divergence is a reason to choose again.
        self.n_restarts_ = 0
        data, rows, weight_mean, validate = task
        choose = self.learning_rate_init is None and not incremental
        choose = choose and isinstance(recipe.schedule, Schedule)
        before = state.copy() if choose else None
        while True:
            may_restart = choose and self.n_restarts_ < MAX_RESTARTS
            recipe = replace(recipe, may_restart=may_restart)
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
                return outcome, state
            except Diverged as error:
                if not may_restart:
                    raise ValueError(str(error)) from None
            self.n_restarts_ += 1
            rate = recipe.learning_rate * RESTART_FACTOR
            recipe = replace(recipe, learning_rate=rate)
            state = before.copy()
            state.rate_factor *= RESTART_FACTOR**self.n_restarts_
            if self.n_restarts_ == 1:
                warnings.warn(
                    "Training diverged; it starts again with a lower rate. Scaling the "
                    "input data, or setting learning_rate_init, avoids this.",
                    ConvergenceWarning,
                    stacklevel=2,
                )

    def _validation(self, data, y, Y, held_out):
        # score and mean loss on the rows that are held out, for a state
        weights = None if data.weights is None else data.weights[held_out]
        part = Data(as_rows(data.X[held_out]), data.Y[held_out])
        y = y[held_out]
        Y = np.ascontiguousarray(Y[held_out])

        def validate(state):
            Z = forward(self._architecture_, state.published, state.running, part)
            if state.units is not None:
                Z *= state.units.target_scale
                Z += state.units.target_mean
            score = float(self._score_raw(Z, y, weights))
            # the loss last: it overwrites Z
            kernel = self._fitted_loss._kernel(self._softmax)
            losses = losses_of_rows(kernel, Y, Z)
            return score, float(np.average(losses, weights=weights))

        return validate

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
