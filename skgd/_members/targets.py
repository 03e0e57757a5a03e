"""Targets of the estimators of raw tables: encoding, links, held-out predictions."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logit
from sklearn.utils import check_array, check_consistent_length

from .._data.class_weights import ClassWeights
from .._data.held_out import mean_and_error
from .._data.missing import check_none_is_missing
from .._data.targets import ClassEncoding, RegressionEncoding
from .._estimators.regression import RegressionTargets
from .._rules.loss import losses_of_rows
from ..losses import LogLoss
from .conformal import Residuals, shrinkage
from .network import TableClassifier, TableRegressor

# The temperature by which raw predictions are divided is between these limits.
TEMPERATURES = 0.1, 10.0
# It is fitted as if there were so many more rows, which are of any class, and with a
# normal prior for its logarithm: if all held-out predictions are right, no temperature
# would be low enough, and a single error on other rows would then cost very much.
N_MORE, DEVIATION = 2, 0.3
# The range of the predictions of each link that has one.
RANGES = {"exp": (0.0, np.inf), "logistic": (0.0, 1.0)}
# The shares of the classes count as so much, so that their logits are finite.
SHARES = 1e-6, 1 - 1e-6


class ClassTargets:
    """Classes or labels, whose probabilities are calibrated by a temperature."""

    _networks = TableClassifier
    _fitted_loss = LogLoss()

    # ------------------------------------------------------------ targets
    def _encode_targets(self, y, weights, n_samples):
        self._check_given(y)
        check_none_is_missing(y, "y")
        y = check_array(
            y, ensure_2d=False, dtype=None, input_name="y", accept_sparse="csr"
        )
        check_consistent_length(np.empty(n_samples), y)
        earlier = self._encoding if self._goes_on else None
        y, _, self._encoding = ClassEncoding.learn(
            y, np.float64, LogLoss(), earlier=earlier, n_least=1
        )
        self.classes_ = self._encoding.classes
        self._class_weights = ClassWeights.of(self, y, weights, self._encoding, False)
        return y, self._times_class_weights(y, weights)

    def _encode_more(self, y, weights, name):
        check_none_is_missing(y, name)
        y, _ = self._encoding.encode(np.asarray(y), np.float64)
        return y, self._times_class_weights(y, weights)

    def _times_class_weights(self, y, weights):
        if self._class_weights is None:
            return weights
        return self._class_weights.times(weights, y, np.float64)

    def _strata(self, y):
        return self._encoding.strata(y)

    def _prior(self, y, weights):
        # each class, or each label, has its share at the start
        weights = np.ones(len(y)) if weights is None else weights
        is_one = y if y.ndim == 2 else y[:, np.newaxis] == self.classes_
        return self._raw_of(weights @ is_one / weights.sum())

    def _raw_of(self, P):
        # the raw predictions that have these probabilities
        P = np.clip(P, *SHARES)
        if self._encoding.softmax:
            return np.log(P)
        return logit(P if self._encoding.multilabel else P[..., 1:])

    # ------------------------------------------------------------ held-out rows
    def _publish_held_out(self, y, rows, raw, weights, score_weights):
        _, Y = self._encoding.encode(y[rows], np.float64)
        self.temperature_ = self._fit_temperature(raw, Y, weights, len(Y))
        shares = mean_of_rows(self._link(raw), rows, len(y))
        self.oob_decision_function_ = shares
        seen = np.flatnonzero(~np.isnan(shares[:, 0]))
        right = (self._labels(shares[seen]) == y[seen]).reshape(len(seen), -1)
        weights = _of_rows(score_weights, seen)
        self.oob_score_ = float(np.average(right.all(axis=1), weights=weights))

    def _losses(self, raw, Y, temperature, n_rows):
        # of one network, or of the mean of several ones
        loss = LogLoss(label_smoothing=N_MORE / (N_MORE + n_rows))
        Z = raw / temperature
        if raw.ndim == 3:
            Z = self._raw_of(np.mean([*map(self._encoding.probabilities, Z)], axis=0))
        return losses_of_rows(loss._kernel(self._encoding.softmax), Y, Z)

    def _fit_temperature(self, raw, Y, weights, n_rows):
        def cost(log_temperature):
            losses = self._losses(raw, Y, np.exp(log_temperature), n_rows)
            prior = (log_temperature / DEVIATION) ** 2 / 2
            return np.average(losses, weights=weights) + prior / n_rows

        found = minimize_scalar(cost, bounds=np.log(TEMPERATURES), method="bounded")
        return float(np.exp(found.x)) if found.fun < cost(0.0) else 1.0

    def _measure_members(self, job, members, seeds):
        # the mean of several networks is less confident than each of them
        if len(self.estimators_) == 1:
            return
        if job.held_out is not None:
            _, Y = self._encoding.encode(job.held_out[1], np.float64)
            raw = np.stack(self._held_raws())
            self.temperature_ = self._fit_temperature(raw, Y, self._held[0][2], len(Y))
        elif pairs := self._pairs_of_unseen(job, members, seeds):
            lower = self.temperature_ * self._ratio_for_mean(job, pairs)
            self.temperature_ = float(np.clip(lower, *TEMPERATURES))

    def _ratio_for_mean(self, job, pairs):
        # The temperature for the mean of all networks, relative to that for a single
        # one. Its logarithm falls like the variance around the mean, and for the mean
        # of two it is known. It is taken as far as its gain stands out from chance.
        rows = np.concatenate([pair.rows for pair in pairs])
        raw = np.concatenate([pair.raw for pair in pairs], axis=1)
        weights = np.concatenate([p.weights * p.share / len(p.rows) for p in pairs])
        n_rows = len(rows)
        _, Y = self._encoding.encode(job.y[rows], np.float64)
        single = np.concatenate(raw), np.concatenate([Y, Y]), np.tile(weights, 2)
        one = self._fit_temperature(*single, n_rows)
        two = self._fit_temperature(raw, Y, weights, n_rows)
        losses = [self._losses(raw, Y, t, n_rows) for t in (one, two)]
        gain, error = mean_and_error(losses[0] - losses[1], weights)
        if gain <= 0:
            return 1.0
        certain = gain**2 / (gain**2 + error**2)
        return (two / one) ** (certain * (2 - 2 / len(self.estimators_)))

    def _link(self, raw):
        # probabilities
        return self._encoding.probabilities(raw / self.temperature_)

    # ------------------------------------------------------------ shape functions
    _raw_scale = "log odds"

    def _raw_effects(self, raw):
        # what effects are added to; only differences of the outputs of a softmax matter
        raw = raw.astype(np.float64) / self.temperature_
        if self._encoding.softmax:
            raw -= raw.mean(axis=1, keepdims=True)
        return raw

    def _outputs(self, n_outputs):
        # the class or label of each output
        return self.classes_[-n_outputs:].tolist()

    def _labels(self, P):
        if self._encoding.multilabel:
            return (P > 0.5).astype(int)
        return self.classes_[P.argmax(axis=1)]


class NumberTargets:
    """Numbers, which are standardised for the networks."""

    _networks = TableRegressor
    _losses, _y_numeric = TableRegressor._losses, True
    _loss_rule = TableRegressor._loss_rule

    # ------------------------------------------------------------ targets
    def _encode_targets(self, y, weights, n_samples):
        self._check_given(y)
        y = _as_numbers(y, "y")
        check_consistent_length(np.empty(n_samples), y)
        loss = self._loss_rule(self.loss)
        y, Y, self._encoding = RegressionEncoding.learn(y, np.float64, loss)
        if self._goes_on:  # in the units of the networks that there are
            return self._in_units(y), weights
        # the targets are in units of training, as they are for the networks elsewhere
        self._mean, self._scale = np.zeros(Y.shape[1]), np.ones(Y.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(Y, axis=0, weights=weights)
            variance = np.average((Y - mean) ** 2, axis=0, weights=weights)
        if not np.isfinite(variance).all():
            raise ValueError(
                f"The values of y are too large: up to {np.abs(Y).max():.3g}. Divide y "
                "by a number of this size."
            )
        if loss.link == "exp":
            self._scale = np.where(mean > 0, mean, 1.0)
        elif loss.link == "identity":  # a scale of 0 makes constant targets exact
            self._mean, self._scale = mean, np.sqrt(variance)
        return self._in_units(y), weights

    def _encode_more(self, y, weights, name):
        y, _ = self._encoding.encode(_as_numbers(y, name), np.float64)
        return self._in_units(y), weights

    def _in_units(self, y):
        n_targets = y[:1].size
        mean, scale = self._mean[:n_targets], self._scale[:n_targets]
        scale = np.where(scale > 0, scale, 1.0)
        return ((y.reshape(len(y), -1) - mean) / scale).reshape(y.shape)

    def _in_user_units(self, y):
        n_targets = y[:1].size
        mean, scale = self._mean[:n_targets], self._scale[:n_targets]
        return (y.reshape(len(y), -1) * scale + mean).reshape(y.shape)

    def _strata(self, y):
        return None

    def _prior(self, y, weights):
        return None

    # ------------------------------------------------------------ held-out rows
    def _publish_held_out(self, y, rows, raw, weights, score_weights):
        y, Y = self._in_user_units(y), self._link(raw)
        means = mean_of_rows(Y, rows, len(y))
        self.oob_prediction_ = self._shaped(means)
        counts = np.bincount(rows, minlength=len(y))
        seen = np.flatnonzero(counts)
        predicted, weights = self.oob_prediction_[seen], _of_rows(score_weights, seen)
        score = self._score_predictions(predicted, y[seen], weights)
        self.oob_score_ = float(score)
        self._errors = None  # for intervals, which need single predictions
        if means.shape[1] == 1 and y[:1].size == 1:
            residuals = y.ravel() - means.ravel()
            self._errors = means[seen, 0], residuals[seen], counts[seen]

    def _measure_members(self, job, members, seeds):
        self._variance = 0.0
        with_few = len(self.estimators_) == 1 or job.held_out is not None
        if self._errors is None or with_few:
            return
        for pair in self._pairs_of_unseen(job, members, seeds):
            mine, theirs = map(self._link, pair.raw)
            self._variance += pair.share * float(np.mean((mine - theirs) ** 2) / 2)

    def _quantiles(self, X, levels):
        # quantiles by residuals, for a single target
        found = np.mean(self._predictions(X), axis=0)
        if self._errors is None:
            raise ValueError(
                "Quantiles by residuals need a single target and a single prediction. "
                f"Got {found.shape[1]}."
            )
        predictions, residuals, counts = self._errors
        shrunk = shrinkage(residuals, counts, len(self.estimators_), self._variance)
        errors = Residuals(predictions, residuals, shrunk)
        ends = np.column_stack([errors.quantile(found[:, 0], q) for q in levels])
        return np.clip(ends, *RANGES.get(self._encoding.loss.link, (-np.inf, np.inf)))

    def _link(self, raw):
        # predictions in the user's units, always with two dimensions
        if self._encoding.loss.link == "identity":
            raw = raw * self._scale + self._mean
        Y = self._encoding.decode(raw).reshape(len(raw), -1)
        return Y if self._encoding.loss.link == "identity" else Y * self._scale

    # ------------------------------------------------------------ shape functions
    @property
    def _raw_scale(self):
        names = {"identity": "prediction", "exp": "log of the prediction"}
        names["logistic"] = "log odds"
        return names.get(self._encoding.loss.link, "raw prediction")

    def _raw_effects(self, raw):
        # what effects are added to
        is_identity = self._encoding.loss.link == "identity"
        return raw.astype(np.float64) * (self._scale if is_identity else 1.0)

    def _outputs(self, n_outputs):
        # the number of each target, or the level of each quantile
        loss = self._encoding.loss
        return list(loss.quantile) if loss.n_levels > 1 else list(range(n_outputs))

    def _shaped(self, Y):
        # as many dimensions as the targets had
        if Y.shape[1] > 1 or self._encoding.is_column:
            return Y
        return Y.ravel()

    @property
    def _fitted_loss(self):
        return self._encoding.loss

    _score_predictions = RegressionTargets._score_predictions


def _of_rows(weights, rows):
    return None if weights is None else weights[rows]


def _as_numbers(y, name):
    try:
        values = np.asarray(y)
        if values.dtype.kind in "mM":
            raise TypeError(f"values of type {values.dtype}")
        return check_array(y, ensure_2d=False, dtype=np.float64, input_name=name)
    except (TypeError, ValueError) as error:
        if values.dtype.kind in "OSUTmM" and "Input " not in str(error):
            raise ValueError(
                f"The targets {name} of TabularRegressor must be numeric: {error}. For "
                "classes, there is TabularClassifier."
            ) from error
        raise


def mean_of_rows(values, rows, n):
    """Average the values of each row.

    Parameters
    ----------
    values : ndarray of shape (n_values, n_columns)
        The values.
    rows : ndarray of shape (n_values,), intp
        The row of each value.
    n : int
        The number of rows.

    Returns
    -------
    means : ndarray of shape (n, n_columns)
        The means; NaN for a row without a value.
    """
    total = np.zeros((n, values.shape[1]))
    np.add.at(total, rows, values)
    counts = np.bincount(rows, minlength=n)[:, np.newaxis]
    return np.divide(total, counts, out=np.full_like(total, np.nan), where=counts > 0)
