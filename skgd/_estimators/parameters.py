"""Parameters of the estimators: allowed values, and the recipe that they lead to."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from inspect import signature
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator

from .._data.splits import AllowedSplits
from .._rules.numbers import PlainNumbers
from .._rules.own_loss import OwnLoss, is_own_loss
from .._rules.plain_state import PlainState
from .._rules.rule import (
    RANDOM_STATE,
    Allowed,
    check_parameters,
    explaining,
    resolve_rule,
    with_rule_objects,
)
from .._rules.schedule import Schedule, is_rate_function
from .._rules.version import Versioned
from .._rules.warn import warn
from .._training.state import Recipe
from ..averaging import AVERAGES, Averaging, resolve_average
from ..line_search import LineSearch
from ..losses import Loss
from ..optimizers import LBFGS, OPTIMIZERS, Optimizer
from ..penalties import PENALTIES, penalty_strengths
from ..schedules import SCHEDULES
from .notebook import ShownInNotebooks
from .scoring import check_scoring_name

# With alpha='auto', a smaller number of samples can count as this number.
FEW = 100
# names of parameters in other libraries, and here
ALIASES = {
    "batch_normalization": "batch_norm",
    "cv": "validation_split",
    "early_stop": "early_stopping",
    "epochs": "max_iter",
    "eta0": "learning_rate_init",
    "hidden_layers": "hidden_layer_sizes",
    "lr": "learning_rate_init",
    "monotone_constraints": "monotonic_cst",
    "monotonic_constraints": "monotonic_cst",
    "n_epochs": "max_iter",
    "n_iter": "max_iter",
    "regularization": "penalty",
    "seed": "random_state",
    "weight_decay": "alpha",
}


class Settings(
    PlainNumbers, Versioned, PlainState, ShownInNotebooks, BaseEstimator, ABC
):
    """The parameters that the four estimators share.

    This class and `GradientDescent` both begin with a list of what a subclass has to
    declare.
    """

    # ------------------------------------------------- what a subclass declares
    # the available losses by name
    _losses: dict
    # 'linear' or 'network', which determines the default rate of an optimizer
    _kind: str
    # whether a number alpha is divided by the number of samples in a batch
    _penalty_per_sample: bool

    @abstractmethod
    def _own_alpha(self, n_used, weight_sum, incremental):
        """Return the strength of the penalty for alpha='auto'."""

    @abstractmethod
    def _own_batch_size(self, n_samples):
        """Return the number of samples in a batch for batch_size='auto'."""

    @abstractmethod
    def _own_schedule(self, rate, optimizer, incremental):
        """Return the schedule for learning_rate='auto'; it starts at `rate`."""

    @abstractmethod
    def _n_epochs(self, rules, n_samples, n_outputs):
        """Return how many epochs a training needs if its schedule is 'auto'."""

    # ------------------------------------------------- parameters and their domains
    # the allowed values of each parameter; a subclass adds its own parameters
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
        "random_state": RANDOM_STATE,
        "validation_split": AllowedSplits(Integral, ge=2, options=(None,)),
        "batch_norm": Allowed(bool),
        "standardize": Allowed(bool),
    }

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = explaining(cls.__init__)

    def _hint(self, name):
        # what an error says about a parameter that the estimator does not have
        if ALIASES.get(name) in signature(type(self)).parameters:
            return f"Here it is {ALIASES[name]}."
        rule, _, part = name.rpartition("__")
        for parameter, (registry, _) in self._rules.items():
            for kind in registry.values() if rule in ("", parameter) else ():
                if part in signature(kind).parameters:
                    return f"Set {parameter}={kind.__name__}({part}=...) instead."
        return ""

    # the optimizers by name
    _optimizers = {**OPTIMIZERS, "lbfgs": LBFGS}

    @property
    def _rules(self):
        # the parameters that are rules, each with its registry and base class
        return {
            "loss": (self._losses, Loss),
            "optimizer": (self._optimizers, (Optimizer, LBFGS)),
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
            The parameters, as in scikit-learn. If a rule was given by its name and one
            of its parameters is set (such as ``optimizer__beta_1``), the rule object
            first replaces the name.

        Returns
        -------
        self : object
            The estimator.
        """
        if any(key.startswith("average__") for key in params):
            given = params.get("average", self.average)
            rule = resolve_average(given, type(self).__name__)
            params = {**params, "average": given if rule is None else rule}
        return super().set_params(**with_rule_objects(self, params, self._rules))

    def _loss_rule(self, loss):
        name = type(self).__name__
        if is_own_loss(loss):
            return OwnLoss(loss, "custom" if self._y_numeric else "logistic")
        if isinstance(loss, Loss) and type(loss) not in self._losses.values():
            raise ValueError(
                f"The 'loss' parameter of {name} must be one of {sorted(self._losses)} "
                f"or an instance of one of their classes in skgd.losses. Got {loss!r} "
                "instead."
            )
        also = ", or an object with the method value_and_gradient"
        return resolve_rule(loss, self._losses, Loss, "loss", name, also)

    def _check_solver(self):
        # in scikit-learn, 'adam' and 'lbfgs' are solvers
        solver, allowed = self.solver, self._allowed["solver"]
        is_name = isinstance(solver, str) and solver in self._optimizers
        if is_name and solver not in allowed:
            also = " and solver='batch'" if solver == "lbfgs" else ""
            raise ValueError(
                f"The 'solver' parameter of {type(self).__name__} must be {allowed}. "
                f"Got {solver!r} instead, which is an optimizer here: set "
                f"optimizer={solver!r}{also}."
            )

    def _also_allowed(self, name):
        # what an error adds to the names and classes of a rule
        if name == "learning_rate":
            return ", 'auto', or a callable; a number is learning_rate_init"
        given = self.optimizer
        is_solver = isinstance(given, str) and given in ("batch", "minibatch")
        if name == "optimizer" and is_solver:
            return f"; solver={given!r} is for the size of the batches"
        return ""

    def _resolve_rule(self, name, registry, base):
        owner, also = type(self).__name__, self._also_allowed(name)
        return resolve_rule(getattr(self, name), registry, base, name, owner, also)

    def _resolve(self):
        # Check all parameters and return those that are rules, as objects, and the
        # solver.
        self._check_solver()
        check_parameters(self, self._allowed)
        if self.penalty == "elasticnet" and self.l1_ratio is None:
            raise ValueError(
                "l1_ratio must be set when penalty is 'elasticnet'. Got None, allowed "
                "is a float >= 0 and <= 1."
            )
        check_scoring_name(self)
        rules = {"solver": self.solver}
        for name, (registry, base) in self._rules.items():
            value = getattr(self, name)
            if name == "loss":
                rules[name] = self._loss_rule(value)
            elif name == "average":
                rules[name] = resolve_average(value, type(self).__name__)
            elif name == "learning_rate" and (
                is_rate_function(value) or isinstance(value, str) and value == "auto"
            ):
                rules[name] = value
            else:
                rules[name] = self._resolve_rule(name, registry, base)
        if isinstance(rules["learning_rate"], LineSearch) and self.solver != "batch":
            raise ValueError(
                "learning_rate='line_search' compares the objective over all samples "
                "before and after an update: it needs solver='batch'. Got "
                f"solver={self.solver!r}."
            )
        if self.solver == "auto":
            by_lbfgs = isinstance(rules["optimizer"], LBFGS)
            rules["solver"] = "batch" if by_lbfgs else "minibatch"
        return rules

    def _settled(self, rules, samples, incremental):
        # the rules, with what they leave to the size of the data
        n_samples, n_outputs = samples.X.shape[0], samples.encoding.n_outputs
        uses_it = rules["solver"] == "minibatch" and self.batch_size != "auto"
        if uses_it and self.batch_size > n_samples:
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is "
                f"going to be clipped: from {self.batch_size} to {n_samples}."
            )
        needed = self._n_epochs(rules, n_samples, n_outputs)
        # With tol=None, there are always max_iter epochs, as for MLP*.
        own = rules["learning_rate"] == "auto" and self.tol is not None
        n_epochs = min(self.max_iter, needed) if own else self.max_iter
        return {
            **rules,
            "max_iter": 1 if incremental else n_epochs,
            "short": own and n_epochs < needed,
        }

    def _own_rate(self, optimizer, batch_size, incremental):
        # (in a stream, the rate of a linear model falls, so it can start like the rate
        # for batches)
        falls = incremental and self._kind == "linear" and self.solver != "sgd"
        single = batch_size == 1 and not falls
        kind = f"single {self._kind}" if single else self._kind
        return optimizer.own_rate(kind, self.n_features_in_)

    def _rate_and_schedule(self, rules, batch_size, incremental):
        # the initial learning rate and its schedule; None for an optimizer that finds
        # the length of its steps itself
        optimizer = rules["optimizer"]
        if isinstance(optimizer, LBFGS):
            return None, None
        rate, schedule = self.learning_rate_init, rules["learning_rate"]
        if rate is None:
            rate = self._own_rate(optimizer, batch_size, incremental)
        if schedule == "auto":
            schedule = self._own_schedule(rate, optimizer, incremental)
        return rate, schedule

    def _size_of_batches(self, rules, n_samples):
        if rules["solver"] == "batch":
            # a line search needs the gradient, which single-row updates do not store
            searched = isinstance(rules["learning_rate"], LineSearch)
            return max(n_samples, 2) if searched else n_samples
        if rules["solver"] == "sgd":
            return 1
        if self.batch_size == "auto":
            return self._own_batch_size(n_samples)
        return min(self.batch_size, n_samples)

    def _as_alpha(self, strength, batch_size, weight_mean):
        # a strength of the penalty in the units of a number `alpha`
        divisor = batch_size * weight_mean if self._penalty_per_sample else 1
        return float(strength * divisor)

    def _recipe(self, rules, data, state, incremental):
        n_samples, weight_mean = data.n_samples, state.weight_mean
        batch_size = self._size_of_batches(rules, n_samples)
        rate, schedule = self._rate_and_schedule(rules, batch_size, incremental)
        alpha, per_sample = self.alpha, self._penalty_per_sample
        if alpha == "auto":
            weight_sum = weight_mean * n_samples
            alpha, per_sample = state.alpha, False
            if alpha is None:
                alpha = self._own_alpha(data.n_used, weight_sum, incremental)
            in_use = self._as_alpha(alpha, batch_size, weight_mean)
        else:
            in_use = float(alpha)
        l1, l2 = penalty_strengths(self.penalty, alpha, self.l1_ratio)
        n_epochs = self.max_iter if incremental else rules["max_iter"]
        # 'auto' begins anew in each `fit`, but goes on with each piece of a stream.
        own = rules["learning_rate"] == "auto"
        start = -state.head_start if incremental else state.step
        return Recipe(
            optimizer=rules["optimizer"],
            schedule=schedule,
            learning_rate=rate,
            batch_size=batch_size,
            shuffle=bool(self.shuffle),
            max_iter=rules["max_iter"],
            is_short=rules["short"],
            n_iter_no_change=self.n_iter_no_change,
            first_step=start if own else 0,
            n_steps=n_epochs * -(-n_samples // batch_size),
            alpha=in_use,
            l1=l1,
            l2=l2,
            per_sample=per_sample,
            clip_norm=np.inf if self.clip_norm is None else float(self.clip_norm),
            average=rules["average"],
            single_pass=incremental,
        )
