"""Paragraphs that the docstrings of the four estimators share.

Within a paragraph, a name such as ``{optimizers}`` stands for a list of rules, which
comes from the registry.
"""

from .paragraphs_validation import VALIDATION_PARAGRAPHS

RATE = """
        learning_rate : {{schedules}, 'line_search', 'auto'}, \
            Schedule, LineSearch or callable, default='auto'
            The rate as a function of the step, for every optimizer: a name or an
            instance of a class in `skgd.schedules`, or a callable that takes the number
            of updates so far and returns the rate itself. 'line_search' is
            `skgd.line_search.LineSearch` and needs ``solver='batch'``. For each update,
            it finds a rate at which the training objective falls enough. If the
            optimizer leads uphill, its state is reset and it follows the gradient.
            AUTO
        learning_rate_init : float or None, default=None
            The initial learning rate. None is the ``learning_rate`` of the optimizer if
            it is set. Otherwise, it is a default that depends on the kind of model, on
            whether each update uses one sample or several, and on the number of
            features. If training diverges, it continues from the last good epoch with
            half the rate and issues a warning, up to five times. After that it raises
            an error, which suggests a rate and, if the features are not standardised,
            names the columns with the largest scale.
        clip_norm : float or None, default=None
            The maximum Euclidean norm of a gradient. If the gradient of the mean loss
            of a batch with respect to all parameters, without the penalty, is longer,
            it is scaled down to this norm (Pascanu, Mikolov, Bengio, 2013). This limits
            the effect of outliers. With `standardize`, the norm refers to standardised
            data.
        """

CURVES = """
        loss_curve_ : list of float
            The loss of each epoch. It is the mean over the samples, computed before the
            update of their batch, plus the penalty at the start of the epoch. With
            ``optimizer='lbfgs'``, it is the objective after the iteration. Calls of
            `partial_fit` keep at least the last 10,000 losses and drop older ones.
        loss_ : float
            The last value of `loss_curve_`.
        best_loss_ : float or None
            The lowest value of `loss_curve_`; None with early stopping or after trials.
        validation_scores_ : list of float or None
            With early stopping, the score on the validation data after each epoch:
            accuracy, R2, or `scoring`. In a stream, the score after each call of
            `partial_fit` with ``X_val``.
        validation_loss_curve_ : list of float or None
            With early stopping, the mean loss on the validation data after each epoch,
            without the penalty. In a stream, the loss after each call of `partial_fit`
            with ``X_val``.
        best_iter_ : int or None
            With early stopping, the number of the best epoch, counted from 1.
        best_validation_score_ : float or None
            With early stopping, the validation score of the epoch `best_iter_`.
        n_iter_ : int
            The number of epochs in the last call.
        alpha_ : float
            The strength of the penalty in the last call, in the same units as a number
            that is passed as `alpha`.
        learning_rate_ : float
            The last learning rate that was used; NaN with ``optimizer='lbfgs'``.
        n_restarts_ : int
            How often the last call returned to a good epoch with half the learning
            rate after divergence.
        n_features_in_ : int
            Number of features.
        feature_names_in_ : ndarray of shape (`n_features_in_`,)
            Names of the features, if all of them are strings.
        """

PARAGRAPHS = {
    **VALIDATION_PARAGRAPHS,
    "penalty": """
        penalty : {'l2', 'l1', 'elasticnet'} or None, default='l2'
            The penalty on the weights. Intercepts and the scale and shift of batch
            normalisation are never penalised. 'l1' and 'elasticnet' give exact zeros.
        """,
    "activation": """
        activation : {{activations}} or Activation, or list or tuple of them, \
            default='relu'
            The activation of the hidden layers. A name stands for the class in
            `skgd.activations` with its defaults. An instance has its own
            hyperparameters, for example ``LeakyReLU(negative_slope=0.1)``. A list or a
            tuple has one name or instance for each hidden layer.
        """,
    "weight_init": """
        weight_init : {{initializers}} or Initializer, default='auto'
            The initial weights. A name stands for the class in `skgd.initializers` with
            its defaults. An instance has its own parameters, for example
            ``He(distribution='normal', last_layer='zeros')``. 'auto' depends on the
            activation of the layer, and 'glorot' is the rule of scikit-learn's `MLP*`.
        """,
    "alpha_linear": """
        alpha : float or 'auto', default='auto'
            Strength of the penalty: the objective is the weighted mean of the
            losses plus ``alpha`` times the penalty, as in scikit-learn's `SGD*`.
            'auto' is one divided by the sum of the sample weights, the strength of
            `Ridge()` and `LogisticRegression()`. In `partial_fit`, where a call may
            contain a piece of a stream, a sum below 100 counts as 100. `fit` warns if
            the sum is less than a tenth of the number of samples.
        """,
    "alpha_mlp": """
        alpha : float or 'auto', default='auto'
            Strength of the penalty. A float is divided by the number of samples in a
            batch, as in scikit-learn's `MLP*`. 'auto' is not divided. It starts at
            0.0015 plus one divided by the number of samples (or by the sum of their
            weights or by 100, if one of these is larger). If ``early_stopping='auto'``
            makes trials, this strength is divided by ten, at most twice, as long as
            this lowers the validation loss by more than the standard error of the
            difference. If the first division does not, the strength is multiplied by
            ten in the same way. `alpha_` is the result, in the units of a number.
        """,
    "l1_ratio": """
        l1_ratio : float or None, default=0.15
            The share of L1 in 'elasticnet', in [0, 1].
        """,
    "solver_linear": """
        solver : {'auto', 'minibatch', 'batch', 'sgd'}, default='auto'
            How many samples are used for each update: `batch_size`, all, or one. 'auto'
            is 'batch' if the optimizer is L-BFGS, and otherwise 'minibatch'.
        optimizer : {'auto', {optimizers}, 'lbfgs'} or Optimizer or LBFGS, \
            default='auto'
            How a gradient becomes an update. A name stands for the class in
            `skgd.optimizers` with its defaults. An instance has its own
            hyperparameters, for example ``Momentum(momentum=0.8, nesterov=True)``.
            'lbfgs' is a quasi-Newton method for the objective over all samples, in
            coordinates in which the features are uncorrelated, and needs
            ``solver='batch'`` or 'auto'. Each of its iterations is an epoch. It uses
            neither `batch_size` nor a learning rate, and it cannot be combined with
            dropout, batch normalisation, an L1 penalty, `positive`, `monotonic_cst`,
            `clip_norm`, `average` or `partial_fit`. 'auto' is 'adam' for many samples.
            With at most 10,000 samples, or at most ten for each feature, 'auto' is
            'lbfgs' if this is possible, if the loss has a continuous derivative, and if
            `solver`, `batch_size` and the parameters of the learning rate have their
            defaults.
        batch_size : int or 'auto', default='auto'
            The number of samples in each update for ``solver='minibatch'``. 'auto'
            makes batches of equal size, with at most 200 samples.
        """,
    "solver_mlp": """
        solver : {'minibatch', 'batch', 'sgd'}, default='minibatch'
            How many samples are used for each update: `batch_size`, all, or one.
            ``optimizer='lbfgs'`` needs 'batch'.
        optimizer : {{optimizers}, 'lbfgs'} or Optimizer or LBFGS, default='adam'
            How a gradient becomes an update. A name stands for the class in
            `skgd.optimizers` with its defaults. An instance has its own
            hyperparameters, for example ``Momentum(momentum=0.8, nesterov=True)``.
            'lbfgs' is a quasi-Newton method for the objective over all samples and
            needs ``solver='batch'``. Each of its iterations is an epoch. It uses
            neither `batch_size` nor a learning rate, and it cannot be combined with
            dropout, batch normalisation, an L1 penalty, `clip_norm`, `average` or
            `partial_fit`.
        batch_size : int or 'auto', default='auto'
            The number of samples in each update for ``solver='minibatch'``. 'auto' is
            a sixteenth of the samples, but at least 50 and at most 200.
        """,
    "rate_linear": RATE.replace(
        "AUTO",
        """'auto' falls to zero along half a cosine, so
            that training ends near the optimum instead of moving around it; `max_iter`
            says over how many epochs. In `partial_fit`, it falls with the fourth root
            of the number of updates.""",
    ),
    "rate_mlp": RATE.replace(
        "AUTO",
        """'auto' is constant. If ``early_stopping='auto'``
            determines how long to train, it falls to zero in the last fifth of the
            final training; otherwise, in `fit`, to a tenth at the first plateau. With
            any other value, ``early_stopping='auto'`` makes no trials.""",
    ),
    "dropout_linear": """
        dropout : float, default=0.0
            The share of the inputs that is set to zero in training, in [0, 1). The
            others are divided by ``1 - dropout``. Dropout follows `batch_norm`.
        batch_norm : bool, default=False
            Whether the inputs are normalised over each batch. There are no additional
            scale and shift, since coefficients and intercept play these roles. When
            training ends, running averages of the statistics are included in `coef_`
            and `intercept_`, which apply to raw inputs.
        """,
    "dropout_mlp": """
        dropout : float or sequence of float, default=0.0
            The share of the activations that is set to zero in training, in [0, 1), for
            all hidden layers or for each of them. The others are divided by
            ``1 - dropout``.
        input_dropout : float, default=0.0
            The share of the inputs that is set to zero in training, after
            `standardize`. Srivastava et al. (2014) recommend 0.5 for hidden layers and
            0.2 for the inputs.
        batch_norm : bool, default=False
            Whether hidden layers are normalised over each batch, between the linear
            map and the activation, with a learned scale and shift. Predictions, and
            batches with a single sample, are normalised by running averages of the
            statistics (momentum 0.1, unbiased variance).
        input_scale : bool, default=False
            Whether each input has a learned factor, which is 1 at the start
            (Holzmüller et al., 2024). The factors are not penalised, and their learning
            rate is six times that of the weights, so that the network finds out early
            which inputs matter. They are part of ``coefs_[0]`` when training ends.
        num_embedding : {'piecewise_linear'} or None, default=None
            With 'piecewise_linear', the input of each unit of the first layer is a sum
            of piecewise linear functions, one of each feature, instead of a weighted
            sum of the features (Gorishniy et al., 2022). A function can bend at the
            knots of its feature, which the first call of `fit` or `partial_fit` chooses
            (see `knots_` and `skgd.preprocessing.PiecewiseLinearEncoder`). It is linear
            at the start of the training. This often helps if targets depend on numbers
            in steps or waves. It is not supported together with `input_dropout`.
        """,
    "standardize_linear": """
        standardize : bool, default=True
            Whether the model is trained on standardised features: each feature is
            centred by its weighted mean and divided by its weighted standard deviation.
            A feature in which at least half of the rows share one value, such as an
            indicator, is divided by the root mean square of the differences of the
            other rows from it, so that a feature of 0 and 1 keeps its range of one. For
            regression losses with the identity link, the targets are centred and
            divided by their standard deviation. Coefficients, predictions and losses
            are still in the original units, and prediction takes no extra time.
            `alpha`, `tol` and the learning rate refer to standardised data, as in
            glmnet. A sparse feature is centred if more than half of the rows store it.
            Within `fit`, the other rows then store it as well. Without an intercept, no
            feature is centred, and the root mean square replaces the standard
            deviation. With an intercept, a constant column gets the coefficient 0.
            `partial_fit` standardises by all rows it has seen so far. False is the
            textbook method on the original data.
        """,
    "standardize_mlp": """
        standardize : bool, default=True
            Whether the network is trained on standardised features: each feature is
            centred by its weighted mean and divided by its weighted standard deviation.
            A feature in which at least half of the rows share one value, such as an
            indicator, is divided by the root mean square of the differences of the
            other rows from it, so that a feature of 0 and 1 keeps its range of one. If
            a feature has values more than five of these units from its mean, it is
            divided by a fifth of its largest usual distance from the mean instead. For
            regression losses with the identity link, the targets are centred and
            divided by their standard deviation. Weights, predictions and losses are
            still in the original units, and prediction takes no extra time. `alpha`,
            `tol` and the learning rate refer to standardised data. A sparse feature is
            centred if more than half of the rows store it. Within `fit`, the other rows
            then store it as well. A constant column is ignored. `partial_fit`
            standardises by all rows it has seen so far. When the statistics change, the
            predictions do not, except in the first 1000 samples of a stream. False is
            the textbook method on the original data.
        """,
    "stopping": """
        shuffle : bool, default=True
            Whether to shuffle the samples before each epoch. If False, the samples that
            are held out for validation or in trials are the last ones, as suits series
            in time, and not stratified.
        random_state : int, RandomState instance or None, default=None
            The seed of initial weights, shuffling, dropout and the validation split.
        verbose : bool or int, default=False
            Whether to print a table of the epochs with losses, learning rate and time.
            True or 1 prints the first and the last epoch, and others at a readable
            pace. 2 or more prints every epoch, and each plateau that lowers the
            learning rate. Trials have a line for each penalty.
        warm_start : bool, default=False
            Whether `fit` continues from the last solution, with the state of the
            optimizer and the step count. (A schedule that has reached its end stays
            there, except 'auto'.) If you set `coef_` and `intercept_`, or `coefs_` and
            `intercepts_`, before the first `fit`, training starts from these
            parameters.
        """,
    "max_iter_linear": """
        max_iter : int, default=1000
            The maximum number of epochs, or of iterations of L-BFGS. With
            ``learning_rate='auto'``, there are as many epochs as the training needs:
            4000 samples are read for each coefficient (of at least 100 features), and
            four times as many with the optimizers that do not divide a gradient by its
            size, which are {plain_optimizers}. There are at least 4 and at most 60
            epochs, or more if there are less than 6700 samples. For two classes and up
            to 100 features, these are 40 epochs of 10,000 samples and 4 epochs of a
            million. With ``solver='batch'``, there are `max_iter` epochs.
        tol : float or None, default=1e-5
            With L-BFGS, training stops when no element of the gradient of the objective
            is larger than `tol`. With a `learning_rate` whose length is fixed ('auto',
            'linear', 'cosine', 'one_cycle'), training runs to the end of the schedule.
            With any other schedule, training stops when the mean loss of the last
            `n_iter_no_change` epochs is not lower, by at least `tol`, than the mean of
            the same number of epochs before. (The loss of a single epoch can be noisy,
            and an epoch can be a single small update.) With early stopping, this holds
            for every schedule and for the validation loss. None runs `max_iter` epochs;
            plateaus then only lower the rate of 'adaptive', as with ``tol=0``.
        n_iter_no_change : int or inf, default=5
            The number of epochs in each of these means.
        """,
    "max_iter_mlp": """
        max_iter : int, default=200
            The maximum number of epochs, in trials and in the final training.
        tol : float or None, default=1e-4
            Training stops when more than `n_iter_no_change` epochs in a row did not
            improve the best loss (or score) by at least `tol`. A plateau of the
            training loss does not end a schedule whose length is fixed ('linear',
            'cosine', 'one_cycle'), which runs to its end. None runs all epochs;
            plateaus then only lower the rate of 'auto' and 'adaptive', as with
            ``tol=0``. With ``optimizer='lbfgs'``, training stops when no element of the
            gradient of the objective is larger than `tol`. `n_iter_no_change` then
            matters only for early stopping.
        n_iter_no_change : int or inf, default=10
            The number of epochs in a row without an improvement. In the trials of
            ``early_stopping='auto'``, it is the least number, since there are at least
            600 updates without an improvement, and half as many epochs as led to the
            best one.
        """,
    "average_linear": """
        average : bool, int, {{averages}} or Averaging, default=False
            Whether `coef_` and `intercept_` are averages over the updates. A name
            stands for the class in `skgd.averaging` with its defaults; an instance has
            its own parameters, for example ``EMA(decay=0.99)``. True is 'asgd', the
            mean over all updates. An int is 'asgd' that begins after this number of
            samples. Validation uses the averages, and `loss_curve_` uses the parameters
            in training.
        """,
    "average_mlp": """
        average : bool, int, {{averages}} or Averaging, default=False
            Whether the published parameters are averages over the updates, while
            training continues with the parameters themselves. A name stands for the
            class in `skgd.averaging` with its defaults; an instance has its own
            parameters, for example ``EMA(decay=0.99)``. True is 'asgd', the mean over
            all updates. An int is 'asgd' that begins after this number of samples.
            Predictions and validation use the averages, and `loss_curve_` uses the
            parameters in training. The running statistics of `batch_norm` are averaged
            with the same shares.
        """,
    "regression_losses": """
        loss : {{regression_losses}} or Loss, default='squared_error'
            The loss. A name stands for the class in `skgd.losses` with its defaults. An
            instance has its own hyperparameters, for example ``Huber(epsilon=1.5)``.
            'squared_error' is half the square of the error.
            ``Quantile([0.1, 0.5, 0.9])`` predicts several quantiles of one target, with
            one column for each. With the losses that have
            the log link ({log_link_losses}), predictions are the exponentials of the
            linear outputs. 'binomial' is for probabilities or shares in [0, 1], also of
            several independent targets, and 'multinomial' for rows of probabilities
            with the sum one. Predictions are probabilities as well. An object with the
            method ``value_and_gradient`` is a loss of your own (see `skgd.losses`).
        """,
    "classification_losses": """
        loss : {{classification_losses}} or Loss, default='log_loss'
            The loss. A name stands for the class in `skgd.losses` with its defaults. An
            instance has its own hyperparameters. An object with the method
            ``value_and_gradient`` is a loss of your own (see `skgd.losses`).
        """,
    "class_weight": """
        class_weight : dict, list of dict, 'balanced' or None, default=None
            Weights of the classes, by which the sample weights are multiplied, also in
            validation. 'balanced' stands for weights with which all classes count the
            same: ``n_samples / (n_classes * np.bincount(y))``, or with `sample_weight`,
            ``sum(w) / (n_classes * np.bincount(y, w))``. For a
            binary indicator of labels, a list has one dict for each label, with the
            weights of its values 0 and 1. The weights of the labels are multiplied, as
            in `sklearn.utils.class_weight.compute_sample_weight`. `partial_fit` does
            not support 'balanced'.
        """,
    "curves_linear": CURVES,
    "curves_mlp": CURVES.replace(
        "accuracy, R2, or `scoring`.",
        """accuracy, R2, or `scoring`. If ``early_stopping='auto'`` made trials, the
            validation scores and losses and the best epoch are those of the trials with
            the best penalty, up to the epoch `n_iter_`.""",
    ),
    "layers": """
        coefs_ : list of ndarray of shape (fan_in, fan_out)
            Weights of each layer. With ``num_embedding='piecewise_linear'``, the rows
            of the first array are those of the features, followed by those of their hat
            functions, feature after feature: one for each knot except the first.
        knots_ : list of ndarray of shape (n_knots,)
            With ``num_embedding='piecewise_linear'``, the knots of each feature: at
            most 33 of its values in the training data, in rising order. A feature with
            less than three distinct values has none.
        intercepts_ : list of ndarray of shape (fan_out,)
            Intercepts of each layer.
        gammas_, betas_ : list of ndarray of shape (width,)
            With ``batch_norm=True``, the scale and shift of each hidden layer.
        running_means_, running_vars_ : list of ndarray of shape (width,)
            With ``batch_norm=True``, the statistics that are used for predictions.
        n_layers_ : int
            Number of layers, including input and output.
        n_outputs_ : int
            Number of outputs.
        out_activation_ : str
            The activation of the output layer.
        t_ : int
            The number of training samples seen so far.
        """,
    # paragraphs for the docstrings of methods
    "training_numbers": """
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        """,
    "training_classes": """
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a binary indicator of labels.
        """,
    "start": """
        coef_init : array-like of the shape of `coef_`, default=None
            The coefficients at which training starts.
        intercept_init : array-like of the shape of `intercept_`, default=None
            The intercepts at which training starts.
        """,
    "sample_weight": """
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        """,
    "partial_fit": """
        Training continues with the parameters, the state of the optimizer, the step
        count and the random numbers of the last call. If `alpha` and the learning rate
        are numbers, k calls with the same data have the same result as one `fit` with k
        epochs, unless training diverges. 'auto', in contrast, depends on the data of
        each call.
        """,
    "data": """
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        """,
}
