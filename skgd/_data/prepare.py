"""From checked samples to what training reads.

The arguments of `fit` are prepared in two steps. `check_samples` comes first, because
the network depends on the encoding of the targets. Then the network draws its initial
weights, and `prepare` draws the rows that are held out, from the same generator.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse as sp

from .._engine.network import Data
from .held_out import hold_out, stops_early
from .samples import Samples, check_validation_samples
from .units import Units, to_units, training_units

# Bytes of dense features of which no standardised copy is made: batches of them are
# standardised as they are loaded (0.96 to 1.04 times the time of a fit with a copy).
LARGE = 2**26


@dataclass
class TrainingData:
    """What training reads.

    Parameters
    ----------
    arrays : Data
        All samples, in units of training.
    units : Units or None
        These units; None where they are the user's.
    encoding : RegressionEncoding or ClassEncoding
        How the targets were encoded.
    rows : ndarray of intp or None
        The training rows; None for all.
    held_out : Samples or None
        Samples for validation, in the user's units.

    Attributes
    ----------
    n_samples, n_used : int
        The training samples, and those of them that have a weight.
    weight_sum : float
        The sum of their weights.
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


def prepare(estimator, given, samples, architecture, state):
    """Hold samples out, choose the units of training, and bring the samples to them.

    Parameters
    ----------
    estimator : GradientDescent
        Has the parameters.
    given : Given
        The arguments of the call.
    samples : Samples
        The same, checked and encoded.
    architecture : Architecture
        Of the network.
    state : TrainingState
        Of the training that begins or goes on. Its generator draws the rows that are
        held out, after the initial weights.

    Returns
    -------
    data : TrainingData
        What `descend` takes.
    """
    rows = held_out = None
    if not given.incremental and stops_early(estimator, len(samples.y), given):
        if given.X_val is None:
            rows, held_out = hold_out(estimator, samples, state)
        else:
            held_out = check_validation_samples(estimator, given, samples)
    earlier = state.units if given.incremental else None
    units = training_units(estimator, samples, architecture, rows, earlier)
    arrays = arrays_in_units(estimator, samples, units)
    return TrainingData(arrays, units, samples.encoding, rows, held_out)


def arrays_in_units(estimator, samples, units):
    """Samples in units of training.

    Parameters
    ----------
    estimator : GradientDescent
        Has the parameter `solver`.
    samples : Samples
        In the user's units.
    units : Units or None
        Those of training; None where they are the user's.

    Returns
    -------
    arrays : Data
        Where a copy would be large, the features as they are with the units beside.
    """
    X, weights = samples.X, samples.weights
    if units is None:
        return Data(X, samples.Y, weights)
    Y = units.of_targets(samples.Y)
    # all rows at once are a copy anyway; linear models learn single rows in place
    in_place = estimator._kind == "linear" and estimator.solver == "sgd"
    copied = sp.issparse(X) or in_place or estimator.solver == "batch"
    if copied or X.nbytes <= LARGE:
        return Data(to_units(X, units.mean, units.scale), Y, weights)
    return Data(
        X, Y, weights, (units.mean.astype(X.dtype), units.scale.astype(X.dtype))
    )
