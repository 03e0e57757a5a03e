"""Coefficients of linear models that can be compared with each other, and a table."""

import numpy as np
from scipy import sparse as sp
from sklearn.utils.validation import check_is_fitted

from .._rules.extras import import_extra
from .published import coefficients_of


class ComparableCoefficients:
    """What a linear model says about its coefficients."""

    @property
    def standardized_coef_(self):
        """Coefficients times the standard deviations of their features."""
        check_is_fitted(self)
        coef, _ = coefficients_of(self)
        deviation = self._state.deviation
        if deviation is None:
            raise AttributeError(
                f"This {type(self).__name__} has no 'standardized_coef_', because it "
                "was trained with standardize=False and does not know the standard "
                "deviations of the features. Set standardize=True and fit it again, "
                "or multiply 'coef_' by the standard deviations of your data."
            )
        coef = coef.toarray() if sp.issparse(coef) else coef
        # (a column whose deviation overflows has the coefficient zero)
        dtype = np.result_type(coef, np.float32)  # (the user may have set ints)
        return self._shape_coef((coef * deviation).astype(dtype))

    def coef_frame(self):
        """Make a table of the coefficients, which needs pandas.

        Returns
        -------
        frame : pandas.DataFrame
            A table with one row for each feature. The index has the names of the
            features, or 'x0', 'x1' and so on if they have no names. The column 'coef'
            has the coefficients in the user's units. The column 'standardized_coef'
            has `standardized_coef_`, which says by how much the prediction changes
            if the feature changes by one standard deviation; it is left out for a model
            that was trained with ``standardize=False``. With several classes, labels,
            targets or quantiles, there is one row for each feature and each of them,
            and they are the first level of the index.

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skgd import GDClassifier
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> clf = GDClassifier().fit(X, y)
        >>> frame = clf.coef_frame()
        >>> frame.loc[0, "standardized_coef"].idxmin()
        'petal length (cm)'
        """
        check_is_fitted(self)
        (pandas,) = import_extra("coef_frame", "tables", "pandas", "pandas")
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = [f"x{j}" for j in range(self.n_features_in_)]
        columns = {"coef": coefficients_of(self)[0]}
        if self._state.deviation is not None:
            columns["standardized_coef"] = self.standardized_coef_
        columns = {
            name: (values.toarray() if sp.issparse(values) else values).ravel()
            for name, values in columns.items()
        }
        index = pandas.Index(names, name="feature")
        kind, outputs = self._named_outputs()
        if len(outputs) > 1:
            index = pandas.MultiIndex.from_product(
                [outputs, names], names=[kind, "feature"]
            )
        return pandas.DataFrame(columns, index=index)

    def _named_outputs(self):
        # what the rows of `coef_` are for, and a name of each
        loss, n_outputs = self._fitted_loss, self._architecture_.n_outputs
        if loss.n_levels > 1:
            return "quantile", list(loss.quantile)
        if self._y_numeric or n_outputs == 1:
            return "target", range(n_outputs)
        return "label" if self._encoding.multilabel else "class", self.classes_
