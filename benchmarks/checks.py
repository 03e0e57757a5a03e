"""scikit-learn's `check_estimator` for every value of every parameter, one at a time.

`python benchmarks/checks.py` runs all configurations, which takes about an hour.
`python benchmarks/checks.py MLPGDRegressor` runs those of one estimator, `--only
optimizer=` those whose printed names contain this text, and `--list` only prints the
names. Below the name of a configuration are the checks that failed. The script ends
with an error if there are any, except for those in `expected_failures`.
"""

import argparse
import sys
import time
import warnings
from collections import Counter

import numpy as np
from sklearn.utils.estimator_checks import check_estimator

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.activations import ACTIVATIONS
from skgd.averaging import AVERAGES
from skgd.initializers import INITIALIZERS
from skgd.losses import Quantile, Tweedie
from skgd.optimizers import OPTIMIZERS, Momentum, RMSprop
from skgd.schedules import SCHEDULES, Warmup

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
SAMPLE_WEIGHTS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
PARTIAL_FIT = (
    "check_fit_score_takes_y",
    "check_n_features_in_after_fitting",
    "check_estimators_partial_fit_n_features",
)
SECOND_FIT = (
    "check_supervised_y_2d",
    "check_classifiers_multilabel_representation_invariance",
)

# the values of the parameters that the four estimators share, without the defaults
SHARED = {
    "solver": ["batch", "minibatch", "sgd"],
    "optimizer": [*OPTIMIZERS, Momentum(nesterov=True), RMSprop(centered=True)],
    "learning_rate": [*SCHEDULES, Warmup(then="linear")],
    "learning_rate_init": [1e-3],
    "penalty": ["l1", "elasticnet", None],
    "alpha": [0.0, 0.1],
    "batch_size": [1, 7, 1000],
    "clip_norm": [1.0],
    "dropout": [0.2],
    "batch_norm": [True],
    "standardize": [False],
    "max_iter": [1, 20],
    "tol": [None, 1e-2],
    "n_iter_no_change": [1, np.inf],
    "shuffle": [False],
    "random_state": [0],
    "verbose": [1],
    "warm_start": [True],
    "early_stopping": [False, True, "auto"],
    "validation_fraction": [0.5],
    "validation_split": [3],
    "average": [True, 5, *AVERAGES],
}
LINEAR = {"fit_intercept": [False], "positive": [True]}
NETWORKS = {
    "hidden_layer_sizes": [3, (4, 3)],
    "activation": list(ACTIVATIONS),
    "weight_init": list(INITIALIZERS),
    "input_dropout": [0.2],
    "input_scale": [True],
    "num_embedding": ["piecewise_linear"],
}
PROBABILITIES = "binomial", "multinomial"
LOSSES = [Tweedie(power=2.5), Quantile(quantile=0.2)]  # besides the names
# values that only make sense together
TOGETHER = [
    {"solver": "batch", "optimizer": "lbfgs"},
    {"solver": "batch", "learning_rate": "line_search"},
    {"early_stopping": True, "scoring": "SCORE"},
    {"early_stopping": True, "batch_norm": True, "average": True},
]


def configurations(estimator):
    """The parameters of each configuration of an estimator, a list of dicts."""
    is_classifier = issubclass(estimator, GDClassifier | MLPGDClassifier)
    is_linear = issubclass(estimator, GDClassifier | GDRegressor)
    # (the targets of the checks are no probabilities)
    losses = estimator._losses
    values = {"loss": [name for name in losses if name not in PROBABILITIES]}
    values["loss"] += [] if is_classifier else LOSSES
    values |= SHARED | (LINEAR if is_linear else NETWORKS)
    if is_classifier:
        values["class_weight"] = ["balanced"]
    found = [{}]
    found += [{name: value} for name, given in values.items() for value in given]
    score = "accuracy" if is_classifier else "r2"
    found += [
        {name: score if value == "SCORE" else value for name, value in given.items()}
        for given in TOGETHER
    ]
    return found


def expected_failures(estimator, params):
    """The checks that fail by definition, each with the reason.

    scikit-learn's own estimators fail the same checks where they have the parameter.
    """
    is_linear = issubclass(estimator, GDClassifier | GDRegressor)
    loss, failures = params.get("loss"), {}
    reason = weights_matter(estimator, params)
    if reason:
        failures |= dict.fromkeys(SAMPLE_WEIGHTS, reason)
    if isinstance(loss, Tweedie) or loss in ("poisson", "gamma", "tweedie"):
        failures["check_regressor_multioutput"] = "the check has negative targets"
    if loss == "modified_huber":
        name = "check_classifiers_multilabel_output_format_predict_proba"
        failures[name] = "its probabilities can be exactly 0"
    if params.get("fit_intercept") is False:
        name = "check_class_weight_classifiers"
        failures[name] = "without an intercept, no class can be predicted everywhere"
    if params.get("positive"):
        failures["check_classifiers_train"] = "a class has negative coefficients"
    if params.get("class_weight") == "balanced":
        reason = "partial_fit refuses 'balanced', because it sees a piece of the data"
        failures |= dict.fromkeys(PARTIAL_FIT, reason)
    if params.get("max_iter") == 1 and not is_linear:
        failures["check_regressors_train"] = "one epoch is not enough"
    if params.get("warm_start") and not is_linear:
        reason = "the second fit continues the first one"
        failures |= dict.fromkeys(SECOND_FIT, reason)
    if params.get("scoring") == "accuracy" and not is_linear:
        name = "check_class_weight_classifiers"
        failures[name] = "the accuracy that is watched ignores the weights of classes"
    return failures


def weights_matter(estimator, params):
    """Why weighted rows and repeated rows differ by more than 1e-7, or None."""
    is_linear = issubclass(estimator, GDClassifier | GDRegressor)
    if params.get("solver") == "sgd" or "batch_size" in params:
        return "repeated rows are other batches than weighted rows"
    if params.get("dropout") or params.get("input_dropout"):
        return "each row has a dropout mask of its own"
    if params.get("early_stopping") is True:
        return "rows are held out at random"
    rounded = params.get("loss") in ("squared_hinge", "modified_huber")
    if is_linear:
        rounded |= params.get("tol", 0) is None
    else:
        rounded |= params.get("optimizer") == "lbfgs"
        rounded |= params.get("activation") == "identity"
    return "rounding errors grow during the training" if rounded else None


def run(estimator, params):
    """The results of all checks, a list of dicts as `check_estimator` returns them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return check_estimator(
            estimator(**params),
            expected_failed_checks=expected_failures(estimator, params),
            on_skip=None,
            on_fail=None,
        )


def titled(estimators, only):
    """The configurations to run, each with its title."""
    for estimator in ESTIMATORS:
        if estimators and estimator.__name__ not in estimators:
            continue
        for params in configurations(estimator):
            given = ", ".join(f"{name}={value!r}" for name, value in params.items())
            title = f"{estimator.__name__}({given})"
            if only in title:
                yield title, estimator, params


def main():
    """Run the configurations that the command line names, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names = [estimator.__name__ for estimator in ESTIMATORS]
    parser.add_argument("estimators", nargs="*", help=f"of {', '.join(names)}")
    parser.add_argument("--only", default="", help="a part of the printed names")
    parser.add_argument("--list", action="store_true", help="only print the names")
    options = parser.parse_args()
    wrong = set(options.estimators) - set(names)
    if wrong:
        parser.error(f"unknown estimators {sorted(wrong)}; choose from {names}")
    counts, n_configurations, n_failed = Counter(), 0, 0
    for title, estimator, params in titled(options.estimators, options.only):
        if options.list:
            print(title)
            continue
        start = time.perf_counter()
        results = run(estimator, params)
        counts.update(result["status"] for result in results)
        failed = [each for each in results if each["status"] == "failed"]
        n_configurations, n_failed = n_configurations + 1, n_failed + bool(failed)
        print(f"{title}: {time.perf_counter() - start:.0f} s", flush=True)
        for each in failed:
            print(f"    {each['check_name']}: {each['exception']!r}", flush=True)
    if not options.list:
        print(f"{n_configurations} configurations, {n_failed} with failures.")
        print(", ".join(f"{n} checks {status}" for status, n in counts.items()))
    sys.exit(n_failed > 0)


if __name__ == "__main__":
    main()
