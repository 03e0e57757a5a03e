"""Numbers as the values of hat functions, for piecewise linear functions of them."""

from numbers import Integral

import numpy as np
from scipy import sparse as sp
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .._data.knots import bends_of, hats
from .._rules.numbers import PlainNumbers
from .._rules.version import Versioned

# With n_knots='auto', there are so many rows for an interval, and the number of
# intervals is within these limits.
ROWS_OF_INTERVAL, FEWEST_INTERVALS, MOST_INTERVALS = 50, 2, 32


class PiecewiseLinearEncoder(PlainNumbers, Versioned, TransformerMixin, BaseEstimator):
    r"""Encode numbers so that a linear model of the result is piecewise linear.

    Each feature :math:`x` is followed by the values of hat functions at its knots. A
    hat function is 1 at its knot, 0 at the other knots, and linear in between, so that
    a weighted sum of them is any piecewise linear function with these knots. For each
    number, only the two neighbouring knots have values that are not zero. A linear
    model that is fitted to this encoding is an additive model: a sum of one function
    for each feature.

    Parameters
    ----------
    n_knots : int or 'auto', default='auto'
        The largest number of intervals between the knots of a feature. 'auto' is one
        interval for 50 samples, at least 2 and at most 32.
    include_linear : bool, default=True
        Whether the feature itself is included, so that its function goes on beyond the
        first and the last knot. If False, the function is constant there.
    sparse_output : bool, default=True
        Whether the result is a CSR matrix instead of an array.

    Attributes
    ----------
    knots_ : list of ndarray
        The knots of each feature: some of its values in rising order, which include the
        least and the largest. A feature with less than three distinct values has none.
    n_features_in_ : int
        The number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        The names of the features. Defined only if all names are strings.

    See Also
    --------
    sklearn.preprocessing.SplineTransformer : Splines of higher degrees.
    sklearn.preprocessing.KBinsDiscretizer : Step functions.

    Notes
    -----
    The knots divide a feature into intervals of equal mass, where a value that occurs
    :math:`c` times has the mass :math:`\sqrt{c}`. The sums of the hat values from a
    knot to the last one are the encoding of [1]_. The hat function at the first knot is
    left out, because the intercept of a model makes it redundant. All values are 0 for
    NaN, and the feature itself remains NaN.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features
       in tabular deep learning", NeurIPS 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skgd import GDRegressor
    >>> from skgd.preprocessing import PiecewiseLinearEncoder
    >>> from sklearn.pipeline import make_pipeline
    >>> X = np.linspace(-3, 3, 500)[:, np.newaxis]
    >>> y = np.sin(2 * X[:, 0])
    >>> bool(GDRegressor().fit(X, y).score(X, y) < 0.2)
    True
    >>> model = make_pipeline(PiecewiseLinearEncoder(), GDRegressor()).fit(X, y)
    >>> bool(model.score(X, y) > 0.99)
    True
    """

    def __init__(self, n_knots="auto", *, include_linear=True, sparse_output=True):
        self.n_knots = n_knots
        self.include_linear = include_linear
        self.sparse_output = sparse_output

    def fit(self, X, y=None):
        """Choose the knots of each feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, which may be missing (NaN).
        y : None
            Ignored.

        Returns
        -------
        self : PiecewiseLinearEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If X contains infinity or no numbers, or if a parameter is not allowed.
        """
        auto = isinstance(self.n_knots, str) and self.n_knots == "auto"
        whole = isinstance(self.n_knots, Integral) and not isinstance(
            self.n_knots, bool
        )
        if not auto and not (whole and self.n_knots >= 1):
            raise ValueError(
                "The 'n_knots' parameter of PiecewiseLinearEncoder must be an int of "
                f"at least 1 or 'auto'. Got {self.n_knots!r} instead."
            )
        X = self._numbers(X)
        most = n_intervals(len(X)) if auto else int(self.n_knots)
        columns = (column[~np.isnan(column)] for column in X.T)
        self.knots_ = [bends_of(column, most) for column in columns]
        return self

    def _numbers(self, X, reset=True):
        # (scikit-learn adds up all values, to see whether they are finite)
        with np.errstate(over="ignore", invalid="ignore"):
            return validate_data(
                self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=reset
            )

    def transform(self, X):
        """Encode numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, which may be missing (NaN).

        Returns
        -------
        encoded : CSR or ndarray of shape (n_samples, n_features_out), float64
            For each feature, the feature itself if `include_linear` is True, or if it
            has no knots, and then the values of its hat functions.
        """
        check_is_fitted(self)
        X = self._numbers(X, reset=False)
        blocks = []
        for column, knots in zip(X.T, self.knots_, strict=True):
            if self.include_linear or not len(knots):
                blocks.append(sp.csr_matrix(column[:, np.newaxis]))
            if len(knots):
                blocks.append(hats(column, knots))
        encoded = sp.hstack(blocks, format="csr")
        return encoded if self.sparse_output else encoded.toarray()

    def get_feature_names_out(self, input_features=None):
        """Names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            The names of the features, if X had no names in `fit`.

        Returns
        -------
        names : ndarray of str objects
            The name of each feature, and for its hat functions the name with the knot,
            such as 'age_at_30'.
        """
        check_is_fitted(self)
        names = []
        given = names_in(self, input_features)
        for name, knots in zip(given, self.knots_, strict=True):
            if self.include_linear or not len(knots):
                names.append(name)
            names += [f"{name}_at_{knot:.6g}" for knot in knots[1:]]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self):
        """Tags of scikit-learn: missing values are accepted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def n_intervals(n_samples):
    """Return the number of intervals for a number of samples.

    Parameters
    ----------
    n_samples : int
        The number of samples.

    Returns
    -------
    n_intervals : int
        The largest number of intervals between the knots of a feature.
    """
    n_intervals = max(n_samples // ROWS_OF_INTERVAL, FEWEST_INTERVALS)
    return min(n_intervals, MOST_INTERVALS)


def names_in(estimator, input_features=None):
    """Return the names of the features of a fitted transformer.

    Parameters
    ----------
    estimator : object
        The transformer.
    input_features : array-like of str or None, default=None
        The names that the user passes.

    Returns
    -------
    names : list of str
        These names, the names seen during `fit`, or x0, x1, ...

    Raises
    ------
    ValueError
        If the given names are not those seen during `fit`, or not as many.
    """
    known = getattr(estimator, "feature_names_in_", None)
    n = estimator.n_features_in_
    if input_features is None:
        return [f"x{j}" for j in range(n)] if known is None else list(known)
    if known is not None and list(input_features) != list(known):
        raise ValueError("input_features is not equal to feature_names_in_")
    if len(input_features) != n:
        raise ValueError(
            f"input_features should have length equal to number of features ({n}), got "
            f"{len(input_features)}"
        )
    return list(input_features)
