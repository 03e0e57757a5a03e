"""Networks of every kind with data away from their corners."""

from dataclasses import dataclass

import numpy as np
import oracles
from reference_network import Pass, forward

from skgd._engine.architecture import Architecture
from skgd.activations import ACTIVATIONS
from skgd.losses import LOSSES, Huber

N_ROWS, N_FEATURES = 8, 5
MASK_SEED = 11
# The default corner of Huber's loss is too far out to be passed by these data.
RULES = {name: rule() for name, rule in LOSSES.items()} | {"huber": Huber(epsilon=0.5)}


@dataclass
class Case:
    """An architecture, parameters and data, and the NumPy pass over them."""

    architecture: Architecture
    loss: str
    theta: np.ndarray
    X: np.ndarray
    Y: np.ndarray
    weights: np.ndarray | None
    expected: Pass

    @property
    def weight_mean(self):
        """The mean of the sample weights."""
        return 1.0 if self.weights is None else float(self.weights.mean())


def encoded_targets(loss, softmax, shape, rng):
    """Targets in the domain of a loss, as the compiled code reads them."""
    if softmax:
        return rng.randint(shape[1], size=(shape[0], 1)).astype(float)
    return oracles.LOSSES[loss].draw(rng, shape)


def random_features(rng, n_rows=N_ROWS):
    """Features with zeros for the sparse code to leave out."""
    shape = (n_rows, N_FEATURES)
    return rng.standard_normal(shape) * (rng.uniform(size=shape) < 0.7)


def random_parameters(architecture, rng):
    """Parameters of moderate size; gamma and scales away from zero."""
    theta = 0.7 * rng.standard_normal(architecture.n_params)
    views = architecture.views(theta)
    for factor in views["gamma"] + views["scale"]:
        factor[:] = rng.uniform(0.5, 1.5, factor.shape)
    return theta


def distance_to_corner(case, activation):
    """How far the nearest pre-activation or output is from where a slope jumps."""
    distances = [np.inf]
    names = activation
    if isinstance(activation, str):
        names = [activation] * len(case.expected.pre_activations)
    for name, a in zip(names, case.expected.pre_activations, strict=True):
        if oracles.ACTIVATIONS[name].kinked:
            # Exactly zero is what dead units hand on without an intercept: it stays.
            distances.append(np.abs(a[a != 0]).min(initial=np.inf))
    if not case.architecture.softmax:
        margin = oracles.LOSSES[case.loss].margin
        distances.append(margin(case.Y, case.expected.Z, case.architecture.loss).min())
    return min(distances)


def make_case(
    loss,
    *,
    n_outputs,
    hidden=(),
    activation="identity",
    softmax=False,
    weighted=False,
    corner=1e-3,
    n_rows=N_ROWS,
    rule=None,
    **options,
):
    """The first seed's case that has its distance from corners.

    Nor may a normalised column be almost constant: the root of its variance bends
    too much for a difference quotient.
    """
    if isinstance(activation, str):
        rules = ACTIVATIONS[activation]()
    else:
        rules = tuple(ACTIVATIONS[name]() for name in activation)
    architecture = Architecture(
        sizes=(N_FEATURES, *hidden, n_outputs),
        loss=RULES[loss] if rule is None else rule,
        activation=rules,
        softmax=softmax,
        **options,
    )
    for seed in range(1000):
        rng = np.random.RandomState(seed)
        X = random_features(rng, n_rows)
        case = Case(
            architecture,
            loss,
            random_parameters(architecture, rng),
            X,
            encoded_targets(loss, softmax, (n_rows, n_outputs), rng),
            rng.uniform(0.5, 2.0, n_rows) if weighted else None,
            None,
        )
        case.expected = forward(
            architecture,
            case.theta,
            X,
            weights=case.weights,
            seed=MASK_SEED,
            running=architecture.new_running(np.float64),
        )
        least = min((v.min() for v in case.expected.variances), default=1.0)
        if distance_to_corner(case, activation) > corner and least > 0.02:
            return case
    raise AssertionError("no seed has data away from corners")
