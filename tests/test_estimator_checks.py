"""scikit-learn's own checks, over the grid of variants.

`pytest -m grid tests/test_estimator_checks.py` runs the whole grid (minutes).
"""

import importlib.util
from itertools import product
from pathlib import Path

import pytest
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

from skgd import GDClassifier, GDRegressor, MLPGDClassifier, MLPGDRegressor
from skgd.losses import Gamma, Huber, Tweedie

ESTIMATORS = [GDRegressor, GDClassifier, MLPGDRegressor, MLPGDClassifier]
SOLVERS = ["batch", "sgd", "minibatch"]
OPTIMIZERS = ["sgd", "momentum", "adagrad", "rmsprop", "adam"]

GRID = list(product(SOLVERS, OPTIMIZERS, [0.0, 0.2], [False, True], [False, True]))
# Every solver with every optimizer; with them, in turn, the eight combinations of
# dropout, batch normalisation and early stopping.
SPAN = [GRID[8 * i + (3 * i + 4 * (i // 5)) % 8] for i in range(15)]

WEIGHT_CHECKS = [
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
]

# They have the targets 0, 1 and 2, and not those that the tags ask for.
TRANSFORMER_CHECKS = [
    "check_transformer_general",
    "check_transformer_data_not_an_array",
    "check_transformer_preserve_dtypes",
    "check_transformer_n_iter",
]


def declared(solver, dropout, early_stopping):
    """Checks that compare weights with repeated rows, where rows matter by definition.

    The data of the check fit into one minibatch, so that 'minibatch' is not among
    them.
    """
    reasons = []
    if solver == "sgd":
        reasons.append("an update is made for each row")
    if dropout:
        reasons.append("each row has a dropout mask of its own")
    if early_stopping:
        reasons.append("rows are held out at random")
    return dict.fromkeys(WEIGHT_CHECKS, "; ".join(reasons)) if reasons else {}


def run_checks(estimator, variant):
    solver, optimizer, dropout, batch_norm, early_stopping = variant
    check_estimator(
        estimator(
            solver=solver,
            optimizer=optimizer,
            dropout=dropout,
            batch_norm=batch_norm,
            early_stopping=early_stopping,
        ),
        expected_failed_checks=declared(solver, dropout, early_stopping),
        on_skip=None,
    )


def test_the_span_covers_all_pairs():
    values = [set(column) for column in zip(*GRID, strict=True)]
    for i, j in product(range(5), range(5)):
        if i != j:
            seen = {(variant[i], variant[j]) for variant in SPAN}
            assert seen == set(product(values[i], values[j])), (i, j)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("variant", SPAN, ids=str)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_check_estimator(estimator, variant):
    run_checks(estimator, variant)


@pytest.mark.grid
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("variant", GRID, ids=str)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_check_estimator_grid(estimator, variant):
    run_checks(estimator, variant)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_long_run_covers_all_parameters(estimator):
    path = Path(__file__).parents[1] / "benchmarks/checks.py"
    spec = importlib.util.spec_from_file_location("checks", path)
    checks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(checks)
    found = checks.configurations(estimator)
    names = set(estimator().get_params())
    # (the ratio of the elastic net is a part of another configuration, and a direction
    # for each feature depends on the data)
    assert set().union(*found) == names - {"l1_ratio", "monotonic_cst"}
    for name, rules in estimator()._rules.items():
        values = {params[name] for params in found if isinstance(params.get(name), str)}
        assert values >= set(rules[0]) - {"auto", *checks.PROBABILITIES}, name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("loss", ["gamma", "poisson", "tweedie", Tweedie(2.5)], ids=str)
@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_losses_of_positive_targets(estimator, loss):
    reason = "the check has negative targets, whatever the tags say"
    failed = {"check_regressor_multioutput": reason}
    if str(loss) in ("gamma", "Tweedie(power=2.5)") and estimator is MLPGDRegressor:
        # networks are transformers, too
        reason = "the check has targets that are zero, whatever the tags say"
        failed |= dict.fromkeys(TRANSFORMER_CHECKS, reason)
    check_estimator(estimator(loss=loss), expected_failed_checks=failed, on_skip=None)


@pytest.mark.parametrize("estimator", [GDRegressor, MLPGDRegressor])
def test_the_tag_of_positive_targets(estimator):
    def tag(loss):
        return get_tags(estimator(loss=loss)).target_tags.positive_only

    assert all(map(tag, ["gamma", "poisson", "tweedie", Gamma(), Tweedie(2.5)]))
    assert not any(map(tag, ["squared_error", Huber(), Tweedie(0)]))
    assert not any(map(tag, ["unknown", None, Gamma, Tweedie("a")]))
