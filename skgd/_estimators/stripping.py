"""Fitted estimators without the state of their training."""

from typing import Self

from sklearn.utils.validation import check_is_fitted


class Strippable:
    """An estimator that can drop the state of its training."""

    def strip(self) -> Self:
        """Drop what only a continued training needs, so that pickles become smaller.

        This is for a model that will only predict, for example in production. The
        parameters as they were trained, the state of the optimizer, averages, the
        generator of random numbers and the statistics of standardisation are dropped.
        Predictions and all public attributes stay as they are. A linear model
        becomes about a sixth as large, and a network with Adam about a quarter.

        Afterwards, `partial_fit`, and `fit` with ``warm_start=True``, raise an error.
        `fit` with ``warm_start=False`` trains from the start, as always.
        `skgd.plotting.WeightsDisplay` can only draw weights for standardised data
        before `strip`.

        Returns
        -------
        self : object
            The estimator.

        See Also
        --------
        sklearn.base.clone : An estimator with the same parameters that is not fitted.

        Examples
        --------
        >>> import pickle
        >>> from sklearn.datasets import load_digits
        >>> from skgd import MLPGDClassifier
        >>> X, y = load_digits(return_X_y=True)
        >>> clf = MLPGDClassifier(early_stopping=False, max_iter=5, tol=None).fit(X, y)
        >>> before, labels = len(pickle.dumps(clf)), clf.predict(X)
        >>> len(pickle.dumps(clf.strip())) < 0.4 * before
        True
        >>> bool((clf.predict(X) == labels).all())
        True
        """
        check_is_fitted(self)
        self._state = self._state.stripped()
        return self


def check_not_stripped(estimator, state, method):
    """Raise an error if the training of an estimator cannot be continued.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator.
    state : TrainingState or None
        The state that would be continued; None if a new training begins.
    method : str
        What would continue the training.

    Raises
    ------
    ValueError
        If the state was stripped.
    """
    if state is not None and state.is_stripped:
        raise ValueError(
            f"{method} cannot continue the training of this "
            f"{type(estimator).__name__}, because `strip` has dropped the state "
            "of the training. Call `fit` with warm_start=False to train from the "
            "start, or keep a copy of the estimator from before `strip`."
        )
