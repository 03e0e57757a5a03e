"""What the two linear models share: a network of one layer with coefficients."""

from numbers import Real

import numpy as np
from scipy import sparse as sp
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted

from .._data.features import validate_features
from .._engine.architecture import Architecture, normalisation_map, set_views
from .._rules.rule import Allowed
from .._rules.schedule import Steady
from ..schedules import Adaptive, InverseScaling
from .base import GradientDescent
from .parameters import FEW

# In a stream, the rate falls with this power of the number of updates. This is slower
# than 1 / sqrt(t), so that a model can follow a stream that changes.
POWER = 0.25
# Training ends on a plateau if the rate has fallen to this share of the initial rate.
LEAST = 1e-3
# the number of plateaus after which the rate of `Falling` would be zero
PLATEAUS_TO_ZERO = 73
# how far from the mean of the targets intercepts start, in standard deviations
START_OF_INTERCEPTS = 1 / 8


class Falling(Steady):
    """Rate that falls at each plateau: ``(1 - k / 73) ** 3`` after k plateaus.

    It does not fall below the share `LEAST`. Most of the progress in a flat valley is
    made at large rates, so the rate falls slowly at first. It has to fall in the end,
    because the weights hover around the optimum at large rates. (A rate that is
    multiplied by 0.9 at each of 66 plateaus takes as many epochs but ends further from
    the optimum: with 784 pixels, whose classes can be separated, the objective is then
    0.4% above the optimum instead of 0.06%.)

    Parameters
    ----------
    rate : float
        The rate at the start.
    """

    def __init__(self, rate):
        self.rate = rate

    @property
    def min_rate(self):
        """The rate at which a plateau stops the training."""
        return LEAST * self.rate

    @property
    def _adaptive(self):
        return self

    def _steady(self, n_plateaus):
        left = 1 - min(n_plateaus / PLATEAUS_TO_ZERO, 1)
        return max(left**3, LEAST)


class LinearModel(GradientDescent):
    """A linear model, which publishes `coef_` and `intercept_`."""

    _allowed = {
        **GradientDescent._allowed,
        "fit_intercept": Allowed(bool),
        "dropout": Allowed(Real, ge=0, lt=1),
    }
    _penalty_per_sample = False
    _patience_beyond = 0
    _windowed_tol = True
    _kind = "linear"
    _t_start = 1
    _most_deviations = None  # no limit, as for Ridge on standardised data
    _not_converged = (
        "Maximum number of iteration reached before convergence. Consider increasing "
        "max_iter to improve the fit."
    )

    def _architecture(self, rules, samples):
        return Architecture(
            sizes=(samples.X.shape[1], samples.encoding.n_outputs),
            loss=rules["loss"],
            softmax=samples.encoding.softmax,
            fit_intercept=bool(self.fit_intercept),
            input_batch_norm=bool(self.batch_norm),
            input_dropout=float(self.dropout),
        )

    def _initialise(self, architecture, views, rng):
        # The parameters start at zero, as in SGD*, because the objective is convex.
        pass

    def _own_alpha(self, n_used, weight_sum, incremental):
        # This is the penalty of Ridge() and LogisticRegression(). If a call of
        # partial_fit gets a piece of a stream, the sum of all weights is not known.
        return 1 / (max(weight_sum, FEW) if incremental else weight_sum)

    def _own_batch_size(self, optimizer, n_samples):
        # Some optimizers divide the gradient by its noise. With less noise, they move
        # the weights faster, even with fewer updates.
        most = 500 if optimizer._normalises else 200
        # The batches have equal sizes. If the last of 501 rows were a batch of its own,
        # it would move the weights as far as all the others, away from the optimum.
        n_updates = -(-n_samples // most)
        return -(-n_samples // n_updates)

    def _own_schedule(self, rate, optimizer, incremental):
        if incremental:  # a stream has no plateau, and each row may occur only once
            return InverseScaling(power_t=POWER)
        # The objective is convex, and a constant rate would hover around its optimum.
        if optimizer._hovers:
            return Adaptive(factor=0.5, min_rate=LEAST * rate)
        return Falling(rate)

    # ------------------------------------------------------------ parameters
    def _fold(self, architecture, state):
        # the function of the network, as coefficients and intercepts for raw inputs
        views = architecture.views(state.published)
        W = views["W"][0].astype(np.float64)
        b = np.zeros(W.shape[1])
        if architecture.fit_intercept:
            b += views["b"][0]
        if architecture.input_batch_norm:
            scale, shift = _input_map(architecture, state)
            b += shift @ W
            W *= scale[:, np.newaxis]
        views = {"W": [W], "b": [b], "scale": []}
        (W,), (b,) = architecture.publish(views, state.units)
        return W, b

    def _publish(self, architecture, state):
        self.coef_, self.intercept_ = self._public(architecture, state)

    def _public(self, architecture, state):
        W, b = self._fold(architecture, state)
        dtype = state.theta.dtype
        return self._shape_coef(W.T.astype(dtype, order="C")), b.astype(dtype)

    def _adopt_public(self, architecture, state, start):
        # if the user has changed the public attributes, continue from them
        if start is None:
            coef, intercept = self._public(architecture, state)
            given = self.coef_.toarray() if sp.issparse(self.coef_) else self.coef_
            same = np.size(given) == coef.size and np.array_equal(
                np.reshape(given, coef.shape), coef
            )
            if same and np.array_equal(self.intercept_, intercept):
                return
            start = {"coef": given, "intercept": self.intercept_}
        else:
            # a parameter that is not given keeps its value for raw inputs
            kept = {"coef": self.coef_, "intercept": self.intercept_}
            start = {k: kept[k] if v is None else v for k, v in start.items()}
        start = self._start(architecture, state.units, **start)
        set_views(architecture.views(state.theta), start)
        state.first_loss = None
        state.only_streamed = False
        state.n_averaged = 0
        if architecture.input_batch_norm:
            self._unfold(architecture, state, start)

    def _unfold(self, architecture, state, start):
        # convert `start` to parameters behind the batch normalisation of the inputs
        scale, shift = _input_map(architecture, state)
        views = architecture.views(state.theta)
        W = views["W"][0]
        if "W" in start:
            W /= np.where(scale == 0, 1, scale)[:, np.newaxis]
        if architecture.fit_intercept and "b" in start:
            views["b"][0][:] -= shift @ W

    def _initial(self, coef, intercept):
        if coef is None and intercept is None:
            return None
        return {"coef": coef, "intercept": intercept}

    def _parameters_set_by_hand(self):
        return self._initial(
            getattr(self, "coef_", None), getattr(self, "intercept_", None)
        )

    def _start(self, architecture, units, coef, intercept):
        # coef_init and intercept_init as parameters of the network
        d, k = architecture.sizes
        start = {}
        if coef is not None:
            coef = np.asarray(coef)
            if coef.size != d * k or coef.shape not in ((d,), (k, d)):
                raise ValueError(
                    "Provided coef_init does not match dataset. It has shape "
                    f"{coef.shape}, the coefficients have {(k, d)}."
                )
            start["W"] = [coef.reshape(k, d).T]
        if intercept is not None and architecture.fit_intercept:
            intercept = np.asarray(intercept)
            if intercept.shape not in ((k,), ()) or intercept.size != k:
                raise ValueError(
                    "Provided intercept_init does not match dataset. It has shape "
                    f"{intercept.shape}, the intercepts have {(k,)}."
                )
            start["b"] = [intercept.reshape(k)]
        return _start_in_units(architecture, start, units)

    def _begin(self, architecture, state, start):
        views = architecture.views(state.theta)
        if state.units is not None and state.units.targets is not None:
            # The best intercept on standardised targets is often zero. At zero, its
            # gradients are rounding errors. Adaptive rules divide gradients by their
            # own size, so these errors would cause large steps. The intercept therefore
            # starts an eighth of a standard deviation away from zero.
            for b in views["b"]:
                b[state.units.targets.square > 0] = START_OF_INTERCEPTS
        if start is not None:
            set_views(views, self._start(architecture, state.units, **start))

    # ------------------------------------------------------------ prediction
    def _raw(self, X):
        check_is_fitted(self)
        X = validate_features(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )
        coef = self.coef_ if self.coef_.ndim == 2 else self.coef_[np.newaxis]
        Z = safe_sparse_dot(X, coef.T, dense_output=True) + self.intercept_
        return np.ascontiguousarray(Z)

    def densify(self):
        """Convert `coef_` to a dense array, as it is after `fit`.

        Returns
        -------
        self : object
            The estimator.
        """
        check_is_fitted(self)
        if sp.issparse(self.coef_):
            self.coef_ = self._shape_coef(self.coef_.toarray())
        return self

    def sparsify(self):
        """Convert `coef_` to a sparse matrix, for models with an L1 penalty.

        Returns
        -------
        self : object
            The estimator.
        """
        check_is_fitted(self)
        self.coef_ = sp.csr_matrix(self.coef_)
        return self


def _input_map(architecture, state):
    # batch normalisation of the inputs is scale * x + shift
    mean, variance = architecture.running_views(state.running)[0].astype(np.float64)
    return normalisation_map(1.0, 0.0, mean, variance)


def _start_in_units(architecture, start, units):
    # weights and intercepts in units of training; if only one of them is given, it is
    # converted as if the other were zero
    if units is None or not start:
        return start
    W = start.get("W", [np.zeros(architecture.sizes)])
    W, b = architecture.absorb(W, start.get("b", []), units)
    both = {"W": W, "b": b}
    return {kind: both[kind] for kind in start}
