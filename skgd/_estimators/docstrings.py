"""Paragraphs that the docstrings of the four estimators share.

The docstring of a class or of a method names a paragraph as ``{solver}``; `fill_doc`
puts it in. A paragraph names a list of rules as ``{optimizers}``, which comes from the
registry.
"""

import re
import textwrap
from types import FunctionType

from .._rules.text import filled, listed
from ..activations import ACTIVATIONS
from ..averaging import AVERAGES
from ..initializers import INITIALIZERS
from ..losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from ..optimizers import OPTIMIZERS
from ..schedules import SCHEDULES

VALIDATION = """
        early_stopping : bool or 'auto', default={}
            Whether to hold out a part of the data (stratified for classes), or to take
            ``X_val`` and ``y_val`` of `fit`, and to stop when the loss on it, or
            `scoring`, does not improve; the parameters of the best epoch are restored.
            'auto' is True for more than 10,000 samples or with ``X_val``, and trains on
            the sample of a class that has but one. `partial_fit`
            makes its one pass over all its data.
        scoring : str, callable or None, default=None
            What early stopping watches: None is the loss, a str or a callable a scorer
            of scikit-learn.
        validation_fraction : float, default=0.1
            The part that is held out, in (0, 1).
        """

HELD_OUT = """
        X_val : {array-like, sparse matrix} of shape (n_val_samples, n_features), \
            default=None
            Data for early stopping, in place of a part of the training data. In a
            `Pipeline` they are transformed as ``X`` is with
            ``transform_input=["X_val"]`` and metadata routing.
        y_val : array-like of shape (n_val_samples,) or (n_val_samples, n_targets), \
            default=None
            Targets of the same samples.
        sample_weight_val : array-like of shape (n_val_samples,), default=None
            Weights of the same samples.
        """

PARAGRAPHS = {
    "penalty": """
        penalty : {'l2', 'l1', 'elasticnet'} or None, default='l2'
            The penalty on the weights; never on intercepts, nor on the scale and
            shift of a batch normalisation. 'l1' and 'elasticnet' give exact zeros.
        """,
    "activation": """
        activation : {{activations}} or Activation, default='relu'
            The activation of the hidden layers: a name for the rule in
            `skgd.activations` with its defaults, or an instance with its own
            hyperparameter, e.g. ``LeakyReLU(negative_slope=0.1)``.
        """,
    "weight_init": """
        weight_init : {{initializers}} or Initializer, default='auto'
            The initial weights: a name for the rule in `skgd.initializers` with its
            defaults, or an instance with its own parameters, e.g.
            ``He(distribution='normal', last_layer='zeros')``. 'auto' goes by the
            activation, 'glorot' is what scikit-learn's `MLP*` have.
        """,
    "alpha_linear": """
        alpha : float or 'auto', default='auto'
            Strength of the penalty: the objective is the weighted mean of the
            losses plus ``alpha`` times the penalty, as in scikit-learn's `SGD*`.
            'auto' is one over the sum of the sample weights, the strength of `Ridge()`
            and `LogisticRegression()`; in `partial_fit`, where a call may be a piece
            of a stream, of at least 100.
        """,
    "alpha_mlp": """
        alpha : float or 'auto', default='auto'
            Strength of the penalty, divided by the number of samples of a batch,
            as in scikit-learn's `MLP*`. 'auto' is 0.0015 plus one over the sum of the
            sample weights (over the number of samples, or 100, if that is more), not
            divided: with 1000 samples in batches of 200 the same as 0.5. That is much
            stronger than there, which tables of many kinds were the better for.
        """,
    "l1_ratio": """
        l1_ratio : float or None, default=0.15
            The share of L1 in 'elasticnet', in [0, 1].
        """,
    "descent": """
        solver : {'minibatch', 'batch', 'sgd'}, default='minibatch'
            How many samples make an update: `batch_size`, all, or one.
        optimizer : {{optimizers}} or Optimizer, default='adam'
            How a gradient becomes an update. A name stands for the rule in
            `skgd.optimizers` with its defaults; an instance carries its own
            hyperparameters, e.g. ``Momentum(momentum=0.8, nesterov=True)``.
        batch_size : int or 'auto', default='auto'
            Samples of an update for ``solver='minibatch'``; 'auto' is
            ``min(200, n_samples)`` for networks. For linear models it makes equal
            batches of at most 200, or at most 500 with an optimizer whose step is about
            as large as the rate, whatever the size of the gradient:
            {normalising_optimizers}.
        learning_rate : {{schedules}, 'line_search', 'auto'}, \
            Schedule, LineSearch or callable, default='auto'
            The rate as a function of the step, for every optimizer: the name of a
            rule in `skgd.schedules`, an instance of one, or a callable that takes
            the number of updates so far and returns the rate itself. 'line_search',
            with ``solver='batch'``, is `skgd.line_search.LineSearch`: of each update of
            the optimizer, the rate at which the training objective falls enough; an
            optimizer that leads uphill begins anew, along the gradient.
            'auto' lowers the rate on plateaus, so that a training ends near an optimum
            and does not hover: slowly at first, down to a thousandth, for linear
            models; once to a tenth for networks. In `partial_fit` it falls with the
            fourth root of the updates for linear models, and is constant for networks.
        learning_rate_init : float or None, default=None
            The rate at the start. None is the optimizer's own ``learning_rate``, or its
            default for the kind of model, the number of features, and one or several
            samples an update. If training diverges, it goes on from the last good epoch
            with half the rate, up to five times, and says so in a warning; then it is
            an error, which names a rate to try, and the columns on the largest scale
            where they are not standardised.
        clip_norm : float or None, default=None
            Before each update, the gradient of the mean loss of the batch by all
            parameters, without the penalty, is scaled down to this Euclidean norm where
            it is longer (Pascanu, Mikolov, Bengio, 2013), so that a batch of outliers
            moves no further. In units of training: see `standardize`.
        """,
    "dropout_linear": """
        dropout : float, default=0.0
            Share of the inputs that is set to zero in training, in [0, 1); the
            others are divided by ``1 - dropout``. After `batch_norm`.
        batch_norm : bool, default=False
            Whether the inputs are normalised over each batch; coefficients and
            intercept scale and shift them already. When training ends, running
            averages of the statistics are folded into `coef_` and `intercept_`, which
            act on raw inputs.
        """,
    "dropout_mlp": """
        dropout : float or sequence of float, default=0.0
            Share of the activations of each hidden layer, or of all, that is set to
            zero in training, in [0, 1); the others are divided by ``1 - dropout``.
        input_dropout : float, default=0.0
            The same for the inputs, after `standardize`. Srivastava et al. (2014)
            found 0.5 good for hidden layers and 0.2 for the inputs.
        batch_norm : bool, default=False
            Whether hidden layers are normalised over each batch, between the linear
            map and the activation, with learned scale and shift; running averages
            (momentum 0.1, unbiased variance) take over at prediction. A batch of one
            sample is normalised by the running averages.
        input_scale : bool, default=False
            Whether each input has a learned factor, which is 1 at the start
            (Holzmüller et al., 2024). The factors are not penalised, and their learning
            rate is six times that of the weights, so that the network finds out early
            which inputs matter. They are part of ``coefs_[0]`` when training ends.
        """,
    "standardize_linear": """
        standardize : bool, default=True
            Whether training sees features, and for a regression loss with the identity
            link targets, less their weighted mean and over their weighted standard
            deviation. Coefficients, predictions and losses are in the units of the
            data all the same, and prediction costs nothing more. `alpha` then acts on
            standardised units, as in glmnet; `tol` and the learning rate do, too.
            Sparse features, but for those that every row stores, and all without an
            intercept, are divided by their root mean square and not centred. With an
            intercept, a constant column gets the coefficient 0.
            `partial_fit` standardises by all it has seen. False is the textbook method
            on the data as they are.
        """,
    "standardize_mlp": """
        standardize : bool, default=True
            Whether training sees features, and for a regression loss with the identity
            link targets, less their weighted mean and over their weighted standard
            deviation; a feature with values more than five of them from its mean is
            divided by a fifth of the largest usual distance instead. Weights,
            predictions and losses are in the units of the data all the same, and
            prediction costs nothing more. `alpha`, `tol` and the learning rate act on
            standardised units. Sparse features, but for those that every row stores,
            are divided by their root mean square (or so) and not centred. A constant
            column is ignored. `partial_fit` standardises by all it has seen; what was
            learned does not move with the units, but up to 1000 samples of a stream.
            False is the textbook method on the data as they are.
        """,
    "stopping": """
        shuffle : bool, default=True
            Whether to shuffle the samples before each epoch.
        random_state : int, RandomState instance or None, default=None
            Seed of initial weights, shuffling, dropout and the validation split.
        verbose : bool or int, default=False
            Whether to print a table of the epochs: losses, learning rate, seconds. True
            or 1 is a pace to read, with the first and the last epoch; from 2 on each
            epoch has its line.
        warm_start : bool, default=False
            Whether `fit` goes on from the last solution, with the state of the
            optimizer and the step count (a schedule that has ended stays at its end).
            Before the first `fit`, parameters that are set by hand (`coef_`,
            `coefs_`, `intercept_`, `intercepts_`) are where it starts.
        """,
    "validation_linear": VALIDATION.format("False"),
    "validation_mlp": VALIDATION.format("'auto'"),
    "max_iter_linear": """
        max_iter : int, default=1000
            The most epochs.
        tol : float or None, default=1e-5
            Training stops when the mean loss of the last `n_iter_no_change` epochs is
            not lower by this than that of as many epochs before: an epoch can be a
            single small update, or noisy. None runs all epochs.
        n_iter_no_change : int or inf, default=5
            The number of epochs.
        """,
    "max_iter_mlp": """
        max_iter : int, default=200
            The most epochs.
        tol : float or None, default=1e-4
            Training stops when more than `n_iter_no_change` epochs in a row did not
            better the best loss (or score) by this. None runs all epochs.
        n_iter_no_change : int or inf, default=10
            Epochs in a row.
        """,
    "average_linear": """
        average : bool, int, {{averages}} or Averaging, default=False
            Whether `coef_` and `intercept_` are an average over the updates: a name
            for the rule in `skgd.averaging` with its defaults, or an instance, e.g.
            ``EMA(decay=0.99)``. True is 'asgd', the mean over all; an int is the
            number of samples after which it begins. Validation is of the average,
            `loss_curve_` of the parameters in training.
        """,
    "average_mlp": """
        average : bool, int, {{averages}} or Averaging, default=False
            Whether the public parameters are an average over the updates, while
            training goes on from those of the last: a name for the rule in
            `skgd.averaging` with its defaults, or an instance, e.g.
            ``EMA(decay=0.99)``. True is 'asgd', the mean over all; an int is the
            number of samples after which it begins. Predictions and validation are
            of the average, `loss_curve_` of the parameters in training. The running
            statistics of `batch_norm` are averaged with the same shares.
        """,
    "regression_losses": """
        loss : {{regression_losses}} or Loss, default='squared_error'
            The loss: a name for the rule in `skgd.losses` with its defaults, or an
            instance with its own hyperparameters, e.g. ``Huber(epsilon=1.5)``.
            'squared_error' is half the square. ``Quantile([0.1, 0.5, 0.9])`` predicts
            several quantiles of one target, in a column each. Predictions are the
            exponentials of the linear outputs with the losses that have the log link:
            {log_link_losses}.
        """,
    "classification_losses": """
        loss : {{classification_losses}} or Loss, default='log_loss'
            The loss: a name for the rule in `skgd.losses`, or an instance.
        """,
    "curves": """
        loss_curve_ : list of float
            Loss of each epoch: the mean over the samples, each before the update of
            its batch, plus the penalty at the start of the epoch.
        loss_ : float
            The last of them.
        best_loss_ : float or None
            The least of them; None with early stopping.
        validation_scores_ : list of float or None
            With early stopping, score on the held-out part after each epoch: accuracy,
            R2, or `scoring`.
        validation_loss_curve_ : list of float or None
            Mean loss on it, without the penalty.
        best_iter_ : int or None
            The epoch, from 1 in these curves, whose parameters were kept.
        best_validation_score_ : float or None
            The score of that epoch.
        n_iter_ : int
            Epochs of the last call.
        learning_rate_ : float
            The last rate used.
        n_restarts_ : int
            How often the last call went back to a good epoch with half the learning
            rate, after divergence.
        n_features_in_ : int
            Number of features.
        feature_names_in_ : ndarray of shape (n_features_in_,)
            Names of the features, where all are strings.
        """,
    "layers": """
        coefs_ : list of ndarray of shape (fan_in, fan_out)
            Weights of each layer.
        intercepts_ : list of ndarray of shape (fan_out,)
            Intercepts of each layer.
        gammas_, betas_ : list of ndarray of shape (width,)
            With ``batch_norm=True``: scale and shift of each hidden layer.
        running_means_, running_vars_ : list of ndarray of shape (width,)
            With ``batch_norm=True``: the statistics used at prediction.
        n_layers_ : int
            Number of layers, with input and output.
        n_outputs_ : int
            Number of outputs.
        out_activation_ : str
            The activation of the output layer.
        t_ : int
            Training samples seen so far.
        """,
    # of methods
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
        coef_init : array-like of the shape of coef_, default=None
            Where to start.
        intercept_init : array-like of the shape of intercept_, default=None
            Where to start.
        """,
    "sample_weight": """
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        """,
    "held_out_numbers": HELD_OUT,
    "held_out_classes": HELD_OUT.replace("n_targets", "n_labels"),
    "partial_fit": """
        Parameters, optimizer state, step count and random numbers go on from the last
        call. Where `alpha` and the learning rate are numbers, k calls with the same
        data equal one `fit` of k epochs, unless training diverges; 'auto' depends on
        the data of each call.
        """,
    "data": """
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        """,
}


def _quoted(names):
    return [repr(name) for name in names]


# what a paragraph says of the rules
LISTS = {
    name: ", ".join(_quoted(registry))
    for name, registry in {
        "activations": ACTIVATIONS,
        "averages": AVERAGES,
        "classification_losses": CLASSIFICATION_LOSSES,
        "initializers": INITIALIZERS,
        "optimizers": OPTIMIZERS,
        "regression_losses": REGRESSION_LOSSES,
        "schedules": SCHEDULES,
    }.items()
}
LISTS["normalising_optimizers"] = listed(
    _quoted(name for name, rule in OPTIMIZERS.items() if rule._normalises)
)
LISTS["log_link_losses"] = listed(
    _quoted(name for name, rule in REGRESSION_LOSSES.items() if rule.link == "exp")
)


def fill_doc(cls):
    """Put the shared paragraphs into the docstrings of a class and of its methods.

    Parameters
    ----------
    cls : type
        A docstring has a line ``{name}`` for each paragraph.

    Returns
    -------
    cls : type
        The class.
    """
    cls.__doc__ = _filled(cls.__doc__)
    for method in vars(cls).values():
        if isinstance(method, FunctionType) and method.__doc__:
            method.__doc__ = _filled(method.__doc__)
    return cls


def _filled(text):
    lines = []
    for line in text.splitlines():
        name = line.strip()
        if name.startswith("{") and name.endswith("}") and name[1:-1] in PARAGRAPHS:
            paragraph = textwrap.dedent(PARAGRAPHS[name[1:-1]]).strip("\n")
            paragraph = filled(paragraph, LISTS)
            indent = line[: len(line) - len(line.lstrip())]
            lines += textwrap.indent(paragraph, indent).splitlines()
        else:
            lines.append(line)
    # a line that is continued in the source brings its indentation along
    return "\n".join(re.sub(r"(?<=\S) {2,}(?=\S)", " ", line) for line in lines)
