"""Rules next to those of PyTorch, where their conventions are the same.

Collected where PyTorch is installed. `docs/optimizers.md` has the conventions.
"""

import numpy as np
import oracles
import pytest
import torch
from numpy.testing import assert_allclose

from skgd import MLPGDClassifier, MLPGDRegressor
from skgd.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    SELU,
    Identity,
    LeakyReLU,
    Logistic,
    Mish,
    ReLU,
    SiLU,
    Tanh,
)
from skgd.losses import LogLoss
from skgd.optimizers import (
    OPTIMIZERS,
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    NAdam,
    RMSprop,
)

N_STEPS = 200
PAIRS = {
    "sgd": (SGD(0.1), lambda w: torch.optim.SGD(w, 0.1)),
    "momentum": (Momentum(0.1), lambda w: torch.optim.SGD(w, 0.1, momentum=0.9)),
    "nesterov": (
        Momentum(0.1, momentum=0.8, nesterov=True),
        lambda w: torch.optim.SGD(w, 0.1, momentum=0.8, nesterov=True),
    ),
    "adagrad": (AdaGrad(0.1), lambda w: torch.optim.Adagrad(w, 0.1, eps=1e-7)),
    "rmsprop": (
        RMSprop(0.1, rho=0.95),
        lambda w: torch.optim.RMSprop(w, 0.1, alpha=0.95, eps=1e-8),
    ),
    "centered": (
        RMSprop(0.1, centered=True, epsilon=1e-2),
        lambda w: torch.optim.RMSprop(w, 0.1, alpha=0.9, eps=1e-2, centered=True),
    ),
    "adam": (Adam(0.1), lambda w: torch.optim.Adam(w, 0.1)),
    "adam-betas": (
        Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-3),
        lambda w: torch.optim.Adam(w, 0.1, betas=(0.5, 0.9), eps=1e-3),
    ),
    "amsgrad": (
        Adam(0.1, amsgrad=True),
        lambda w: torch.optim.Adam(w, 0.1, amsgrad=True),
    ),
    "adamw": (AdamW(0.1), lambda w: torch.optim.AdamW(w, 0.1)),
    "adamw-decay": (
        AdamW(0.1, weight_decay=0.3, amsgrad=True),
        lambda w: torch.optim.AdamW(w, 0.1, weight_decay=0.3, amsgrad=True),
    ),
    # The decay of the momentum's schedule: at once, so that it is constant.
    "nadam": (
        NAdam(0.1),
        lambda w: torch.optim.NAdam(w, 0.1, momentum_decay=1e9),
    ),
    "nadam-betas": (
        NAdam(0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-3),
        lambda w: torch.optim.NAdam(
            w, 0.1, betas=(0.5, 0.9), eps=1e-3, momentum_decay=1e9
        ),
    ),
}
# what PyTorch does not have, by what the oracles say
ELSEWHERE = {n for n, oracle in oracles.OPTIMIZERS.items() if not oracle.in_torch}
# rounding errors of so many steps; a wrong epsilon or share is off by far more
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-4}


def test_every_optimizer_that_they_have_is_compared():
    kinds = {kind for name, kind in OPTIMIZERS.items() if name not in ELSEWHERE}
    assert {type(ours) for ours, _ in PAIRS.values()} == kinds


def test_what_is_not_compared_they_do_not_have():
    for name in ELSEWHERE:
        assert not hasattr(torch.optim, OPTIMIZERS[name].__name__)


@pytest.fixture(autouse=True)
def _scalars_of_theirs_in_double_precision():
    # NAdam's product of momenta is of the default type, whatever the parameters are.
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", PAIRS)
def test_step_for_step(name, dtype):
    ours, make_theirs = PAIRS[name]
    rng = np.random.RandomState(0)
    start = {"W": rng.standard_normal((3, 2)), "b": rng.standard_normal(2)}
    params = {key: value.astype(dtype) for key, value in start.items()}
    tensors = {key: torch.tensor(value.copy()) for key, value in params.items()}
    theirs = make_theirs(list(tensors.values()))
    ours.reset()
    for _ in range(N_STEPS):
        grads = {
            k: rng.standard_normal(v.shape).astype(dtype) for k, v in start.items()
        }
        ours.update(params, grads)
        for key, tensor in tensors.items():
            tensor.grad = torch.tensor(grads[key])
        theirs.step()
        for key, tensor in tensors.items():
            assert_allclose(params[key], tensor.numpy(), rtol=0, atol=TOLERANCE[dtype])
    assert np.abs(params["W"] - start["W"]).max() > 0.1


UNITS = [
    (Identity(), torch.nn.Identity()),
    (Logistic(), torch.nn.Sigmoid()),
    (Tanh(), torch.nn.Tanh()),
    (ReLU(), torch.nn.ReLU()),
    (LeakyReLU(), torch.nn.LeakyReLU()),
    (LeakyReLU(negative_slope=0.3), torch.nn.LeakyReLU(0.3)),
    (ELU(), torch.nn.ELU()),
    (ELU(alpha=0.3), torch.nn.ELU(0.3)),
    (SELU(), torch.nn.SELU()),
    (GELU(), torch.nn.GELU()),
    (SiLU(), torch.nn.SiLU()),
    (Mish(), torch.nn.Mish()),
]


def test_every_activation_is_compared():
    compared = {type(ours) for ours, _ in UNITS}
    for name, kind in ACTIVATIONS.items():
        in_torch = oracles.ACTIVATIONS[name].in_torch
        assert (kind in compared) == in_torch
        assert in_torch or not hasattr(torch.nn, kind.__name__)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("ours", "theirs"), UNITS, ids=repr)
def test_activation_and_its_derivative(ours, theirs, dtype):
    z = np.concatenate([[0.0, -80, 80], np.linspace(-20, 20, 4001)]).astype(dtype)
    tensor = torch.tensor(z, requires_grad=True)
    values = theirs(tensor)
    values.sum().backward()
    value, derivative = ours.evaluate(z)
    # (their derivative of Mish is 1 where 4 z exp(-2 z) is 20 eps)
    tolerance = 32 * np.finfo(dtype).eps
    assert_allclose(value, values.detach().numpy(), rtol=tolerance, atol=tolerance)
    assert_allclose(derivative, tensor.grad.numpy(), rtol=0, atol=tolerance)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_label_smoothing(smoothing):
    rng = np.random.RandomState(0)
    z, y = 3 * rng.standard_normal((50, 4)), rng.randint(4, size=50)
    tensor = torch.tensor(z, requires_grad=True)
    cost = torch.nn.CrossEntropyLoss(label_smoothing=smoothing, reduction="none")
    theirs = cost(tensor, torch.tensor(y))
    theirs.sum().backward()
    loss, slope = LogLoss(label_smoothing=smoothing).evaluate(y, z, softmax=True)
    assert_allclose(loss, theirs.detach().numpy(), rtol=1e-12)
    assert_allclose(slope, tensor.grad.numpy(), rtol=0, atol=1e-14)


# ---------------------------------------------------------------- clipped gradients
CLIPPED = {
    "sgd": (SGD(), lambda w: torch.optim.SGD(w, 1.0)),
    "adam": (Adam(), lambda w: torch.optim.Adam(w, 0.1)),
}


def network_like(model):
    """Layers of PyTorch with the weights of a fitted model."""
    layers = []
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        layer = torch.nn.Linear(*W.shape, dtype=torch.from_numpy(W).dtype)
        layer.weight.data = torch.from_numpy(W.T.copy())
        layer.bias.data = torch.from_numpy(b.copy())
        layers += [layer, torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("optimizer", CLIPPED)
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_clipped_gradients(task, optimizer, dtype):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((30, 4)).astype(dtype)
    y = rng.randint(3, size=30) if task == "classification" else 10 * X[:, 0]
    estimator = MLPGDClassifier if task == "classification" else MLPGDRegressor
    (rule, make_theirs), limit = CLIPPED[optimizer], 0.05
    model = estimator(
        (6, 5),
        activation="tanh",
        penalty=None,
        solver="batch",
        optimizer=rule,
        learning_rate="constant",
        learning_rate_init=1e-300,
        clip_norm=limit,
        standardize=False,
        early_stopping=False,
        random_state=0,
    )
    kwargs = {"classes": [0, 1, 2]} if task == "classification" else {}
    model.partial_fit(X, y, **kwargs)
    start = [W.copy() for W in model.coefs_]
    theirs = network_like(model)
    descent = make_theirs(list(theirs.parameters()))
    tensors = torch.from_numpy(X), torch.from_numpy(y)
    model.set_params(learning_rate_init=0.1 if optimizer == "adam" else 1.0)
    model._state.forget_slots()
    norms = []
    for _ in range(10):
        model.partial_fit(X, y)
        descent.zero_grad()
        out = theirs(tensors[0])
        if task == "classification":
            loss = torch.nn.functional.cross_entropy(out, tensors[1])
        else:
            loss = 0.5 * torch.nn.functional.mse_loss(out[:, 0], tensors[1])
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(theirs.parameters(), limit))
        descent.step()
    assert min(norms) > limit
    # theirs divides by the norm plus 1e-6, ten times; rounding errors of float32
    tolerance = 1e-4 if dtype == np.float32 else 1e-5
    linear = [layer for layer in theirs if isinstance(layer, torch.nn.Linear)]
    for layer, W, b in zip(linear, model.coefs_, model.intercepts_, strict=True):
        assert_allclose(W, layer.weight.detach().numpy().T, rtol=0, atol=tolerance)
        assert_allclose(b, layer.bias.detach().numpy(), rtol=0, atol=tolerance)
    assert np.abs(model.coefs_[1] - start[1]).max() > 0.05
