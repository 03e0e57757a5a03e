"""Weights in the units of training and in the user's.

What is published acts on raw data. A linear map in front of a network is part of its
first layer, one behind it part of its last, so nothing is lost and prediction costs
nothing more.
"""

from dataclasses import replace

import numpy as np

# samples of a stream up to which the units of its columns are not known well
PROVISIONAL = 1000


def publish(W, b, units):
    """Weights of the first and last layer as they act on raw data.

    Parameters
    ----------
    W, b : list of ndarray
        Of all layers, in units of training; b may be empty.
    units : Units or None
        None where they are the user's.

    Returns
    -------
    W, b : list of ndarray
        Copies in float64 of what differs, in the user's units.
    """
    W, b = list(W), list(b)
    if units is None:
        return W, b
    W[0] = np.where(units.varies, 1 / units.scale, 0.0)[:, np.newaxis] * W[0]
    if b:
        b[0] = b[0] - units.mean @ W[0]
    W[-1] = W[-1] * units.target_scale
    if b:
        b[-1] = b[-1] * units.target_scale + units.target_mean
    return W, b


def absorb(W, b, units):
    """The reverse of `publish`.

    Parameters
    ----------
    W, b : list of ndarray
        As they act on raw data.
    units : Units or None
        None where they are those of training.

    Returns
    -------
    W, b : list of ndarray
        In units of training.
    """
    W = [np.asarray(weights, dtype=np.float64) for weights in W]
    b = [np.asarray(shift, dtype=np.float64) for shift in b]
    if units is None:
        return W, b
    if b:
        b[-1] = (b[-1] - units.target_mean) / units.target_scale
    W[-1] = W[-1] / units.target_scale
    if b:
        b[0] = b[0] + units.mean @ W[0]
    W[0] = units.scale[:, np.newaxis] * W[0]
    return W, b


def convert(W, b, old, new):
    """Weights in new units that act on raw data as they did in the old ones.

    Parameters
    ----------
    W, b : list of ndarray
        Of all layers, in the old units.
    old, new : Units or None
        None where they are the user's.

    Returns
    -------
    W, b : list of ndarray
        In the new units. A column that was constant so far keeps its weights.
    """
    raw_W, raw_b = publish(W, b, old)
    new_W, new_b = absorb(raw_W, raw_b, new)
    if old is not None:
        new_W[0][~old.varies] = W[0][~old.varies]
    return new_W, new_b


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
        W, b = convert(view["W"], view["b"], old, units)
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
