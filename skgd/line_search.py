"""Line search: an update finds its own rate, without a schedule."""

from numbers import Real

from ._rules.rule import Allowed, Rule

__all__ = ["LineSearch"]


class LineSearch(Rule):
    r"""Backtracking: the rate is reduced until the objective falls enough.

    A rate ``r`` that leads from ``w`` to ``w(r)`` is accepted if

    .. math:: F(w(r)) \le F(w) - c \, g^T (w - w(r))

    (Armijo's condition [1]_), where ``g`` is the gradient of the objective ``F``.
    Otherwise, the rate is multiplied by `shrink`. The next search begins with the
    accepted rate times `grow`. With an L1 penalty, the decrease of the penalty is
    included in the right-hand side.

    Parameters
    ----------
    shrink : float, default=0.5
        The factor by which a rate that is too large is multiplied, in (0, 1).
    grow : float, default=2.0
        The factor between the last rate and the first rate of the next search, at
        least 1.
    sufficient_decrease : float, default=1e-4
        The fraction ``c`` of the predicted decrease that is required, in (0, 1).

    References
    ----------
    .. [1] L. Armijo, "Minimization of functions having Lipschitz continuous first
       partial derivatives", Pacific Journal of Mathematics 16, 1966.

    Examples
    --------
    >>> from skgd.line_search import LineSearch
    >>> def attempt(rate):  # on the square of x, from 1
    ...     return (1 - 2 * rate) ** 2, 2 * 2 * rate
    >>> LineSearch().search(4.0, 1.0, attempt)
    0.5
    """

    _allowed = {
        "shrink": Allowed(Real, gt=0, lt=1),
        "grow": Allowed(Real, ge=1),
        "sufficient_decrease": Allowed(Real, gt=0, lt=1),
    }

    def __init__(self, shrink=0.5, grow=2.0, sufficient_decrease=1e-4):
        self.shrink = shrink
        self.grow = grow
        self.sufficient_decrease = sufficient_decrease

    def search(self, rate, before, attempt, eps=2.0**-52):
        """Find the first rate that is good enough, starting at `rate`.

        Parameters
        ----------
        rate : float
            The first rate to try.
        before : float
            The objective before the update.
        attempt : callable
            A function of the rate. It returns the objective after the update and its
            predicted decrease, ``g @ (w - w(rate))``.
        eps : float, default=2**-52
            The relative rounding error of the objective.

        Returns
        -------
        rate : float or None
            None if the direction leads uphill, or if no rate is accepted before the
            rate falls to 1e-20 of the first or the decrease is below rounding errors.
        """
        least = 1e-20 * rate
        while rate > least:
            after, promised = attempt(rate)
            if promised <= max(0.0, eps * abs(before)):
                return None
            if after <= before - self.sufficient_decrease * promised:
                return rate
            rate *= self.shrink
        return None
