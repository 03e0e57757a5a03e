"""The model in a pipeline, a search or a `TransformedTargetRegressor`, at any depth."""

from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.utils.validation import check_is_fitted

from .._training.observers import without_callbacks


# Kinds are recognised by their attributes: the base class of the searches is private in
# scikit-learn, and `import skgd` would take a tenth longer if it imported the others.
def _is_pipeline(estimator):
    return hasattr(estimator, "steps") and hasattr(estimator, "named_steps")


def _is_search(estimator):
    return hasattr(estimator, "estimator") and hasattr(estimator, "refit")


def _transforms_targets(estimator):
    return hasattr(estimator, "regressor") and hasattr(estimator, "inverse_func")


def _content(estimator):
    # What the estimator wraps, as fitted if it is fitted; None if it wraps nothing.
    if _is_pipeline(estimator):
        return estimator.steps[-1][1]
    if _transforms_targets(estimator):
        return getattr(estimator, "regressor_", estimator.regressor)
    if _is_search(estimator):
        return getattr(estimator, "best_estimator_", estimator.estimator)
    return None


def model_in(estimator):
    """Return the model that an estimator wraps.

    Parameters
    ----------
    estimator : object
        A pipeline, a search, a `TransformedTargetRegressor`, or any other object.

    Returns
    -------
    model : object
        The last step, the best estimator or the regressor, at any depth. Without a
        fit, it is the estimator that would be fitted. Any other object is returned as
        it is.
    """
    while (content := _content(estimator)) is not None:
        estimator = content
    return estimator


def fitted_model(estimator, X=None):
    """Return the fitted model that an estimator wraps.

    Parameters
    ----------
    estimator : estimator instance
        A pipeline, a search, a `TransformedTargetRegressor`, or a model.
    X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
        Data for the estimator.

    Returns
    -------
    model : object
        The model.
    X : {ndarray, sparse matrix, dataframe} or None
        The data, as the model gets them from the steps of the pipelines before it.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If it is not an estimator.
    ValueError
        If a search was fitted with ``refit=False`` and has no best estimator.
    """
    while (content := _content(estimator)) is not None:
        if hasattr(estimator, "cv_results_") and content is estimator.estimator:
            raise ValueError(
                f"{type(estimator).__name__} has no best_estimator_, because it was "
                f"fitted with refit={estimator.refit!r}. Set refit=True."
            )
        if _is_pipeline(estimator) and X is not None and estimator.steps[1:]:
            X = estimator[:-1].transform(X)
        estimator = content
    check_is_fitted(estimator)
    return estimator, X


class _Receiver(DummyRegressor):
    # Keeps the data that a model would get. A TransformedTargetRegressor accepts only
    # what has the methods of a regressor.
    def fit(self, X, y):
        self.data_ = X, y
        return self


def _with_receiver(estimator):
    # a copy of the estimator that gives a receiver what it would give to the model
    content = _content(estimator)
    if content is None:
        return _Receiver()
    inner = _with_receiver(content)
    if _is_search(estimator):
        return inner
    is_pipeline = _is_pipeline(estimator)
    name = estimator.steps[-1][0] if is_pipeline else "regressor"
    return without_callbacks(clone(estimator)).set_params(**{name: inner})


def training_data(estimator, X, y):
    """Transform data as an estimator does before it trains its model.

    Parameters
    ----------
    estimator : estimator instance
        A pipeline, a search, a `TransformedTargetRegressor`, or a model. It is not
        changed and need not be fitted: clones of the steps are fitted.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.

    Returns
    -------
    X, y : object
        The data that the model would get.
    """
    return model_in(_with_receiver(estimator).fit(X, y)).data_
