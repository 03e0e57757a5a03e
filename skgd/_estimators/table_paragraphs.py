"""Paragraphs of the docstrings of the two estimators of raw tables."""

TABLE_PARAGRAPHS = {
    "table_parameters": """
        n_members : int, default=8
            The number of networks. Each of them holds out a part of the rows, and the
            predictions are means over all networks. If two settings are chosen, a few
            more networks are left over from the comparison.
        hidden_layer_sizes : int, sequence of int or 'auto', default='auto'
            The number of units in each hidden layer of a network. 'auto' is two layers
            of 128 units, or of 64 if there are fewer than 1000 rows.
        num_embedding : {'auto', 'piecewise_linear', None}, default='auto'
            How a network reads numbers. 'piecewise_linear' makes its first layer a
            piecewise linear function of each number, see `PiecewiseLinearEncoder`. With
            None, the first layer is linear. 'auto' chooses the better one.
        alpha : float or 'auto', default='auto'
            The strength of the L2 penalty for a single sample. 'auto' chooses one of
            six strengths, together with the rate of dropout.
        trees : {'auto', None}, default='auto'
            Whether gradient-boosted trees (scikit-learn's `HistGradientBoosting*`)
            are trained beside each network, on the same rows. 'auto' mixes the raw
            predictions of both, if that lowers the loss of the held-out rows. Tables
            with more than 500 columns and targets with more than five classes or with
            several outputs have no trees, and neither have losses that scikit-learn's
            boosting does not offer. None is networks alone.
        categorical_features : 'from_dtype', array-like or None, default='from_dtype'
            The columns that are categories although they contain numbers: names,
            positions, or a boolean mask. 'from_dtype' selects the columns of a
            categorical dtype. Columns with text are categories in any case.
        cv : int, splitter or iterable, default=None
            Which rows the networks hold out, as in scikit-learn. None is one fold for
            each member, or a fifth of the rows each for one or two members. If there
            are fewer folds than members, they are used again.
    """,
    "table_options": """
        time_limit : float, default=None
            A number of seconds after which no further training begins. The fit ends
            with the networks that there are then. This is at least one, however long it
            takes. Results then depend on the speed of the machine.
        n_jobs : int, default=None
            The number of networks that are trained at the same time, in threads. The
            result does not depend on it. None is 1, unless a
            ``joblib.parallel_config`` says otherwise.
        warm_start : bool, default=False
            Whether `fit` keeps the networks of the last call and only adds the missing
            ones, after `n_members` has been increased.
        verbose : bool or int, default=False
            Whether to print a line for each trained network.
        random_state : int, RandomState instance or None, default=None
            The seed of the folds, the initial weights, the batches and the dropout. An
            int makes results reproducible.
    """,
    "table_attributes": """
        encoder_ : TableEncoder
            The encoding of the columns.
        settings_ : list of Setting
            What the held-out rows have chosen, the best one first: `alpha`, `dropout`,
            `bends` (whether the first layer is piecewise linear) and `hidden` (the
            hidden layers).
        estimators_ : list
            The networks.
        trees_ : list
            The boosted trees beside each network; None where there are none.
        tree_share_ : float
            The share of the trees in the raw predictions, between 0 and 1.
        oob_score_ : float
            The score of the predictions for held-out rows, as `score` computes it with
            the `sample_weight` of `fit`. Each row is predicted only by the networks
            that have not seen it. With `X_val`, these are its rows, with
            `sample_weight_val`.
        n_features_in_ : int
            The number of columns seen during `fit`.
        feature_names_in_ : ndarray of shape (`n_features_in_`,)
            The names of the columns. Defined only if all names are strings.
    """,
    "table_data": """
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The table, of pandas, polars, NumPy or SciPy. It may contain numbers, text,
            categories, dates and missing values.
    """,
    "table_fit": """
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        X_val : array-like, sparse matrix or DataFrame, default=None
            Rows that all networks hold out, instead of parts of `X`.
        y_val : array-like, default=None
            The targets of these rows.
        sample_weight_val : array-like, default=None
            The weights of these rows.
        groups : array-like of shape (n_samples,), default=None
            Groups of rows, of which only whole ones are held out.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a column cannot be used, if arguments do not fit together, or if a
            parameter is not allowed. The estimator then remains as it was.
    """,
    "table_notes": """
        1. The columns are encoded, see `TableEncoder`.
        2. Some settings are compared on the rows of the first folds, until 500 rows
           have been held out. The walk begins with a medium penalty and goes on in the
           direction in which the loss falls. A setting that is clearly worse, by more
           than the standard error, is not trained on further folds.
        3. With the best setting, and in turns with the second one if it is not clearly
           worse, one network is trained for each fold. Its training ends when the loss
           of the rows of the fold no longer falls.
        4. Boosted trees are trained on the same rows as the networks. The held-out rows
           choose the number of iterations, and the share of the trees in the raw
           predictions of each member. If the share is below a tenth on the first folds,
           there are no trees.
        5. With fewer than 1000 rows, where every row matters, networks and trees are
           trained again on all rows, for the number of epochs and iterations found.
    """,
}
