"""Paragraphs about what only some of the four estimators have.

They are written as the other shared paragraphs.
"""

CONSTRAINTS = """
        positive : bool, default=False
            Whether all coefficients are kept at zero or above. Intercepts are free.
            After each update, coefficients with the wrong sign become zero, also the
            initial ones. `optimizer` cannot be 'lbfgs', and 'auto' is 'adam'.
            With the defaults, the objective ends within a hundredth of a percent of the
            optimum, and coefficients within a hundredth of the largest one.
        monotonic_cst : array-like of int of shape (n_features,), dict or None, \
            default=None
            The constraint of each feature: 1 for a coefficient of at least zero, so
            that the raw prediction increases with the feature, -1 for one of at most
            zero, and 0 for no constraint. A dict has these numbers for names of
            features; features that are not in it have no constraint.MORE
        """

OPTION_PARAGRAPHS = {
    "constraints": CONSTRAINTS.replace("MORE", ""),
    "constraints_classes": CONSTRAINTS.replace(
        "MORE",
        """ The prediction is
            that of the second class. More than two classes, or several labels, are not
            supported.""",
    ),
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
