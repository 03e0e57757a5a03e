r"""Penalties on the weights, but not on intercepts or on batch normalisation.

All penalties are special cases of the elastic net

.. math:: \alpha \left( \rho \lVert w \rVert_1
          + \frac{1 - \rho}{2} \lVert w \rVert_2^2 \right)

with ``rho = 0`` for 'l2', ``rho = 1`` for 'l1' and ``rho = l1_ratio`` for
'elasticnet'. The squared part is added to the gradient, as in scikit-learn's `SGD*` and
`MLP*`. The absolute part is applied as a proximal step, which gives exact zeros;
``docs/penalties.md`` derives this step for each optimizer.
"""

import numpy as np

__all__ = ["PENALTIES", "penalty_strengths", "penalty_value"]

# name -> share of the L1 norm, given l1_ratio
PENALTIES = {
    "l2": lambda l1_ratio: 0.0,
    "l1": lambda l1_ratio: 1.0,
    "elasticnet": lambda l1_ratio: l1_ratio,
}


def penalty_strengths(penalty, alpha, l1_ratio):
    """Strengths of the L1 part and of the squared L2 part.

    Parameters
    ----------
    penalty : {'l2', 'l1', 'elasticnet'} or None
        The penalty.
    alpha : float
        The strength of the penalty.
    l1_ratio : float
        The share of L1 in 'elasticnet'.

    Returns
    -------
    l1, l2 : float
        The penalty is ``l1 * sum(abs(w)) + l2 / 2 * sum(w ** 2)``.

    Examples
    --------
    >>> from skgd.penalties import penalty_strengths
    >>> penalty_strengths("elasticnet", 0.5, 0.25)
    (0.125, 0.375)
    """
    if penalty is None:
        return 0.0, 0.0
    share = PENALTIES[penalty](l1_ratio)
    return alpha * share, alpha * (1.0 - share)


def penalty_value(weights, l1, l2):
    """The penalty at `weights`.

    Parameters
    ----------
    weights : ndarray of shape (n_weights,)
        The penalised weights.
    l1, l2 : float
        The strengths, see `penalty_strengths`.

    Returns
    -------
    value : float
        ``l1 * sum(abs(w)) + l2 / 2 * sum(w ** 2)``. If this overflows, it is infinite,
        without a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from skgd.penalties import penalty_value
    >>> penalty_value(np.array([1.0, -2.0]), 1.0, 1.0)
    5.5
    """
    value = 0.0
    if l1:
        with np.errstate(over="ignore", invalid="ignore"):
            value += l1 * float(np.abs(weights).sum(dtype=np.float64))
    if l2:
        # (`vdot` does not warn, and takes half the time of `dot` in an `errstate`)
        value += 0.5 * l2 * float(np.vdot(weights, weights))
    return value
