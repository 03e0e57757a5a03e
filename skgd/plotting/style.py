"""What the displays share: matplotlib on demand, colours, sizes, axes, legends."""

import textwrap
from collections.abc import Mapping
from numbers import Integral

import numpy as np

from .._rules.extras import import_extra

# Colours of Okabe and Ito, told apart with any colour vision; those that are light in
# grey come last. Line styles, markers and hatches tell the same things apart in grey.
STYLES = [
    {"color": color, "linestyle": linestyle, "marker": marker, "hatch": hatch}
    for color, linestyle, marker, hatch in (
        ("#000000", "-", "o", ""),
        ("#D55E00", "--", "s", "//"),
        ("#0072B2", "-.", "^", ".."),
        ("#009E73", ":", "D", "xx"),
        ("#CC79A7", (0, (6, 1.5, 1.5, 1.5, 1.5, 1.5)), "v", "\\\\"),
        ("#E69F00", (0, (10, 3)), "P", "oo"),
        ("#56B4E9", (0, (4, 1)), "X", "++"),
    )
]
LINE_WIDTH = 2.4
MARKER_SIZE = 7
FONT_SIZE = 12
ROW_HEIGHT = 0.26  # of a legend, in inches
# of a letter, and of the sample of a legend with the space around it, in heights of a
# letter
LETTER_WIDTH, SAMPLE_WIDTH = 0.55, 5


def import_matplotlib():
    """Matplotlib with the modules that are used here; only drawing needs it.

    Returns
    -------
    matplotlib : module
        The package.

    Raises
    ------
    ImportError
        If matplotlib is not installed; the message says how to install it.
    """
    parts = ("animation", "dates", "pyplot", "textpath")
    modules = ["matplotlib", *(f"matplotlib.{part}" for part in parts)]
    return import_extra("skgd.plotting", "plot", "matplotlib", *modules)[0]


def check_named(name, things):
    """Raise unless `things` is a dict with at least one entry.

    Parameters
    ----------
    name : str
        Of the parameter, for the error.
    things : dict
        What is drawn, by name.

    Raises
    ------
    TypeError
        If it is not a dict.
    ValueError
        If it is empty.
    """
    if not isinstance(things, Mapping):
        raise TypeError(f"{name} must be a dict with names as keys. Got {things!r}.")
    if not things:
        raise ValueError(f"{name} is empty: there is nothing to draw.")


def check_count(name, value):
    """Raise unless a parameter is an int of 1 or more.

    Parameters
    ----------
    name : str
        Of the parameter, for the error.
    value : object
        What was given.

    Raises
    ------
    ValueError
        For anything else.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an int >= 1. Got {value!r}.")


def style(number, *kinds):
    """Colour and other properties of one thing among several.

    Parameters
    ----------
    number : int
        The number of the thing, from 0. Colours repeat in other combinations.
    *kinds : str
        'linestyle', 'marker' or 'hatch'.

    Returns
    -------
    style : dict
        Keywords of matplotlib.
    """
    rounds, place = divmod(number, len(STYLES))
    look = {"color": STYLES[place]["color"]}
    # in the second round a colour comes with the line style of the next one
    other = STYLES[(place + rounds) % len(STYLES)]
    return look | {kind: other[kind] for kind in kinds}


def line_options(defaults, given):
    """Keywords of a line: the defaults, updated with those of the caller.

    Parameters
    ----------
    defaults, given : dict
        Keywords of `matplotlib.lines.Line2D`; `given` may have short names (``lw``).

    Returns
    -------
    options : dict
        Keywords with long names.
    """
    matplotlib = import_matplotlib()
    given = matplotlib.cbook.normalize_kwargs(given, matplotlib.lines.Line2D)
    return {"linewidth": LINE_WIDTH, "markersize": MARKER_SIZE, **defaults, **given}


def some_markers(n_points, number, n_markers=8):
    """Where a line of many points shows its marker, offset from line to line.

    Parameters
    ----------
    n_points : int
        Points of the line.
    number : int
        Which line, from 0.
    n_markers : int, default=8
        About how many markers.

    Returns
    -------
    every : tuple of int
        First marker and distance, for ``markevery``.
    """
    every = max(1, n_points // n_markers)
    return (number * every // 3) % every, every


def new_axes(ax, n_axes=1):
    """The axes to draw on.

    Parameters
    ----------
    ax : matplotlib Axes, sequence of them or None
        The caller's. None: a new figure.
    n_axes : int, default=1
        How many there are in a new figure, and at most.

    Returns
    -------
    axes : list of matplotlib Axes
        With fewer than `n_axes`, only the first parts are drawn.
    """
    matplotlib = import_matplotlib()
    if ax is None:
        width = 6.4 if n_axes == 1 else 5.0 * n_axes
        _, ax = matplotlib.pyplot.subplots(
            1, n_axes, figsize=(width, 4.8), layout="constrained"
        )
    axes = list(np.atleast_1d(np.asarray(ax, dtype=object)).ravel())
    if not all(isinstance(part, matplotlib.axes.Axes) for part in axes):
        raise TypeError(f"ax must be matplotlib Axes or None. Got {ax!r}.")
    if not 1 <= len(axes) <= n_axes:
        raise ValueError(f"ax must be at most {n_axes} axes, got {len(axes)}.")
    return axes


def font_size():
    """Size of all text: the user's own, if it is legible at half size.

    Returns
    -------
    size : float
        In points.
    """
    return max(FONT_SIZE, import_matplotlib().rcParams["font.size"])


def dress(ax, xlabel, ylabel):
    """Label the axes, in letters that are legible at half size.

    Parameters
    ----------
    ax : matplotlib Axes
        To be labelled.
    xlabel, ylabel : str
        What the axes show.
    """
    size = font_size()
    ax.set_xlabel(xlabel, fontsize=size)
    ax.set_ylabel(ylabel, fontsize=size)
    ax.tick_params(which="both", labelsize=size)
    ax.xaxis.get_offset_text().set_fontsize(size)
    ax.yaxis.get_offset_text().set_fontsize(size)
    ax.grid(alpha=0.3)


def add_legend(ax, handles=None, *, legend=True, below=False, **options):
    """Put a legend where it hides least.

    Parameters
    ----------
    ax : matplotlib Axes
        Where.
    handles : list of matplotlib artists, default=None
        What it explains; None is all that has a label.
    legend : bool or dict, default=True
        What the caller wants: whether there is one, or its keywords.
    below : bool, default=False
        Whether it is placed below the axes, where it hides nothing, unless the caller
        sets its place. This needs a figure that the display has created.
    **options : dict
        Keywords of ``ax.legend``.

    Returns
    -------
    legend : matplotlib Legend or None
        The legend.
    """
    if not isinstance(legend, bool | np.bool_ | Mapping):
        raise TypeError(
            f"legend must be a bool or a dict of keywords of ax.legend. Got {legend!r}."
        )
    if isinstance(legend, Mapping):
        options |= legend
    elif not legend:
        return None
    size = font_size()
    options = {"fontsize": size, "title_fontsize": size, "framealpha": 0.9, **options}
    if handles is None:
        handles, _ = ax.get_legend_handles_labels()
    if not below or not options.keys().isdisjoint(("loc", "bbox_to_anchor")):
        return ax.legend(handles=handles, **options)
    width = ax.figure.get_figwidth()
    names = [wrapped(handle.get_label(), width, size) for handle in handles]
    ncols = columns_that_fit(names, width, size)
    options = {"loc": "outside lower center", "ncols": ncols, **options}
    rows = -(-len(handles) // options["ncols"])
    rows *= max(1 + name.count("\n") for name in names)
    ax.figure.set_figheight(ax.figure.get_figheight() + ROW_HEIGHT * rows)
    return ax.figure.legend(handles=handles, labels=names, **options)


def wrapped(name, width, size):
    """Break an entry of a legend into lines that fit.

    Parameters
    ----------
    name : str
        The entry.
    width : float
        Of the figure, in inches.
    size : float
        Of the letters, in points.

    Returns
    -------
    lines : str
        With line breaks, if it does not fit into one line.
    """
    path = import_matplotlib().textpath.TextPath((0, 0), name, size=size)
    needed = path.get_extents().width
    available = 72 * width - SAMPLE_WIDTH * size
    if needed <= available:
        return name
    n_letters = int(0.95 * len(name) * available / needed)
    return "\n".join(textwrap.wrap(name, max(10, n_letters)))


def columns_that_fit(names, width, size):
    """How many columns a legend can have.

    Parameters
    ----------
    names : list of str
        The entries, in columns from the first to the last.
    width : float
        Of the figure, in inches.
    size : float
        Of the letters, in points.

    Returns
    -------
    n_columns : int
        As many as fit, by the usual width of a letter.
    """
    longest = [max(map(len, name.split("\n"))) for name in names]
    widths = [size / 72 * (SAMPLE_WIDTH + LETTER_WIDTH * n) for n in longest]
    for n_columns in range(len(names), 1, -1):
        if sum(max(part) for part in np.array_split(widths, n_columns)) <= width:
            return n_columns
    return 1


def sample(label, **options):
    """An entry of a legend that is not drawn in the axes.

    Parameters
    ----------
    label : str
        What it says.
    **options : dict
        Keywords of `matplotlib.lines.Line2D`.

    Returns
    -------
    line : matplotlib Line2D
        For the handles of `add_legend`.
    """
    Line2D = import_matplotlib().lines.Line2D
    return Line2D([], [], label=label, **line_options({"color": "black"}, options))
