"""Conversion of parameters when the units of training change with more data."""

from dataclasses import replace

import numpy as np

# the number of samples of a stream below which the units of its columns are uncertain
PROVISIONAL = 1000


def change_units(architecture, state, units):
    """Convert the parameters of a state to new units.

    The function of the network stays the same, with one exception. At the beginning of
    a stream, a network has not learned much, and if there is a trend, the units become
    many times as large. Steep weights from a small range would take a long time to
    unlearn. The weights therefore keep their values in units of the features.

    Parameters
    ----------
    architecture : Architecture
        The architecture of the network.
    state : TrainingState
        The state. It is changed in place, except for its slots.
    units : Units or None
        The new units.
    """
    old, state.units = state.units, units
    if old is units or (old and units and old.same_as(units)):
        return
    hidden = len(architecture.sizes) > 2
    provisional = hidden and state.only_streamed and state.n_seen < PROVISIONAL
    if architecture.input_batch_norm:
        # the statistics of the features are running averages of the network
        _change_running(architecture.running_views(state.running)[0], old, units)
    if architecture.input_batch_norm or (provisional and old and units):
        old, units = _targets_only(old), _targets_only(units)
    vectors = [v for v in (state.theta, state.average) if v is not None]
    views = [architecture.views(vector) for vector in vectors]
    norms = {}  # of the hidden layers of which they can be restored
    if not architecture.batch_norm:
        norms = {
            i: _norms(views[0]["W"][i])
            for i, activation in enumerate(architecture.activations)
            if activation._homogeneous
        }
    for view in views:
        W, b = architecture.convert(view, old, units)
        for values, new in zip(view["W"] + view["b"], W + b, strict=True):
            values[...] = new
    _restore_norms(views, norms)


def _norms(weights):
    # the norm of the weights into each unit
    return np.linalg.norm(weights.astype(np.float64), axis=0)


def _restore_norms(views, norms):
    # When the range of the features grows, so do the weights into the first layer. When
    # the range of the targets grows, the weights into the last layer shrink. In the end
    # an update would move the predictions much too far. Since a factor passes through
    # the activation, each hidden unit can get back the norm that it had before.
    for i, before in norms.items():
        now = _norms(views[0]["W"][i])
        factor = np.divide(before, now, out=np.ones_like(now), where=before * now > 0)
        for view in views:
            view["W"][i] *= factor
            view["b"][i] *= factor
            view["W"][i + 1] /= factor[:, np.newaxis]


def _targets_only(units):
    if units is None:
        return None
    n = units.mean.size
    return replace(
        units, mean=np.zeros(n), scale=np.ones(n), varies=np.ones(n, dtype=bool)
    )


def _change_running(running, old, new):
    # running (2, n_features): mean and variance
    mean, variance = running.astype(np.float64)
    if old is not None:
        mean, variance = mean * old.scale + old.mean, variance * old.scale**2
    if new is not None:
        mean, variance = (mean - new.mean) / new.scale, variance / new.scale**2
    running[0], running[1] = mean, variance
