"""What a loss is called, and its unit, for the axes of pictures."""

from .._estimators.base import GradientDescent
from ..losses import LOSSES

UNITS = {0: "", 1: ", in units of y", 2: ", in squared units of y"}


def loss_name(model):
    """Name the loss of a fitted model and its unit.

    Parameters
    ----------
    model : estimator instance
        A fitted estimator of skgd, or a network of scikit-learn.

    Returns
    -------
    name : str
        For example 'half squared error, in squared units of y'.
    """
    loss = getattr(model, "loss", "loss")
    if isinstance(model, GradientDescent):
        loss = model._fitted_loss
    elif isinstance(loss, str) and loss in LOSSES:
        loss = LOSSES[loss]()
    names = [name for name, kind in LOSSES.items() if type(loss) is kind]
    if not names:
        return loss.replace("_", " ") if isinstance(loss, str) else "loss"
    name = names[0].replace("_", " ")
    name = f"half {name}" if name == "squared error" else name
    numeric = getattr(model, "_y_numeric", not hasattr(model, "classes_"))
    exponent = getattr(loss, "_unit_exponent", 0) if numeric else 0
    return name + UNITS.get(exponent, f", in units of y to the power {exponent:g}")


def has_penalty(model):
    """Whether the training loss of a fitted model contains a penalty.

    Parameters
    ----------
    model : estimator instance
        A fitted estimator of skgd, or a network of scikit-learn.

    Returns
    -------
    has_penalty : bool
        If so, it is not comparable with the validation loss, which has none.
    """
    if isinstance(model, GradientDescent):
        return model._has_penalty
    return getattr(model, "alpha", 0) > 0
