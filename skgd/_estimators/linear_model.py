"""What the two linear models share: a network of one layer with coefficients."""

from dataclasses import replace
from numbers import Real

import numpy as np
from scipy import sparse as sp
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_is_fitted

from .._data.features import validate_features
from .._engine.architecture import Architecture, normalisation_map, set_views
from .._engine.distributed_rows import trains_locally
from .._rules.rule import Allowed
from .._rules.warn import warn
from ..optimizers import LBFGS, Adam
from ..schedules import Cosine, InverseScaling
from .base import GradientDescent
from .coefficients import ComparableCoefficients
from .constraints import signs_of_coefficients
from .parameters import FEW
from .plain_layers import PlainLayers
from .published import check_finite, coefficients_of, for_raw_data, numbers_of

# In a stream, the rate falls with this power of the number of updates. This is slower
# than 1 / sqrt(t), so that a model can follow a stream that changes.
POWER = 0.25
# Rows of a batch, as for MLP*.
BATCH = 200
# Multiply-adds of a piece of a prediction; they take some 50 ms for sparse rows.
PIECE = 10**8
# The noise of the gradients has to be averaged over so many rows for each weight until
# the objective is within 0.1% of its optimum. (There are at least 100 features in this
# rule, since it takes some 2,000 updates to get near the optimum at all.) Rules that do
# not divide gradients by their size need more updates.
ROWS_PER_WEIGHT = 4000
LEAST_FEATURES = 100
MORE_IF_PLAIN = 4
# The least and the most passes over many rows.
PASSES = 4, 60
# ... and over few rows, where an epoch is a few updates.
MOST_EPOCHS = 1000
# L-BFGS needs 2 to 60 passes over all rows, which is as long as 2,000 updates take with
# this number of rows. If there are less than ten rows for a feature, mini-batches are
# too noisy.
FEW_ROWS = 10_000
FEW_ROWS_PER_FEATURE = 10
# how far from the mean of the targets intercepts start, in standard deviations
START_OF_INTERCEPTS = 1 / 8
# With more samples per unit of their weight, alpha='auto' is stronger than expected.
MOST_PER_WEIGHT = 10


def _product(X, coef):
    # X @ coef.T in pieces of rows, between which Python notices Ctrl-C
    cost = (
        coef.size if not sp.issparse(X) else X.nnz * coef.shape[0] // max(X.shape[0], 1)
    )
    n_rows = max(PIECE // max(cost, 1), 1)
    if X.shape[0] <= n_rows:
        return safe_sparse_dot(X, coef.T, dense_output=True)
    pieces = (X[first : first + n_rows] for first in range(0, X.shape[0], n_rows))
    products = [safe_sparse_dot(piece, coef.T, dense_output=True) for piece in pieces]
    return np.concatenate(products)


class LinearModel(ComparableCoefficients, GradientDescent):
    """A linear model, which publishes `coef_` and `intercept_`."""

    _allowed = {
        **GradientDescent._allowed,
        "solver": Allowed(options=("auto", "batch", "sgd", "minibatch")),
        "fit_intercept": Allowed(bool),
        "dropout": Allowed(Real, ge=0, lt=1),
        "positive": Allowed(bool),
    }
    _optimizers = {"auto": Adam, **GradientDescent._optimizers}
    _penalty_per_sample = False
    _patience_beyond = 0
    _windowed_tol = True
    _kind = "linear"
    _least_classes = 2
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
        if incremental:
            return 1 / max(weight_sum, FEW)
        if self.penalty is not None and n_used > MOST_PER_WEIGHT * weight_sum:
            warn(
                f"The weights of {n_used} samples add up to {weight_sum:.3g}. "
                f"alpha='auto' is therefore {1 / weight_sum:.3g}, as for so few "
                "samples. If this is too strong, multiply the weights so that their "
                "mean is 1, or set alpha."
            )
        return 1 / weight_sum

    def _own_batch_size(self, n_samples):
        # The batches have equal sizes. If the last of 201 rows were a batch of its own,
        # it would move the weights as far as all the others, away from the optimum.
        n_updates = -(-n_samples // BATCH)
        return -(-n_samples // n_updates)

    def _own_schedule(self, rate, optimizer, incremental):
        if incremental:  # a stream has no end, and each row may occur only once
            return InverseScaling(power_t=POWER)
        # The objective is convex, and a constant rate would hover around its optimum.
        return Cosine()

    def _n_epochs(self, rules, n_samples, n_outputs):
        optimizer = rules["optimizer"]
        if isinstance(optimizer, LBFGS) or rules["solver"] == "batch":
            return self.max_iter
        weights = max(self.n_features_in_, LEAST_FEATURES) * n_outputs
        rows = (
            ROWS_PER_WEIGHT * weights * (1 if optimizer._normalises else MORE_IF_PLAIN)
        )
        least, most = PASSES
        most = min(
            max(most, ROWS_PER_WEIGHT * LEAST_FEATURES // n_samples), MOST_EPOCHS
        )
        return min(max(-(-rows // n_samples), least), most)

    def _settled(self, rules, samples, incremental):
        if not incremental and self._suits_lbfgs(rules, samples):
            rules = {**rules, "optimizer": LBFGS(), "solver": "batch"}
        return super()._settled(rules, samples, incremental)

    def _recipe(self, rules, data, state, incremental):
        recipe = super()._recipe(rules, data, state, incremental)
        signs = signs_of_coefficients(self, data.encoding)
        if signs is None:
            return recipe
        # Units of training have positive scales, so a coefficient has the same sign in
        # them. The weights of a feature for all outputs are side by side.
        return replace(recipe, signs=np.repeat(signs, data.encoding.n_outputs))

    def _suits_lbfgs(self, rules, samples):
        # whether optimizer='auto' and solver='auto' mean L-BFGS over all rows
        n, p = samples.X.shape
        steered = (
            self.learning_rate != "auto"
            or self.learning_rate_init is not None
            or self.batch_size != "auto"
            or self.clip_norm is not None
            or rules["average"] is not None
        )
        constrained = self.positive or self.monotonic_cst is not None
        smooth = rules["loss"]._smooth and self.penalty in ("l2", None)
        return (
            self.optimizer == self.solver == "auto"
            and n <= max(FEW_ROWS, FEW_ROWS_PER_FEATURE * p)
            and smooth
            and not (steered or constrained or self.dropout or self.batch_norm)
            and not trains_locally(samples.X)
        )

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
        (W,), (b,) = for_raw_data(self, architecture, views, state)
        return W, b

    def _publish(self, architecture, state):
        self.coef_, self.intercept_ = self._public(architecture, state)

    def _public(self, architecture, state):
        W, b = self._fold(architecture, state)
        return self._shape_coef(np.ascontiguousarray(W.T)), b

    def _adopt_public(self, architecture, state, start):
        # if the user has changed the public attributes, continue from them
        if start is None:
            coef, intercept = self._public(architecture, state)
            given = numbers_of(self.coef_, "coef_")
            given = given.toarray() if sp.issparse(given) else given
            same = np.size(given) == coef.size and np.array_equal(
                np.reshape(given, coef.shape), coef
            )
            if same and np.array_equal(self.intercept_, intercept):
                return
            moved = numbers_of(self.intercept_, "intercept_")
            start = {"coef": given, "intercept": moved}
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
            coef = numbers_of(coef, "coef_init")
            if coef.size != d * k or coef.shape not in ((d,), (k, d)):
                raise ValueError(
                    "Provided coef_init does not match dataset. It has shape "
                    f"{coef.shape}, the coefficients have {(k, d)}."
                )
            start["W"] = [coef.reshape(k, d).T]
        if intercept is not None and architecture.fit_intercept:
            intercept = numbers_of(intercept, "intercept_init")
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
        coef, intercept = coefficients_of(self)
        # (BLAS adds in another order if rows are not contiguous)
        options = {"dtype": [np.float64, np.float32], "order": "C", "reset": False}
        X = validate_features(self, X, accept_sparse="csr", **options)
        with np.errstate(over="ignore", invalid="ignore"):  # the error below reports it
            Z = np.ascontiguousarray(_product(X, coef) + intercept)
        return check_finite(Z)

    def _plain_layers(self):
        coef, intercept = coefficients_of(self)
        coef = coef.toarray() if sp.issparse(coef) else coef
        return PlainLayers(
            [np.array(coef.T)], [np.array(np.broadcast_to(intercept, len(coef)))]
        )

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
