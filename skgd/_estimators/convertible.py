"""Fitted estimators as fitted estimators of scikit-learn."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..activations import Identity, Logistic, ReLU, Tanh
from ..losses import (
    Gamma,
    Hinge,
    ModifiedHuber,
    Perceptron,
    Poisson,
    SquaredHinge,
    Tweedie,
)

# scikit-learn's names of the activations of its networks, and of margin losses
ACTIVATIONS = {
    Identity: "identity",
    Logistic: "logistic",
    ReLU: "relu",
    Tanh: "tanh",
}
MARGIN_LOSSES = {
    Hinge: "hinge",
    ModifiedHuber: "modified_huber",
    Perceptron: "perceptron",
    SquaredHinge: "squared_hinge",
}


class Convertible:
    """An estimator that a class of scikit-learn may be able to represent."""

    @abstractmethod
    def _plain_layers(self):
        """Return copies of the public attributes as `PlainLayers`."""

    def to_sklearn(self) -> BaseEstimator:
        """Return a fitted estimator of scikit-learn with the same predictions.

        It can be used without this package and by tools that know the classes of
        scikit-learn only. Its weights act on raw data, as the published weights do, and
        contain any batch normalisation. Only the predictions are the same: its
        parameters other than the ones that determine predictions have their defaults.

        Returns
        -------
        estimator : estimator instance
            Linear models become a `LinearRegression`, with the log link a
            `PoissonRegressor`, `GammaRegressor` or `TweedieRegressor`, a
            `LogisticRegression`, or with margin losses an `SGDClassifier`. For several
            labels, it is a `OneVsRestClassifier` of these. Networks become an
            `MLPRegressor` or `MLPClassifier`. If there is a single target, an
            `MLPRegressor` returns a vector, even if the target was a column.

        Raises
        ------
        ValueError
            If no class of scikit-learn has this activation, link or embedding of
            numbers.

        See Also
        --------
        skgd.export.register_onnx_converters : Conversion to ONNX.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skgd import MLPGDClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = MLPGDClassifier((10, 5), batch_norm=True, random_state=0).fit(X, y)
        >>> clf.to_sklearn()
        MLPClassifier(hidden_layer_sizes=(10, 5))
        >>> bool((clf.to_sklearn().predict(X) == clf.predict(X)).all())
        True
        """
        check_is_fitted(self)
        layers = self._plain_layers()
        if self._kind == "network":
            model = _network(self, layers)
        elif self._y_numeric:
            model = _linear_regressor(self, layers)
        else:
            model = _linear_classifier(self, layers)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(model, name, getattr(self, name))
        return model


def _refused(estimator, name, value, advice):
    return ValueError(
        f"No estimator of scikit-learn can represent this {type(estimator).__name__} "
        f"with {name}={value!r}. {advice}"
    )


# ---------------------------------------------------------------- linear models
def _linear_regressor(estimator, layers):
    from sklearn.linear_model import LinearRegression

    coef, intercept = layers.coefs[0].T, layers.intercepts[0]
    link = _link(estimator)
    if link == "identity":
        if not (estimator._encoding.is_column or len(coef) > 1):
            coef, intercept = coef[0], intercept[0]
        return _with(LinearRegression(), coef_=coef, intercept_=intercept)
    if len(coef) > 1 or estimator._encoding.is_column:
        raise _refused(
            estimator,
            "loss",
            estimator._fitted_loss,
            "With the log link, the target must be a vector.",
        )
    # A fit to one row sets what scikit-learn's prediction reads besides coefficients.
    model = _with_log_link(estimator).fit(np.zeros((1, coef.shape[1])), [1.0])
    return _with(model, coef_=coef[0], intercept_=intercept[0])


def _link(estimator):
    # 'identity' or 'exp'
    loss = estimator._fitted_loss
    own = loss.link == "custom" and not hasattr(loss.rule, "predict")
    if (loss.link == "identity" and loss.n_levels == 1) or own:
        return "identity"
    if loss.link == "exp":
        return "exp"
    advice = "The loss must be for a mean or a single quantile, without a link or with "
    advice += "the log link."
    raise _refused(estimator, "loss", loss, advice)


def _with_log_link(estimator):
    from sklearn.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor

    loss = estimator._fitted_loss
    if isinstance(loss, Tweedie):
        return TweedieRegressor(power=loss.power, link="log")
    return {Poisson: PoissonRegressor, Gamma: GammaRegressor}[type(loss)]()


def _linear_classifier(estimator, layers):
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import LabelBinarizer

    coef, intercept = layers.coefs[0].T, layers.intercepts[0]
    encoding, kind = estimator._encoding, _linear_kind(estimator)
    parameters = {"coef_": coef, "intercept_": intercept, "classes_": encoding.classes}
    if not encoding.multilabel:
        return _with(kind, **parameters)
    models = []
    for j in range(len(coef)):
        part = slice(j, j + 1)
        parameters = {"coef_": coef[part], "intercept_": intercept[part]}
        n_features = {"n_features_in_": coef.shape[1], "classes_": np.array([0, 1])}
        models.append(_with(_linear_kind(estimator), **parameters, **n_features))
    labels = LabelBinarizer(sparse_output=True).fit(_indicator(len(coef)))
    return _with(OneVsRestClassifier(kind), estimators_=models, label_binarizer_=labels)


def _linear_kind(estimator):
    from sklearn.linear_model import LogisticRegression, SGDClassifier

    loss = estimator._fitted_loss
    if loss.link == "logistic":
        return LogisticRegression()
    return SGDClassifier(MARGIN_LOSSES[type(loss)])


def _with(model, **attributes):
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


# ---------------------------------------------------------------- networks
def _network(estimator, layers):
    if layers.knots:
        raise _refused(
            estimator,
            "num_embedding",
            "piecewise_linear",
            "Fit it with num_embedding=None, or convert it to ONNX.",
        )
    sizes = tuple(len(b) for b in layers.intercepts[:-1])
    options = {"hidden_layer_sizes": sizes, "activation": _activation(estimator)}
    X = np.zeros((2, len(layers.coefs[0])))
    # A step of scikit-learn's training sets what its predictions read besides weights.
    if estimator._y_numeric:
        model = _network_for_numbers(estimator, options)
        model.partial_fit(X, np.ones((2, len(layers.intercepts[-1]))).squeeze())
    else:
        model = _network_for_classes(estimator, options, X)
    return _with(
        model,
        coefs_=layers.coefs,
        intercepts_=layers.intercepts,
        n_iter_=estimator.n_iter_,
        t_=estimator.t_,
        loss_=estimator.loss_,
        loss_curve_=list(estimator.loss_curve_),
        best_loss_=estimator.best_loss_,
    )


def _activation(estimator):
    rules = estimator._architecture_.activations
    found = {ACTIVATIONS.get(type(rule)) for rule in rules}
    if not rules:
        return "identity"
    if len(found) > 1 or None in found:
        advice = f"It must be one of {', '.join(sorted(ACTIVATIONS.values()))}."
        raise _refused(estimator, "activation", estimator.activation, advice)
    return found.pop()


def _network_for_numbers(estimator, options):
    from sklearn.neural_network import MLPRegressor

    if _link(estimator) == "identity":
        return MLPRegressor(**options)
    loss = estimator._fitted_loss
    model = MLPRegressor(**options)
    if "loss" not in model.get_params():
        advice = "The log link needs scikit-learn 1.7 or newer."
        raise _refused(estimator, "loss", loss, advice)
    return model.set_params(loss="poisson")


def _network_for_classes(estimator, options, X):
    from sklearn.neural_network import MLPClassifier

    encoding = estimator._encoding
    classes = encoding.classes
    if len(classes) == 1:
        raise ValueError(
            "An MLPClassifier of scikit-learn cannot represent an MLPGDClassifier that "
            f"was fitted to y with a single class, {classes.tolist()[0]!r}."
        )
    y = _indicator(len(classes)) if encoding.multilabel else classes[:2]
    return MLPClassifier(**options).partial_fit(X, y, classes=classes)


def _indicator(n_labels):
    # targets with so many labels
    return np.eye(2, n_labels, dtype=int)
