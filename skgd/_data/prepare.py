"""From checked samples to the data that training reads.

The arguments of `fit` are prepared in two steps. `check_samples` comes first, because
the network depends on the encoding of the targets. Then the network draws its initial
weights, and `prepare` draws the rows that are held out, from the same generator.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse as sp

from .._engine.distributed_rows import DistributedRows
from .._engine.network import Data
from .held_out import hold_out
from .samples import Samples, check_validation_samples
from .units import Units, to_units, training_units

# If dense features have more bytes than this, no standardised copy is made. Instead,
# batches are standardised when they are loaded (0.96 to 1.04 times the time of a fit
# with a copy).
LARGE = 2**26


@dataclass
class TrainingData:
    """The data that training reads.

    Parameters
    ----------
    arrays : Data
        All samples, in units of training.
    units : Units or None
        The units of training; None if they are the user's.
    encoding : RegressionEncoding or ClassEncoding
        How the targets were encoded.
    rows : ndarray of intp or None
        The training rows; None for all.
    held_out : Samples or None
        Samples for validation, in the user's units.

    Attributes
    ----------
    n_samples, n_used : int
        The number of training samples, and of those with a nonzero weight.
    weight_sum : float
        The sum of the weights of the training samples.
    """

    arrays: Data
    units: Units | None
    encoding: object
    rows: np.ndarray | None = None
    held_out: Samples | None = None

    def __post_init__(self):
        n = self.arrays.n_samples if self.rows is None else len(self.rows)
        self.n_samples = self.n_used = n
        self.weight_sum = float(n)
        weights = self.arrays.weights
        if weights is not None:
            used = weights if self.rows is None else weights[self.rows]
            self.weight_sum = float(used.sum(dtype=np.float64))
            self.n_used = np.count_nonzero(used)


def prepare(estimator, given, samples, architecture, state, *, solver, validated):
    """Hold samples out, choose the units of training, and convert the samples to them.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator, which has the hyperparameters.
    given : Given
        The arguments of the call.
    samples : Samples
        The samples of the call, checked and encoded.
    architecture : Architecture
        The architecture of the network.
    state : TrainingState
        The state of the training, whose generator draws the rows that are held out.
    solver : {'batch', 'minibatch', 'sgd'}
        How many samples an update uses.
    validated : bool
        Whether the network is validated on held-out samples.

    Returns
    -------
    data : TrainingData
        The data for `descend`.
    """
    rows = held_out = None
    if validated:
        if given.X_val is None:
            rows, held_out = hold_out(estimator, samples, state)
        else:
            held_out = check_validation_samples(estimator, given, samples)
    earlier = state.units if given.incremental else None
    units = training_units(estimator, samples, architecture, rows, earlier)
    arrays = arrays_in_units(estimator, samples, units, solver)
    return TrainingData(arrays, units, samples.encoding, rows, held_out)


def arrays_in_units(estimator, samples, units, solver):
    """Convert samples to units of training.

    Parameters
    ----------
    estimator : GradientDescent
        The estimator.
    samples : Samples
        The samples in the user's units.
    units : Units or None
        The units of training; None if they are the user's.
    solver : {'batch', 'minibatch', 'sgd'}
        How many samples an update uses.

    Returns
    -------
    arrays : Data
        The samples. If a copy would be large, the features are not converted, and
        `arrays` contains the units as well.
    """
    X, weights = samples.inputs, samples.weights
    if units is None:
        return Data(X, samples.Y, weights)
    Y = units.of_targets(samples.Y)
    if isinstance(X, DistributedRows):
        return Data(X.in_units(units.mean, units.scale), Y, weights)
    # a batch of all rows is a copy anyway, and linear models read single rows in place
    in_place = estimator._kind == "linear" and solver == "sgd"
    copied = sp.issparse(X) or in_place or solver == "batch"
    if copied or X.nbytes <= LARGE:
        return Data(to_units(X, units.mean, units.scale), Y, weights)
    return Data(
        X, Y, weights, (units.mean.astype(X.dtype), units.scale.astype(X.dtype))
    )
