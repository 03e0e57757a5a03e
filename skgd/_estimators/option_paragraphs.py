"""Paragraphs about what only some of the four estimators have.

They are written as the other shared paragraphs.
"""

OPTION_PARAGRAPHS = {
    "standardized_coef": """
        standardized_coef_ : ndarray of the shape of coef_
            The coefficients times the standard deviations of their features in the
            training data: by how much the raw prediction changes if a feature changes
            by one standard deviation. While `coef_` depends on the units of the
            features, these numbers do not, so they can be compared with each other.
            ``importance_getter="standardized_coef_"`` makes scikit-learn's `RFE`,
            `RFECV` and `SelectFromModel` rank raw columns by them. It is not
            available with ``standardize=False``.
        """,
}
