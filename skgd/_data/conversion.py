"""Parameters in new units of training, where a training goes on with more data."""

from dataclasses import replace

import numpy as np

# samples of a stream up to which the units of its columns are not known well
PROVISIONAL = 1000


def change_units(architecture, state, units):
    """Go on in new units from where a state is.

    The function stays the same, with one exception: at the beginning of a stream a
    network has not learned much, and a trend makes the units grow many times over.
    Steep weights from a small range would take long to unlearn, so the weights keep
    their values in units of the features.

    Parameters
    ----------
    architecture : Architecture
        Of the network.
    state : TrainingState
        Changed in place; its slots are left as they are.
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
    norms = []  # of hidden layers, if they can be restored
    if architecture.activation._homogeneous and not architecture.batch_norm:
        norms = [_norms(weights) for weights in views[0]["W"][:-1]]
    for view in views:
        W, b = architecture.convert(view, old, units)
        for values, new in zip(view["W"] + view["b"], W + b, strict=True):
            values[...] = new
    _restore_norms(views, norms)


def _norms(weights):
    # of what goes into each unit
    return np.linalg.norm(weights.astype(np.float64), axis=0)


def _restore_norms(views, norms):
    # Weights into the first layer grow with the range of the features, those into the
    # last shrink with that of the targets, until an update moves the predictions by
    # many times what it should. A factor passes through the activation: each hidden
    # unit gets the norm back that it had.
    for i, before in enumerate(norms):
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
