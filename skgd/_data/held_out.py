"""Held-out data: how they are chosen, and how a network is validated on them."""

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from .._engine.network import Data
from .._engine.prediction import forward
from .._rules.loss import losses_of_rows
from .magnitudes import too_large
from .splits import check_some_weight, own_splits
from .units import to_units

# early_stopping='auto' is on for more samples than this, as in scikit-learn's
# HistGradientBoosting*.
AUTO_EARLY_STOPPING = 10_000


def split(
    y, weights, classes, fraction, n_classes, rng, *, train_single=False, shuffle=True
):
    """Choose the rows for training and for validation.

    Parameters
    ----------
    y : ndarray of shape (n_samples, ...)
        Targets.
    weights : ndarray of shape (n_samples,) or None
        Sample weights.
    classes : ndarray of shape (n_samples,) or None
        The classes, for a stratified split; None for a split that is not stratified.
    fraction : float
        The part to hold out. It has at least two samples, and at least as many as there
        are classes.
    n_classes : int
        The number of classes in the problem.
    rng : RandomState
        The generator of random numbers.
    train_single : bool, default=False
        Whether the only sample of a class becomes a training sample. If False, a class
        with a single sample is an error.
    shuffle : bool, default=True
        Whether the rows to hold out are drawn at random. If False, they are the last
        ones.

    Returns
    -------
    rows, held_out : ndarray of intp
        The rows for training and for validation, each in rising order.

    Raises
    ------
    ValueError
        If there are too few samples, or if all weights of a part are zero.
    """
    n = len(y)
    least = 2 if classes is None else max(2, n_classes)
    n_held_out = max(int(np.ceil(fraction * n)), least)
    if n_held_out >= n:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or "
            f"the size of your dataset. (early_stopping=True sets {n_held_out} "
            f"samples aside, there are n_samples = {n}.)"
        )
    candidates = np.arange(n)
    if train_single and classes is not None:
        _, of_row, counts = np.unique(classes, return_inverse=True, return_counts=True)
        candidates = np.flatnonzero(counts[of_row] > 1)
        classes = classes[candidates]
    try:
        _, held_out = train_test_split(
            candidates,
            random_state=rng if shuffle else None,
            test_size=n_held_out,
            stratify=classes,
            shuffle=shuffle,
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot hold out {n_held_out} of {n} samples with "
            f"some of each class: {error}"
        ) from None
    held_out = np.sort(held_out)
    is_training = np.ones(n, dtype=bool)
    is_training[held_out] = False
    rows = np.flatnonzero(is_training)
    for name, part in (("validation", held_out), ("training", rows)):
        check_some_weight(weights, part, name)
    return rows, held_out


def is_validated(estimator, n_samples, given):
    """Check whether a call needs held-out samples.

    `fit` needs them for early stopping. `partial_fit` only reports the loss and the
    score of the samples that it is given.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, which has the parameter `early_stopping`.
    n_samples : int
        The number of samples in the training data.
    given : Given
        The arguments of the call, which may include validation data.

    Returns
    -------
    validated : bool
        Whether the network is validated after each epoch.
    """
    for name, missing in (("X_val", "y_val"), ("y_val", "X_val")):
        if getattr(given, name) is not None and getattr(given, missing) is None:
            raise ValueError(f"{name} is provided, but {missing} was not provided.")
    if given.X_val is None and given.sample_weight_val is not None:
        raise ValueError("sample_weight_val is provided, but X_val was not provided.")
    if given.incremental:
        return given.X_val is not None
    own = {"validation_split": estimator.validation_split, "groups": given.groups}
    for name, value in own.items():
        if given.X_val is not None and value is not None:
            raise ValueError(
                f"X_val is provided, so that no rows of X are held out, but {name} "
                "says which rows of X to hold out. Leave out one of them."
            )
    if given.X_val is not None and not estimator.early_stopping:
        raise ValueError(
            "X_val and y_val are passed to fit while at the same time "
            "early_stopping is False. When passing X_val and y_val to fit, "
            "early_stopping should be set to either 'auto' or True."
        )
    if estimator.early_stopping == "auto":
        return given.X_val is not None or n_samples > AUTO_EARLY_STOPPING
    return bool(estimator.early_stopping)


def hold_out(estimator, samples, state):
    """Divide the samples into training samples and validation samples.

    If a training is continued with the same data, the same rows are held out again,
    because rows that have been used for training are not suitable for validation.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, with the parameters `validation_split`, `validation_fraction` and
        `early_stopping`.
    samples : Samples
        All samples.
    state : TrainingState
        The state, which has the generator and stores the generator's state before the
        split.

    Returns
    -------
    rows : ndarray of intp
        The training rows, in rising order.
    held_out : Samples
        The validation samples.
    """
    rng = state.rng
    if state.split_from is None:
        state.split_from = rng.get_state(legacy=False)
    else:
        rng = np.random.RandomState()
        rng.set_state(state.split_from)
    splits = own_splits(estimator, samples, rng)
    if splits is not None:
        rows, held_out = next(splits)
        return rows, samples.take(held_out).with_weight()
    # the last rows are not stratified
    classes = samples.encoding.strata(samples.y) if estimator.shuffle else None
    rows, held_out = split(
        samples.y,
        samples.weights,
        classes,
        estimator.validation_fraction,
        0 if classes is None else len(samples.encoding.classes),
        rng,
        train_single=estimator.early_stopping == "auto",
        shuffle=estimator.shuffle,
    )
    return rows, samples.take(held_out).with_weight()


def last_fold(samples, n_splits):
    """Hold out the last of several equal parts of the samples with a nonzero weight.

    Parameters
    ----------
    samples : Samples
        All samples.
    n_splits : int
        The number of parts.

    Returns
    -------
    folds : list of tuple
        The training rows, which precede the others, and the held-out `Samples`.
    """
    used = np.flatnonzero(samples.weight_of_rows)
    first = len(used) - len(used) // n_splits
    return [(used[:first], samples.take(used[first:]))]


def folds(samples, n_splits, n_folds, seed):
    """Divide the samples with a nonzero weight into parts, to hold out each in turn.

    Parameters
    ----------
    samples : Samples
        All samples.
    n_splits : int
        The number of parts. They are stratified for classes.
    n_folds : int
        How many of the parts are held out, each in turn.
    seed : int
        The seed of the division.

    Returns
    -------
    folds : list of tuple
        The training rows and the held-out `Samples`, for each part.
    """
    used = np.flatnonzero(samples.weight_of_rows)
    classes = samples.encoding.strata(samples.y)
    if classes is not None:
        classes = classes[used]
    part = divide(len(used), n_splits, classes, np.random.RandomState(seed))
    return [(used[part != k], samples.take(used[part == k])) for k in range(n_folds)]


def divide(n, n_splits, classes, rng):
    """Divide rows into parts of equal size.

    Parameters
    ----------
    n : int
        The number of rows.
    n_splits : int
        The number of parts.
    classes : ndarray of shape (n,) or None
        The classes. The rows of each are spread over the parts, without a warning of
        classes with few rows.
    rng : RandomState
        The generator of random numbers.

    Returns
    -------
    part : ndarray of shape (n,), intp
        The number of the part of each row.
    """
    order = rng.permutation(n)
    if classes is not None:  # neighbours in this order are in different parts
        _, classes = np.unique(classes, return_inverse=True)
        order = order[np.argsort(classes[order], kind="stable")]
    part = np.empty(n, dtype=np.intp)
    part[order] = np.arange(n) % n_splits
    return part


def mean_and_error(gains, weights):
    """Average differences of single rows or folds.

    Parameters
    ----------
    gains : ndarray of shape (n,)
        The differences.
    weights : ndarray of shape (n,)
        Their weights.

    Returns
    -------
    mean, error : float
        The weighted mean, and its standard error.
    """
    mean = np.average(gains, weights=weights)
    error = np.sqrt(np.sum((weights * (gains - mean)) ** 2)) / weights.sum()
    return mean, error


class Validated(NamedTuple):
    """The score and the losses of a network on held-out samples."""

    score: float
    loss: float  # the mean loss in the user's units, without a penalty
    watched: float  # the number that should fall, in units of training


# the values after an epoch that diverged
UNSOUND = Validated(np.nan, np.nan, np.nan)


def _check_not_too_large(X, Y, in_units):
    # The losses of such rows are not finite. (Features are in units of training, in
    # which those of the training rows are not too large.)
    text, unit = too_large(X, np.float64), ", in units of the training rows" * in_units
    if not text:
        text, unit = too_large(Y, np.float64, targets=True), ""
    if text:
        raise ValueError(f"In X_val, y_val or the rows that are held out{unit}: {text}")


def validation(held_out, architecture, units, score_raw, scorer, of_rows=None):
    """Make the function that early stopping calls after each epoch.

    Parameters
    ----------
    held_out : Samples
        The held-out samples.
    architecture : Architecture
        The architecture of the network.
    units : Units or None
        The units of training; None if they are the user's.
    score_raw : callable
        The estimator's own score of raw predictions in the user's units.
    scorer : callable or None
        A function of a state and the held-out samples. If it is given, its score is
        watched. Otherwise, the loss is watched.
    of_rows : list, default=None
        If it is given, each validation appends the losses of the single samples, in
        units of training.

    Returns
    -------
    validate : callable
        A function that takes a state and returns `Validated`.
    """
    X = held_out.inputs
    with np.errstate(over="ignore", invalid="ignore"):  # the error below reports it
        part = Data(X if units is None else to_units(X, units.mean, units.scale))
    _check_not_too_large(part.X, held_out.Y, units is not None)
    kernel = architecture.loss._kernel(architecture.softmax)

    def validate(state):
        Z = forward(architecture, state.published, state.published_running, part)
        if units is not None:
            Z *= units.target_scale
            Z += units.target_mean
        if scorer is None:
            score = float(score_raw(Z, held_out.y, held_out.weights))
        else:
            score = float(scorer(state, held_out))
        # the loss is computed last because it overwrites Z
        losses = losses_of_rows(kernel, held_out.Y, Z)
        with np.errstate(over="ignore", invalid="ignore"):
            loss = float(np.average(losses, weights=held_out.weights))
        if of_rows is not None:
            of_rows.append((losses / state.unit_of_loss).astype(np.float32))
        watched = loss / state.unit_of_loss if scorer is None else -score
        return Validated(score, loss, watched)

    return validate
