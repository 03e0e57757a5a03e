"""The paragraphs of the docstrings about held-out data."""

VALIDATION = """
        early_stopping : bool or 'auto', default={}
            Whether to stop when the loss or the score on validation data does not
            improve. The parameters of the best epoch are restored. The validation data
            are ``X_val`` and ``y_val`` of `fit` or, by default, a part of the training
            data (stratified for classes). `partial_fit` always trains on all the data
            it is given, and never stops early.
            AUTO
        scoring : str, callable or None, default=None
            The score that early stopping monitors, as a name or a callable of
            scikit-learn. None monitors the loss.
        validation_fraction : float, default=0.1
            The share of the training data that is used for validation, in (0, 1). SHARE
        validation_split : int, splitter, iterable or None, default=None
            Which samples are held out, like `cv` of `LogisticRegressionCV`: a splitter
            of `sklearn.model_selection`, an iterable of pairs ``(train, test)`` of row
            numbers, or the number of folds (stratified for classes). Early stopping
            uses the first split. FOLDS A splitter without a seed of its own is seeded
            by `random_state`, so that a continued training holds out the same rows.
            None is a random part of size `validation_fraction`, whole groups if
            `fit` gets ``groups``, or the last samples with ``shuffle=False``.
        """

HELD_OUT = """
        X_val : {array-like, sparse matrix} of shape (n_val_samples, n_features), \
            default=None
            Data for early stopping, which are used instead of a part of the training
            data. A `Pipeline` with ``transform_input=["X_val"]`` and metadata routing
            transforms them in the same way as ``X``.
        y_val : array-like of shape (n_val_samples,) or (n_val_samples, n_targets), \
            default=None
            Targets of the samples in ``X_val``.
        sample_weight_val : array-like of shape (n_val_samples,), default=None
            Weights of the samples in ``X_val``.
        """

WATCHED = HELD_OUT.replace(
    """Data for early stopping, which are used instead of a part of the training
            data. A `Pipeline` with ``transform_input=["X_val"]`` and metadata routing
            transforms them in the same way as ``X``.""",
    """Data on which the model is validated after this call. The loss is appended to
            `validation_loss_curve_` and the score to `validation_scores_`. Training
            never stops early, and these data have no effect on it.""",
)

VALIDATION_PARAGRAPHS = {
    "validation_linear": VALIDATION.format("False")
    .replace(
        "AUTO",
        """'auto' is True for more than 10,000 samples or with ``X_val``. If a class
            has a single sample, 'auto' keeps this sample in the training data.""",
    )
    .replace(" SHARE", "")
    .replace(" FOLDS", ""),
    "validation_mlp": VALIDATION.format("'auto'")
    .replace(
        "AUTO",
        """'auto' is True with ``X_val``. Otherwise, there are trials, which find out
            how long to train: each holds out a fifth of the samples (10,000 at most)
            and trains on the others until the validation loss has stopped improving.
            The final training then uses all samples. With fewer than 100 samples, it
            has up to 200 epochs, and there are no trials. There are none either with
            ``warm_start=True``, ``tol=None``, L-BFGS or a `learning_rate` other than
            'auto'. In these cases, 'auto' is True for more than 10,000 samples, and
            False for fewer.""",
    )
    .replace("SHARE", "Trials hold out a fifth.")
    .replace("FOLDS", "Trials use all splits as their folds."),
    "held_out_numbers": HELD_OUT,
    "held_out_classes": HELD_OUT.replace("n_targets", "n_labels"),
    "watched_numbers": WATCHED,
    "watched_classes": WATCHED.replace("n_targets", "n_labels"),
    "groups": """
        groups : array-like of shape (n_samples,), default=None
            Groups of the samples, such as the patients that they come from. They are
            passed to the splitter `validation_split`. If it is None, early stopping
            holds out whole groups (the share `validation_fraction` of the groups), and
            so do trials (a fifth of the groups).
        """,
}
