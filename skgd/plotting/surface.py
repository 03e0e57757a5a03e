"""View, grid and contour levels for drawing a function of one or two variables."""

import numpy as np


def evaluate(fun, args, *coordinates):
    """Values of a function, point by point.

    Parameters
    ----------
    fun : callable
        Of an array of shape (n,) and of `args`; returns a number, or a tuple of
        the number and the gradient.
    args : tuple or object
        Further arguments.
    *coordinates : ndarray
        The n coordinates of the points, in arrays of one shape.

    Returns
    -------
    values : ndarray of that shape
        NaN where the function is not finite, or raises an error of arithmetic.
    """
    args = args if isinstance(args, tuple) else (args,)

    def value_at(point):
        # A grid goes where no path has been, out of the domain of the function, too.
        try:
            value = fun(point, *args)
        except (ArithmeticError, ValueError):
            return np.nan
        value = value[0] if isinstance(value, tuple) else value
        return np.asarray(value).item()

    points = np.stack([np.ravel(part) for part in coordinates], axis=1)
    with np.errstate(all="ignore"):
        values = np.array([value_at(point) for point in points], dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values.reshape(np.shape(coordinates[0]))


def value_ceiling(fun_paths):
    """The highest value that is worth seeing.

    Parameters
    ----------
    fun_paths : list of ndarray of shape (n_steps + 1,)
        The values along each path.

    Returns
    -------
    ceiling : float
        The highest start plus the distance between it and the lowest value.
    """
    values = np.concatenate(fun_paths)
    values = values[np.isfinite(values)]
    starts = [path[0] for path in fun_paths if np.isfinite(path[0])]
    if not starts:
        return np.inf
    return 2 * max(starts) - values.min()


def with_margin(values, log=False):
    """Limits of an axis around values.

    Parameters
    ----------
    values : ndarray
        Those that are not finite do not count, nor others than positive ones on a
        log scale.
    log : bool, default=False
        Whether the scale is logarithmic.

    Returns
    -------
    low, high : float
        With a twentieth of the width to spare on each side.
    """
    values = values[np.isfinite(values)]
    if log:
        values = np.log(values[values > 0])
    if not len(values):
        return (0.1, 1.0)
    low, high = values.min(), values.max()
    margin = 0.05 * (high - low) or 0.5
    limits = np.array([low - margin, high + margin])
    return tuple(np.exp(limits) if log else limits)


def limits_of(paths, fun_paths, optimum, margin=0.1):
    """The view of paths, which those that diverge leave.

    Parameters
    ----------
    paths : list of ndarray of shape (n_steps + 1, n)
        The points.
    fun_paths : list of ndarray of shape (n_steps + 1,)
        The values there.
    optimum : ndarray of shape (n,) or None
        To be in the view too.
    margin : float, default=0.1
        On each side, as a share of the width.

    Returns
    -------
    limits : list of tuple of float
        The least and the largest of each coordinate.
    """
    points, values = np.concatenate(paths), np.concatenate(fun_paths)
    seen = np.isfinite(points).all(axis=1) & np.isfinite(values)
    seen &= values <= value_ceiling(fun_paths)
    points = points[seen]
    if optimum is not None:
        points = np.vstack([points, optimum])
    if not len(points):
        raise ValueError("No point of the paths has a finite value.")
    low, high = points.min(axis=0), points.max(axis=0)
    span = high - low
    # a path along an axis is as wide across it
    span[span == 0] = span.max() or 1.0
    middle, half = (low + high) / 2, (0.5 + margin) * span
    return list(zip(middle - half, middle + half, strict=True))


def contour_levels(Z, n_levels=16):
    """Levels at logarithmic distances above the least value.

    Parameters
    ----------
    Z : ndarray
        Values on a grid; NaN where there are none.
    n_levels : int, default=16
        How many.

    Returns
    -------
    levels : ndarray of shape (n_levels,)
        From the least value to the largest.
    """
    low = np.nanmin(Z)
    excess = Z[np.isfinite(Z)] - low
    top = excess.max()
    if top == 0:  # a plane: nothing to be told apart
        return np.array([low - 1.0, low + 1.0])
    bottom = max(np.quantile(excess, 0.01), 1e-6 * top)
    heights = np.concatenate([[0.0], np.geomspace(bottom, top, n_levels - 1)])
    # steps that are smaller than rounding errors are left out
    return np.unique(low + heights)
