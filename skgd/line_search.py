"""Line search: the rate of each update, found instead of scheduled."""

from numbers import Real

from ._rules.rule import Allowed, Rule

__all__ = ["LineSearch"]


class LineSearch(Rule):
    r"""The rate of each update by backtracking, until the objective falls enough.

    A rate ``r`` that leads from ``w`` to ``w(r)`` is taken if

    .. math:: F(w(r)) \le F(w) - c \, g^T (w - w(r))

    (Armijo's condition [1]_), with ``g`` the gradient of the objective ``F``;
    otherwise it is multiplied by `shrink`. The next search begins with the last rate
    times `grow`. With an L1 penalty, its fall is part of the right-hand side.

    Parameters
    ----------
    shrink : float, default=0.5
        Factor after a rate that is too large, in (0, 1).
    grow : float, default=2.0
        Factor of the last rate for the first trial, at least 1.
    sufficient_decrease : float, default=1e-4
        The share ``c`` of the decrease that the gradient promises, in (0, 1).

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
        """The first rate that is good enough, from `rate` on down.

        Parameters
        ----------
        rate : float
            The first to try.
        before : float
            The objective.
        attempt : callable
            Tries a rate; returns the objective there, and by how much it would fall if
            it were linear: ``g @ (w - w(rate))``.
        eps : float, default=2**-52
            Relative rounding error of the objective.

        Returns
        -------
        rate : float or None
            None where no rate is, down to the 1e-20th part of the first or to a fall
            below rounding errors, or where the way leads uphill.
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
