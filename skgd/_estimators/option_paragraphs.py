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

EXPOSURE = """
        exposure : array-like of shape (n_samples,), default=None
            The exposure of each sample, such as the time for which events were counted,
            with the losses 'poisson', 'gamma' and 'tweedie'. The mean of a sample is
            its exposure times the exponential of the output. The result is the same as
            for the targets ``y / exposure`` and the weights
            ``sample_weight * exposure**(2 - p)``, where ``p`` is 1 for 'poisson', 2 for
            'gamma', and the power of 'tweedie'. The powers are divided by their mean,
            so that the unit of the exposure does not matter. `scoring` gets these
            targets and weights. All values must be above zero. None stands for 1.
        exposure_val : array-like of shape (n_val_samples,), default=None
            The exposure of the samples in ``X_val``.
        """

OPTION_PARAGRAPHS = {
    "exposures": EXPOSURE,
    "exposure_predict": """
        exposure : array-like of shape (n_samples,), default=None
            The exposure of each sample, by which the predicted rate is multiplied: see
            `fit`. None stands for 1, so that predictions are rates.
        """,
    "constraints": CONSTRAINTS.replace("MORE", ""),
    "constraints_classes": CONSTRAINTS.replace(
        "MORE",
        """ The prediction is
            that of the second class. More than two classes, or several labels, are not
            supported.""",
    ),
    "standardized_coef": """
        standardized_coef_ : ndarray of the shape of `coef_`
            The coefficients times the standard deviations of their features in the
            training data: by how much the raw prediction changes if a feature changes
            by one standard deviation. While `coef_` depends on the units of the
            features, these numbers do not, so they can be compared with each other.
            ``importance_getter="standardized_coef_"`` makes scikit-learn's `RFE`,
            `RFECV` and `SelectFromModel` rank raw columns by them. It is not
            available with ``standardize=False``.
        """,
}
