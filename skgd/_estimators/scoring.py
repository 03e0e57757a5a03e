"""The parameter `scoring`: its check, and the score that early stopping watches."""

from difflib import get_close_matches
from inspect import signature

import numpy as np
from sklearn.metrics import check_scoring, get_scorer_names

# names of scores that are not those of scikit-learn's scorers
ALIASES = {
    "auc": "roc_auc",
    "acc": "accuracy",
    "mse": "neg_mean_squared_error",
    "rmse": "neg_root_mean_squared_error",
    "mae": "neg_mean_absolute_error",
    "mape": "neg_mean_absolute_percentage_error",
    "logloss": "neg_log_loss",
    "log_loss": "neg_log_loss",
    "brier": "neg_brier_score",
    "r2_score": "r2",
}


def check_scoring_name(estimator):
    """Raise an error if the parameter `scoring` is not the name of a scorer.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, which has the parameter.

    Raises
    ------
    ValueError
        If `scoring` is a text that is not a name. If a name is similar to it, the error
        suggests this name.
    """
    given, names = estimator.scoring, get_scorer_names()
    if not isinstance(given, str) or given in names:
        return
    near = ALIASES.get(given.lower().replace(" ", "_"))
    near = [near] if near else get_close_matches(given.lower(), names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"The 'scoring' parameter of {type(estimator).__name__} must be one of "
        "sklearn.metrics.get_scorer_names(), a callable or None. Got "
        f"{given!r} instead.{hint}"
    )


def held_out_score(estimator, weighted):
    """Make the function that scores a state on held-out data.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, which has the parameter `scoring`.
    weighted : bool
        Whether the user has passed weights. If not, a callable need not accept any.

    Returns
    -------
    score : callable or None
        A function of a state and the held-out `Samples`; None to watch the loss.
    """
    if estimator.scoring is None:
        return None
    scorer = check_scoring(estimator, scoring=estimator.scoring)
    _check_arguments(estimator, scorer, weighted)

    def score(state, held_out):
        model = estimator._at(state)
        vars(model).pop("feature_names_in_", None)  # held-out data have no names
        keywords = {"sample_weight": held_out.weights} if weighted else {}
        with np.errstate(over="ignore", invalid="ignore"):  # the error below reports it
            found = scorer(model, held_out.X, held_out.y, **keywords)
        try:
            found = float(found)
        except (TypeError, ValueError):
            raise ValueError(
                f"scoring={estimator.scoring!r} must return a number. Got {found!r}."
            ) from None
        if np.isnan(found):
            raise ValueError(
                f"scoring={estimator.scoring!r} gave nan on the held-out data: early "
                "stopping cannot watch it."
            )
        return found

    return score


def _check_arguments(estimator, scorer, weighted):
    # raise an error if a callable does not take the arguments of a scorer
    try:
        arguments = signature(scorer)
    except ValueError:  # some callables have no signature
        return
    try:
        arguments.bind(
            None, None, None, **({"sample_weight": None} if weighted else {})
        )
    except TypeError as error:
        weights = ", sample_weight=..." if weighted else ""
        raise ValueError(
            f"The 'scoring' parameter of {type(estimator).__name__} must be callable "
            f"as scoring(estimator, X, y{weights}). Got {estimator.scoring!r} instead: "
            f"{error}. sklearn.metrics.make_scorer makes a scorer of a metric."
        ) from None
