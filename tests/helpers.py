"""Small networks bound to memory, for tests below the estimators."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse as sp
from sklearn import preprocessing
from sklearn.base import is_classifier
from sklearn.datasets import load_diabetes, load_iris

from skgd._engine.architecture import Architecture
from skgd._engine.epoch import train_epoch
from skgd._engine.network import Data, Network, Workspace
from skgd._training.state import TrainingState
from skgd.losses import SquaredError


def as_csr(X):
    """The same features without their zeros, indexed as the compiled code asks."""
    X = sp.csr_matrix(X)
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X


def feature_units(A):
    """The mean and the scale of columns, as `standardize` defines them."""
    scales = np.where(np.ptp(A, axis=0) > 0, A.std(axis=0), 1.0)
    for k, column in enumerate(A.T):
        values, counts = np.unique(column, return_counts=True)
        if values.size > 1 and 2 * counts.max() >= len(column):
            others = column - values[counts.argmax()]
            scales[k] = np.sqrt(np.mean(others[others != 0] ** 2))
    return A.mean(axis=0), scales


def in_units(A):
    """Columns centred and divided by their scale, as `standardize` does it."""
    mean, scales = feature_units(A)
    return (A - mean) / scales


def scale(A):
    """Features in units of training, or a target with mean 0 and deviation 1."""
    return (A - A.mean()) / A.std() if A.ndim == 1 else in_units(A)


@dataclass
class Bound:
    """A network and the arrays that it reads and writes."""

    workspace: Workspace
    architecture: Architecture
    theta: np.ndarray
    running: np.ndarray


def bind(architecture, theta, X, Y, weights=None, *, batch_size=None, dtype=np.float64):
    """A network over copies of `theta` and the data; X may be CSR."""
    theta = np.array(theta, dtype)
    running = architecture.new_running(dtype)
    X = X.astype(dtype) if sp.issparse(X) else np.array(X, dtype, order="C")
    Y = np.array(Y, dtype, order="C").reshape(X.shape[0], -1)
    weights = None if weights is None else np.array(weights, dtype)
    batch_size = X.shape[0] if batch_size is None else batch_size
    net = Network(architecture, theta, running, sparse=sp.issparse(X))
    workspace = Workspace(net, Data(X, Y, weights), batch_size)
    return Bound(workspace, architecture, theta, running)


def linear(n_features, n_outputs=1, **options):
    """The architecture of a linear model, with the squared error unless given."""
    options.setdefault("loss", SquaredError())
    return Architecture(sizes=(n_features, n_outputs), **options)


class Trainer:
    """Epochs over a bound network, one call each, with the state carried on."""

    def __init__(
        self,
        bound,
        optimizer,
        *,
        l1=0.0,
        l2=0.0,
        weight_mean=1.0,
        average=None,
        **options,
    ):
        self.bound = bound
        self.kernel = optimizer._kernel(l1)
        self.l1, self.l2, self.weight_mean = l1, l2, weight_mean
        self.average = average
        self.options = {"per_sample": False, "clip_norm": np.inf, **options}
        self.state = TrainingState(bound.theta, bound.running, np.random.RandomState(0))
        self.state.make_slots(optimizer, self.kernel)
        if average is not None:
            self.state.make_average(bound.architecture)

    def epoch(self, rates, order=None, seed=0):
        """The weighted sum of the losses before each update."""
        rates = np.atleast_1d(np.asarray(rates, dtype=np.float64))
        workspace, shares = self.bound.workspace, None
        if self.average is not None:
            n = workspace.data.n_samples if order is None else len(order)
            ends = np.minimum(np.arange(1, len(rates) + 1) * workspace.batch_size, n)
            shares = self.average(self.state.n_seen + ends, self.state.n_averaged)
        loss, _ = train_epoch(
            workspace,
            self.kernel,
            order=order,
            rates=rates,
            l1=self.l1,
            l2=self.l2,
            weight_mean=self.weight_mean,
            seed=seed,
            state=self.state,
            shares=shares,
            **self.options,
        )
        return loss


# ---------------------------------------------------------------- estimators
X_REG, Y_REG = load_diabetes(return_X_y=True)
X_REG, Y_REG = preprocessing.scale(X_REG), preprocessing.scale(Y_REG)
X_CLF, Y_CLF = load_iris(return_X_y=True)
X_CLF = preprocessing.scale(X_CLF)


def data_for(estimator):
    """Standardised data of the kind of target that an estimator is for."""
    return (X_CLF, Y_CLF) if is_classifier(estimator()) else (X_REG, Y_REG)
