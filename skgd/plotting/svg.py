"""Loss curves as SVG, without matplotlib."""

from dataclasses import dataclass
from html import escape

import numpy as np

# The size of the picture and of the margins on the left and below, in pixels.
WIDTH, HEIGHT = 440, 170
LEFT, BELOW, RIGHT, ABOVE = 62, 34, 14, 12
# A curve has at most so many points.
MOST_POINTS = 400
# The vertical axis is logarithmic if losses differ by this factor.
LOG_FACTOR = 20
# The text colour of the page suits light and dark backgrounds, and so does this one.
VALIDATION = "#d2691e"


@dataclass(frozen=True)
class Curve:
    """A curve over the epochs.

    Parameters
    ----------
    losses : array-like of shape (n_epochs,)
        The losses, of which some may not be finite.
    start : int, default=1
        The number of the first epoch.
    validation : bool, default=False
        Whether it is a validation loss, which has a dashed line in another colour.
    faint : bool, default=False
        Whether the line is thin, because it is one of several.
    """

    losses: object
    start: int = 1
    validation: bool = False
    faint: bool = False

    def points(self):
        """Return the epochs and the finite losses.

        Returns
        -------
        x, y : ndarray of shape (n_points,)
            At most `MOST_POINTS` of them, with the first and the last.
        """
        y = np.asarray(self.losses, dtype=np.float64)
        x = self.start + np.arange(len(y))
        kept = np.flatnonzero(np.isfinite(y))
        if len(kept) > MOST_POINTS:
            picked = np.linspace(0, len(kept) - 1, MOST_POINTS)
            kept = kept[np.round(picked).astype(int)]
        return x[kept], y[kept]


def curves_svg(curves, title):
    """Draw curves.

    Parameters
    ----------
    curves : list of Curve
        The curves.
    title : str
        What the picture shows, for readers who do not see it.

    Returns
    -------
    svg : str
        The element; empty if no curve has two finite losses.
    """
    found = [(curve, *curve.points()) for curve in curves]
    found = [(curve, x, y) for curve, x, y in found if len(x) > 1]
    if not found:
        return ""
    losses = np.concatenate([y for _, _, y in found])
    lowest, highest = losses.min(), losses.max()
    log = lowest > 0 and highest > LOG_FACTOR * lowest
    first = min(x[0] for _, x, _ in found)
    last = max(x[-1] for _, x, _ in found)
    scale = np.log if log else np.asarray
    bottom, top = scale(lowest), scale(highest)
    height = (top - bottom) or 1.0

    def place(x, y):
        across = (WIDTH - LEFT - RIGHT) * (x - first) / (last - first)
        down = (HEIGHT - ABOVE - BELOW) * (top - scale(y)) / height
        return LEFT + across, ABOVE + down

    lines = [_line(curve, *place(x, y)) for curve, x, y in found]
    axes = _axes((lowest, highest), (first, last), log)
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" style="max-width:100%" fill="none" font-size="11">'
        f"<title>{escape(title)}</title>{axes}{''.join(lines)}</svg>"
    )


def _line(curve, x, y):
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    color = VALIDATION if curve.validation else "currentColor"
    dashes = ' stroke-dasharray="5 3"' if curve.validation else ""
    width = ' stroke-width="0.8" stroke-opacity="0.6"' if curve.faint else ""
    width = width or ' stroke-width="1.6"'
    return f'<polyline points="{points}" stroke="{color}"{width}{dashes}></polyline>'


def _axes(losses, epochs, log):
    low, right = HEIGHT - BELOW, WIDTH - RIGHT
    frame = f"M{LEFT} {ABOVE}V{low}H{right}"
    texts = [
        _text(LEFT - 6, low, f"{losses[0]:.4g}", "end"),
        _text(LEFT, low + 15, epochs[0], "start"),
        _text(right, low + 15, epochs[1], "end"),
        _text((LEFT + right) / 2, low + 15, "epoch", "middle"),
    ]
    if losses[1] > losses[0]:
        texts.append(_text(LEFT - 6, ABOVE + 6, f"{losses[1]:.4g}", "end"))
    if log:
        middle = (ABOVE + low) / 2 + 4
        value = np.sqrt(losses[0]) * np.sqrt(losses[1])
        texts.append(_text(LEFT - 6, middle, f"{value:.4g}", "end"))
        texts.append(_text(right, ABOVE + 6, "logarithmic scale", "end"))
    path = f'<path d="{frame}" stroke="currentColor" stroke-opacity="0.5"></path>'
    return path + "".join(texts)


def _text(x, y, text, anchor):
    where = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
    return f'<text {where} fill="currentColor">{escape(str(text))}</text>'
