"""What the examples draw, by matplotlib; without it they say how to get it and go on."""

import functools

from flambeau.train.curves import smooth


def pyplot():
    """matplotlib's pyplot, drawing into files; None, and a sentence printed, where it is missing."""
    try:
        import matplotlib
    except ImportError:
        print("No picture: it needs matplotlib. Run: pip install 'flambeau[plot]'.")
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def drawing(draw):
    """draw(pyplot, ...), which gives a figure, as draw(path, ...), which writes it there and says so."""

    @functools.wraps(draw)
    def save(path, *what):
        module = pyplot()
        if module is None:
            return
        figure = draw(module, *what)
        figure.savefig(path, dpi=110)
        module.close(figure)
        print(f"picture: {path}")

    return save


def curve(axes, values, label, color="tab:blue", scale="log"):
    """One value a step: each, faint, and their moving average."""
    axes.plot(values, color=color, alpha=0.3)
    axes.plot(smooth(values), color=color, label=label)
    axes.set(xlabel="step", yscale=scale)
    axes.legend()


def image(axes, picture):
    """A grey image (H, W) of values from 0 to 1, ink on white, without axes."""
    axes.imshow(picture.numpy(), cmap="gray_r", vmin=0, vmax=1)
    axes.axis("off")
