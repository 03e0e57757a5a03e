"""What ``optimizer='lbfgs'`` can be combined with."""

import numpy as np

from ..line_search import LineSearch
from ..optimizers import LBFGS, OPTIMIZERS
from ..penalties import penalty_strengths


def is_lbfgs(optimizer):
    """Whether the parameter `optimizer` stands for L-BFGS.

    Parameters
    ----------
    optimizer : object
        The value of the parameter.

    Returns
    -------
    is_lbfgs : bool
        True for the name and for an instance.
    """
    return isinstance(optimizer, LBFGS) or (
        isinstance(optimizer, str) and optimizer == "lbfgs"
    )


def can_stream(estimator):
    """Whether an estimator has `partial_fit`; the check of `available_if`.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator.

    Returns
    -------
    can : bool
        True.

    Raises
    ------
    AttributeError
        With L-BFGS, which needs all samples.
    """
    if is_lbfgs(estimator.optimizer):
        raise AttributeError(
            f"partial_fit needs an 'optimizer' that is one of {sorted(OPTIMIZERS)} or "
            "an instance of one of their classes, because L-BFGS needs all samples for "
            f"each iteration. Got {estimator.optimizer!r} instead."
        )
    return True


def check_lbfgs(estimator, rules):
    """Raise for parameters that L-BFGS cannot be combined with.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, whose parameters are valid.
    rules : dict
        Its parameters that are rules, as objects.

    Raises
    ------
    ValueError
        Names the parameter, what was given and what is allowed. With another optimizer,
        there is no error.
    """
    if not is_lbfgs(rules["optimizer"]):
        return
    alpha = 1.0 if estimator.alpha == "auto" else estimator.alpha
    l1, _ = penalty_strengths(estimator.penalty, alpha, estimator.l1_ratio)
    random = "the objective must be the same at each evaluation"
    unbounded = "it has no constraints on the coefficients"
    refused = (
        ("solver", rules["solver"] != "batch", "'batch'", "it needs all samples"),
        (
            "learning_rate",
            isinstance(rules["learning_rate"], LineSearch),
            "'auto' or any other schedule, which is not used",
            "it has a line search of its own",
        ),
        ("penalty", l1 > 0, "'l2' or None", "the objective must have a gradient"),
        (
            "clip_norm",
            estimator.clip_norm is not None,
            "None",
            "the gradient must be that of the objective",
        ),
        ("dropout", np.any(np.asarray(estimator.dropout) > 0), "0", random),
        ("input_dropout", getattr(estimator, "input_dropout", 0) > 0, "0", random),
        (
            "batch_norm",
            estimator.batch_norm,
            "False",
            "the running averages of the statistics would lag behind its long steps",
        ),
        ("positive", getattr(estimator, "positive", False), "False", unbounded),
        (
            "monotonic_cst",
            getattr(estimator, "monotonic_cst", None) is not None,
            "None",
            unbounded,
        ),
        (
            "average",
            rules["average"] is not None,
            "False",
            "the last parameters are the best",
        ),
    )
    for name, is_refused, allowed, reason in refused:
        if is_refused:
            raise ValueError(
                f"The {name!r} parameter of {type(estimator).__name__} must be "
                f"{allowed} with optimizer='lbfgs', because {reason}. Got "
                f"{getattr(estimator, name)!r} instead."
            )
