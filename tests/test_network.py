"""Forward and backward pass: loss, gradient and running statistics of a batch."""

import numpy as np
import pytest
from helpers import as_csr, bind
from network_cases import MASK_SEED, make_case
from numpy.testing import assert_allclose
from reference_network import mean_loss

from skgd._engine import layers
from skgd._engine.architecture import Architecture
from skgd._engine.epoch import loss_and_gradient
from skgd._engine.network import Data, Network, Workspace
from skgd.activations import ACTIVATIONS, Tanh
from skgd.losses import LOSSES, LogLoss, SquaredError

# name and whether the outputs are one distribution
LOSS_CASES = [(name, False) for name in LOSSES] + [("log_loss", True)]
SWITCHES = [False, True]


def bind_case(case, X, dtype=np.float64):
    return bind(
        case.architecture, case.theta, X, case.Y, weights=case.weights, dtype=dtype
    )


def evaluate(bound, case):
    """Loss and gradient of a batch that finds fresh running statistics."""
    bound.running[:] = case.architecture.new_running(bound.running.dtype)
    return loss_and_gradient(
        bound.workspace, weight_mean=case.weight_mean, seed=MASK_SEED
    )


def central_differences(bound, case, h=1e-5):
    gradient = np.empty(bound.theta.size)
    for j in range(bound.theta.size):
        at = bound.theta[j]
        bound.theta[j] = at + h
        ahead, _ = evaluate(bound, case)
        bound.theta[j] = at - h
        behind, _ = evaluate(bound, case)
        bound.theta[j] = at
        gradient[j] = (ahead - behind) / (2 * h)
    return gradient


def assert_close(result, expected, tolerance):
    """Close relative to the largest element."""
    size = np.abs(expected).max(initial=0.0)
    assert_allclose(result, expected, rtol=0, atol=tolerance * size)


def check(case):
    """Loss, gradient and running statistics; dense, sparse and in float32."""
    dense = bind_case(case, case.X)
    loss, gradient = evaluate(dense, case)
    running = dense.running.copy()
    expected = mean_loss(
        case.architecture, case.loss, case.Y, case.expected.Z, case.weights
    )
    assert_allclose(loss, expected, rtol=1e-12)
    assert_allclose(running, case.expected.running, rtol=1e-12, atol=1e-14)
    assert np.abs(gradient).max() > 1e-3
    assert_close(gradient, central_differences(dense, case), 1e-6)

    sparse = bind_case(case, as_csr(case.X))
    sparse_loss, sparse_gradient = evaluate(sparse, case)
    assert_allclose(sparse_loss, loss, rtol=1e-12)
    assert_close(sparse_gradient, gradient, 1e-12)
    assert_close(sparse.running, running, 1e-12)

    for X in (case.X, as_csr(case.X)):
        single = bind_case(case, X, np.float32)
        single_loss, single_gradient = evaluate(single, case)
        assert single_gradient.dtype == np.float32
        assert_allclose(single_loss, loss, rtol=1e-4)
        assert_close(single_gradient, gradient, 1e-4)
        assert_close(single.running, running, 1e-4)


@pytest.mark.parametrize("weighted", SWITCHES)
@pytest.mark.parametrize("dropout", [(), (0.3, 0.4)])
@pytest.mark.parametrize("batch_norm", SWITCHES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("loss", "softmax"), LOSS_CASES)
def test_network(loss, softmax, activation, batch_norm, dropout, weighted):
    for n_outputs in (2, 3) if softmax or loss == "multinomial" else (1, 3):
        check(
            make_case(
                loss,
                softmax=softmax,
                n_outputs=n_outputs,
                hidden=(4, 3),
                activation=activation,
                batch_norm=batch_norm,
                dropout=dropout,
                weighted=weighted,
            )
        )


@pytest.mark.parametrize("dropout", [(), (0.3, 0.0, 0.4)])
@pytest.mark.parametrize("batch_norm", SWITCHES)
@pytest.mark.parametrize(
    "activations", [("relu", "tanh", "gelu"), ("logistic", "identity", "leaky_relu")]
)
def test_network_with_several_activations(activations, batch_norm, dropout):
    check(
        make_case(
            "squared_error",
            n_outputs=2,
            hidden=(4, 3, 3),
            activation=activations,
            batch_norm=batch_norm,
            dropout=dropout,
        )
    )


@pytest.mark.parametrize("input_dropout", [0.0, 0.3])
@pytest.mark.parametrize("width", [64, 70, 128])
def test_wide_first_layer(width, input_dropout):
    # sparse rows are multiplied by blocks of 64 weights, and then by the rest
    check(
        make_case(
            "squared_error",
            n_outputs=1,
            hidden=(width,),
            activation="tanh",
            input_dropout=input_dropout,
        )
    )


@pytest.mark.parametrize("weighted", SWITCHES)
@pytest.mark.parametrize("fit_intercept", SWITCHES)
@pytest.mark.parametrize("input_dropout", [0.0, 0.3])
@pytest.mark.parametrize("input_batch_norm", SWITCHES)
@pytest.mark.parametrize(("loss", "softmax"), LOSS_CASES)
def test_linear(
    loss, softmax, input_batch_norm, input_dropout, fit_intercept, weighted
):
    for n_outputs in (2, 3) if softmax or loss == "multinomial" else (1, 3):
        check(
            make_case(
                loss,
                softmax=softmax,
                n_outputs=n_outputs,
                input_batch_norm=input_batch_norm,
                input_dropout=input_dropout,
                fit_intercept=fit_intercept,
                weighted=weighted,
            )
        )


@pytest.mark.parametrize("hidden", [(4,), (4, 3), (3, 4, 2)])
@pytest.mark.parametrize("fit_intercept", SWITCHES)
@pytest.mark.parametrize("dropped", SWITCHES)
@pytest.mark.parametrize("batch_norm", SWITCHES)
@pytest.mark.parametrize(
    ("input_batch_norm", "input_dropout"), [(False, 0.3), (True, 0.0), (True, 0.3)]
)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_network_with_an_input_layer(
    activation,
    input_batch_norm,
    input_dropout,
    batch_norm,
    dropped,
    fit_intercept,
    hidden,
):
    check(
        make_case(
            "squared_error",
            n_outputs=2,
            hidden=hidden,
            activation=activation,
            batch_norm=batch_norm,
            dropout=(0.3, 0.4, 0.2)[: len(hidden)] if dropped else (),
            input_batch_norm=input_batch_norm,
            input_dropout=input_dropout,
            fit_intercept=fit_intercept,
            weighted=True,
        )
    )


@pytest.mark.parametrize("hidden", [(), (4,), (4, 3)])
@pytest.mark.parametrize("fit_intercept", SWITCHES)
@pytest.mark.parametrize("batch_norm", SWITCHES)
@pytest.mark.parametrize("input_batch_norm", SWITCHES)
@pytest.mark.parametrize("input_dropout", [0.0, 0.3])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_scales_of_the_inputs(
    activation, input_dropout, input_batch_norm, batch_norm, fit_intercept, hidden
):
    check(
        make_case(
            "squared_error",
            n_outputs=2,
            hidden=hidden,
            activation=activation if hidden else "identity",
            batch_norm=batch_norm,
            dropout=(0.3, 0.4)[: len(hidden)],
            input_batch_norm=input_batch_norm,
            input_dropout=input_dropout,
            input_scale=True,
            fit_intercept=fit_intercept,
            weighted=True,
        )
    )


@pytest.mark.parametrize("hidden", [(), (4,), (4, 3)])
@pytest.mark.parametrize("joined", [(0, 1, 1, 0, 1), (0, 0, 1, 0, 0)])
@pytest.mark.parametrize("input_scale", SWITCHES)
@pytest.mark.parametrize("batch_norm", SWITCHES)
def test_sums_of_the_inputs(batch_norm, input_scale, joined, hidden):
    check(
        make_case(
            "squared_error",
            n_outputs=2,
            hidden=hidden,
            activation="tanh" if hidden else "identity",
            batch_norm=batch_norm,
            dropout=(0.3, 0.4)[: len(hidden)],
            joined=joined,
            input_scale=input_scale,
            weighted=True,
        )
    )


@pytest.mark.parametrize("weighted", SWITCHES)
@pytest.mark.parametrize("hidden", [(), (4, 3)])
@pytest.mark.parametrize("softmax", SWITCHES)
def test_label_smoothing(softmax, hidden, weighted):
    check(
        make_case(
            "log_loss",
            rule=LogLoss(label_smoothing=0.3),
            softmax=softmax,
            n_outputs=3,
            hidden=hidden,
            activation="tanh",
            weighted=weighted,
        )
    )


# ---------------------------------------------------------------- weights of rows
KINDS = {
    "linear": {},
    "linear-normalised": {"input_batch_norm": True},
    "hidden": {"hidden": (4, 3), "activation": "relu"},
    "hidden-normalised": {"hidden": (4, 3), "activation": "tanh", "batch_norm": True},
    "scaled": {"hidden": (4,), "activation": "tanh", "input_scale": True},
    "summed": {"hidden": (4,), "activation": "tanh", "joined": (0, 1, 1, 0, 1)},
    "all-normalised": {
        "hidden": (4,), "activation": "tanh", "batch_norm": True,
        "input_batch_norm": True,
    },
}  # fmt: skip
FORMS = {"dense": np.array, "sparse": as_csr}


def evaluate_rows(case, X, Y, weights):
    """Loss, gradient and running statistics of other rows than those of the case."""
    bound = bind(case.architecture, case.theta, X, Y, weights=weights)
    mean = 1.0 if weights is None else float(np.mean(weights))
    loss, gradient = loss_and_gradient(
        bound.workspace, weight_mean=mean, seed=MASK_SEED
    )
    return loss, gradient, bound.running


def assert_same(results, expected):
    assert_allclose(results[0], expected[0], rtol=1e-12)
    assert_close(results[1], expected[1], 1e-12)
    assert_allclose(results[2], expected[2], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("loss", "softmax"), [("huber", False), ("log_loss", True)])
@pytest.mark.parametrize("kind", KINDS)
# up to the rows that are left are two, or one: alone it is normalised otherwise
@pytest.mark.parametrize("n_left", [6, 2, 1])
def test_rows_of_weight_zero_are_no_rows(n_left, kind, loss, softmax, form):
    case = make_case(loss, softmax=softmax, n_outputs=3, weighted=True, **KINDS[kind])
    weights = case.weights.copy()
    weights[np.random.RandomState(0).permutation(len(weights))[n_left:]] = 0
    left = weights > 0
    results = evaluate_rows(case, FORMS[form](case.X), case.Y, weights)
    X, Y = FORMS[form](case.X[left]), case.Y[left]
    assert_same(results, evaluate_rows(case, X, Y, weights[left]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("loss", "softmax"), [("huber", False), ("log_loss", True)])
@pytest.mark.parametrize("kind", KINDS)
def test_integer_weights_are_repeated_rows(kind, loss, softmax, form):
    case = make_case(loss, softmax=softmax, n_outputs=3, **KINDS[kind])
    repeats = np.array([1, 3, 2, 0, 1, 1, 5, 2])
    results = evaluate_rows(case, FORMS[form](case.X), case.Y, repeats.astype(float))
    X, Y = np.repeat(case.X, repeats, axis=0), np.repeat(case.Y, repeats, axis=0)
    assert_same(results, evaluate_rows(case, FORMS[form](X), Y, None))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_one_are_no_weights(kind, form):
    case = make_case("huber", n_outputs=2, **KINDS[kind])
    X = FORMS[form](case.X)
    ones = np.ones(X.shape[0])
    assert_same(
        evaluate_rows(case, X, case.Y, ones), evaluate_rows(case, X, case.Y, None)
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_order_of_rows_does_not_matter(kind, form):
    case = make_case("huber", n_outputs=2, weighted=True, **KINDS[kind])
    turned = np.random.RandomState(1).permutation(case.X.shape[0])
    assert_same(
        evaluate_rows(
            case, FORMS[form](case.X[turned]), case.Y[turned], case.weights[turned]
        ),
        evaluate_rows(case, FORMS[form](case.X), case.Y, case.weights),
    )


# ---------------------------------------------------------------- sizes
@pytest.mark.parametrize("n_rows", [2, 3, 65, 130])
@pytest.mark.parametrize("kind", KINDS)
def test_softmax_over_batches_of_other_sizes(kind, n_rows):
    # The compiled loop over the outputs takes 64 rows at a time.
    check(
        make_case(
            "log_loss", softmax=True, n_outputs=4, n_rows=n_rows, weighted=True,
            corner=1e-4, **KINDS[kind],
        )
    )  # fmt: skip


def wide_case(sizes, seed, n_rows=33):
    """A network whose matrices are beyond one tile of a matrix product."""
    rng = np.random.RandomState(seed)
    architecture = Architecture(
        sizes=sizes, loss=SquaredError(), activation=Tanh(), batch_norm=True
    )
    theta = rng.standard_normal(architecture.n_params) / 8
    X = rng.standard_normal((n_rows, sizes[0]))
    X *= rng.uniform(size=X.shape) < 0.3
    return architecture, theta, X, rng.standard_normal((n_rows, sizes[-1]))


@pytest.mark.parametrize("sizes", [(70, 40, 1), (1, 1, 1), (3, 130, 70, 5), (200, 1)])
@pytest.mark.parametrize("form", FORMS)
def test_directional_derivative_of_other_shapes(sizes, form):
    architecture, theta, X, Y = wide_case(sizes, seed=3)
    bound = bind(architecture, theta, FORMS[form](X), Y)
    _, gradient = loss_and_gradient(bound.workspace)
    direction = np.random.RandomState(4).standard_normal(theta.size)
    direction /= np.linalg.norm(direction)
    values = []
    for h in (1e-5, -1e-5):
        bound.theta[:] = theta + h * direction
        values.append(loss_and_gradient(bound.workspace)[0])
    slope = (values[0] - values[1]) / 2e-5
    assert_allclose(gradient @ direction, slope, rtol=1e-6, atol=1e-9)


# ---------------------------------------------------------------- kinds of layers
def test_every_kind_of_layer_is_in_a_case():
    # each option of the cases above, in dense and in sparse form
    options = dict(
        loss=SquaredError(),
        activation=Tanh(),
        batch_norm=True,
        dropout=(0.3,),
        input_batch_norm=True,
        input_dropout=0.3,
        input_scale=True,
    )
    summed = Architecture(sizes=(3, 4, 1), loss=SquaredError(), joined=(0, 1, 0))
    cases = Architecture(sizes=(3, 4, 1), **options), summed
    kinds = {
        type(kind) for each in cases for form in SWITCHES for kind in each.layers(form)
    }
    assert {kind.__name__ for kind in kinds} == set(layers.__all__)


def test_data_must_be_what_the_network_reads():
    case = make_case("squared_error", n_outputs=2)
    for X, Y, match in (
        (case.X.astype(np.float32), case.Y, "The network is float64, the data float32"),
        (case.X[:, :3].copy(), case.Y, "The network has 5 features, the data have 3"),
        (case.X, case.Y[:, :1].copy(), "The network has 2 targets, the data have 1"),
        (case.X, None, "The network has 2 targets, the data have 0"),
    ):
        net = Network(case.architecture, case.theta, np.empty(0))
        with pytest.raises(ValueError, match=match):
            Workspace(net, Data(X, Y), 4)
    with pytest.raises(ValueError, match="Sparse features have no units"):
        Data(as_csr(case.X), case.Y, None, (np.zeros(5), np.ones(5)))
    unable = Workspace(net, Data(case.X, case.Y), 8, training=False)
    with pytest.raises(ValueError, match="no room for a gradient"):
        loss_and_gradient(unable)
