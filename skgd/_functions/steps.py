"""Steps of a descent on a function, from one point to the next."""

import numpy as np

from .._rules.schedule import learning_rates


class OptimizerSteps:
    """One update of an optimizer, by a rate from the schedule.

    Parameters
    ----------
    optimizer : Optimizer
        Without state.
    learning_rate : float
        The rate at the start.
    schedule : Schedule or callable
        Factor of the rate, or the rate itself.
    n_steps : int
        Steps of the whole descent.
    """

    tol = 0.0

    def __init__(self, optimizer, learning_rate, schedule, n_steps):
        self.optimizer, self.learning_rate = optimizer, learning_rate
        self.schedule, self.n_steps = schedule, n_steps

    def propose(self, number, x, value, slope, evaluate, project):
        """The next point.

        Parameters
        ----------
        number : int
            The number of steps so far.
        x, slope : ndarray of shape (n,)
            The current point, and the gradient there.
        value : float
            The value of the function there.
        evaluate, project : callable
            The function, which is +inf if it is not defined, and the projection onto
            the bounds.

        Returns
        -------
        x, value : ndarray and None
            The next point. The function is evaluated later, so that the user sees an
            error in it.
        """
        steps = np.array([number])
        rate = learning_rates(
            "schedule", self.schedule, self.learning_rate, steps, self.n_steps
        )
        new = x.copy()
        self.optimizer.update(new, slope, learning_rate=float(rate[0]))
        return project(new), None


class BestStep:
    """The best of several step sizes along the negative gradient.

    Parameters
    ----------
    sizes : list of float
        The step sizes.
    """

    tol = 1e-6

    def __init__(self, sizes):
        self.sizes = sizes

    def propose(self, number, x, value, slope, evaluate, project):
        """The next point, or None; parameters as for `OptimizerSteps`.

        Parameters
        ----------
        number, x, value, slope, evaluate, project : object
            See there.

        Returns
        -------
        x, value : ndarray and float, or None
            The best of the points, if it is not worse than x.
        """
        points = [project(x - size * slope) for size in self.sizes]
        values = [evaluate(point) for point in points]
        best = int(np.argmin(values))
        # an equal value is no progress, but it meets any tolerance
        return (points[best], values[best]) if values[best] <= value else None


class ArmijoStep:
    """A step along the negative gradient, by a line search.

    Parameters
    ----------
    rule : LineSearch
        The rule of the line search.
    """

    tol = 0.0

    def __init__(self, rule):
        self.rule, self.rate = rule, 1.0 / rule.grow

    def propose(self, number, x, value, slope, evaluate, project):
        """The next point, or None; parameters as for `OptimizerSteps`.

        Parameters
        ----------
        number, x, value, slope, evaluate, project : object
            See there.

        Returns
        -------
        x, value : ndarray and float, or None
            The first point that is good enough.
        """
        found = None

        def attempt(rate):
            nonlocal found
            point = project(x - rate * slope)
            found = point, evaluate(point)
            return found[1], float(slope @ (x - point))

        rate = self.rule.search(self.rate * self.rule.grow, value, attempt)
        self.rate = self.rate if rate is None else rate
        return None if rate is None else found
