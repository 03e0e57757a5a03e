"""Animations that are saved quickly: what does not move is drawn only once."""

from contextlib import contextmanager
from io import BytesIO

from .style import import_matplotlib


def animation_of(figure, show, steps, interval):
    """Make an animation of the lines in a figure.

    Parameters
    ----------
    figure : matplotlib Figure
        The figure. Only lines move in it.
    show : callable
        Draws one step.
    steps : ndarray of int
        The steps.
    interval : float
        Milliseconds between two frames.

    Returns
    -------
    animation : matplotlib FuncAnimation
        The animation.
    """
    matplotlib = import_matplotlib()

    class Animation(matplotlib.animation.FuncAnimation):
        def save(self, filename, writer=None, fps=None, dpi=None, **kwargs):
            if dpi is None:
                dpi = matplotlib.rcParams["savefig.dpi"]
            dpi = figure.dpi if dpi == "figure" else dpi
            with _frozen(figure, dpi, kwargs.get("savefig_kwargs")):
                super().save(filename, writer, fps, dpi, **kwargs)

    return Animation(figure, show, frames=steps, interval=interval)


@contextmanager
def _frozen(figure, dpi, savefig_kwargs):
    # Replace all that does not move by an image of it. Lines can be in front of each
    # other and below a legend in the axes, so that these are drawn in each frame.
    moving, resting = [], [*figure.legends, *figure.texts]
    for ax in figure.axes:
        kept = {*ax.lines, ax.get_legend()}
        moving += [artist for artist in kept if artist is not None]
        resting += [artist for artist in ax.get_children() if artist not in kept]
    with _hidden(moving):
        background = _background(figure, dpi, savefig_kwargs or {})
    figure.add_artist(background)
    try:
        with _hidden(resting):
            yield
    finally:
        background.remove()


@contextmanager
def _hidden(artists):
    visible = [artist for artist in artists if artist.get_visible()]
    for artist in visible:
        artist.set_visible(False)
    try:
        yield
    finally:
        for artist in visible:
            artist.set_visible(True)


def _background(figure, dpi, savefig_kwargs):
    # an artist that draws the figure as it would be saved now
    matplotlib = import_matplotlib()
    file = BytesIO()
    figure.savefig(file, **{**savefig_kwargs, "format": "png", "dpi": dpi})
    file.seek(0)
    # `draw_image` begins with the lowest row
    pixels = (255 * matplotlib.pyplot.imread(file)[::-1]).round().astype("uint8")

    class Background(matplotlib.artist.Artist):
        # An image of matplotlib would be resampled in each frame.
        def draw(self, renderer):
            context = renderer.new_gc()
            renderer.draw_image(context, 0, 0, pixels)
            context.restore()

    background = Background()
    background.set_zorder(-1)
    return background
