"""Summaries of pictures: images, images with boxes, figures, and videos as GIF."""

import io

from .library import proto
from .summary import value_of

_ROW = 8  # pictures side by side


def _bytes(values):
    """Values from 0 to 1 as bytes; bytes as they are."""
    import numpy

    return (
        values if values.dtype == numpy.uint8 else (values * 255).clip(0, 255).astype(numpy.uint8)
    )


def _grid(batch):
    """(N, H, W, C) as one picture, 8 in a row."""
    import numpy

    count, height, width, channels = batch.shape
    columns = min(count, _ROW)
    rows = -(-count // columns)
    grid = numpy.zeros((rows * height, columns * width, channels), batch.dtype)
    for i, one in enumerate(batch):
        y, x = i // columns * height, i % columns * width
        grid[y : y + height, x : x + width] = one
    return grid


def arranged(values, dataformats):
    """A picture, or several, as bytes (H, W, C) with 3 or 4 channels; dataformats names the dimensions, as in NCHW."""
    import numpy

    letters = dataformats.upper()
    if (
        len(letters) != values.ndim
        or len(set(letters)) != len(letters)
        or not set("HW") <= set(letters) <= set("NCHW")
    ):
        raise AssertionError(
            f"SummaryWriter.add_image: dataformats {dataformats!r} does not name the dimensions of {values.shape}."
        )
    for letter in "NC":
        if letter not in letters:
            values, letters = values[..., None], letters + letter
    picture = _grid(_bytes(values.transpose([letters.index(letter) for letter in "NHWC"])))
    if picture.shape[2] == 1:
        picture = numpy.concatenate([picture] * 3, 2)
    if picture.shape[2] not in (3, 4):
        raise AssertionError(
            f"SummaryWriter.add_image: a picture has 1, 3 or 4 channels, got {picture.shape[2]}."
        )
    return picture


def _message(height, width, channels, data):
    Image = proto("summary").Summary.Image
    return Image(height=height, width=width, colorspace=channels, encoded_image_string=data)


def image(tag, values, dataformats="CHW"):
    """A picture, encoded as PNG."""
    return _png(tag, arranged(values, dataformats))


def _png(tag, picture, rescale=1, draw=lambda drawn: None):
    from PIL import Image

    drawn = Image.fromarray(picture)
    draw(drawn)
    height, width, channels = picture.shape
    if rescale != 1:
        drawn = drawn.resize((int(width * rescale), int(height * rescale)))
    file = io.BytesIO()
    drawn.save(file, format="PNG")
    return value_of(tag, image=_message(drawn.height, drawn.width, channels, file.getvalue()))


def image_boxes(tag, values, boxes, rescale=1, dataformats="CHW", labels=None):
    """A picture with frames (left, top, right, bottom), and a text at each."""

    def draw(drawn):
        from PIL import ImageDraw

        pen = ImageDraw.Draw(drawn)
        for i, box in enumerate(boxes):
            corners = [float(number) for number in box]
            pen.rectangle(corners, outline="red", width=2)
            if labels is not None:
                pen.text((corners[0] + 3, corners[1] + 2), str(labels[i]), fill="red")

    return _png(tag, arranged(values, dataformats), rescale, draw)


def figure(tag, figures, close):
    """One figure of matplotlib, or several side by side."""
    import numpy
    from matplotlib import pyplot
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    pictures = []
    for one in figures if isinstance(figures, list) else [figures]:
        canvas = FigureCanvasAgg(one)
        canvas.draw()
        pictures.append(numpy.asarray(canvas.buffer_rgba())[..., :3].copy())
        if close:
            pyplot.close(one)
    return image(tag, numpy.stack(pictures), "NHWC")


def video(tag, values, fps=4):
    """Videos (N, T, C, H, W) side by side, as a GIF."""
    from PIL import Image

    if values.ndim != 5:
        raise AssertionError(
            f"SummaryWriter.add_video: expected (N, T, C, H, W), got {values.shape}."
        )
    frames = [arranged(values[:, t], "NCHW")[..., :3] for t in range(values.shape[1])]
    drawn = [Image.fromarray(frame) for frame in frames]
    file = io.BytesIO()
    drawn[0].save(
        file, "GIF", save_all=True, append_images=drawn[1:], duration=round(1000 / fps), loop=0
    )
    height, width, channels = frames[0].shape
    return value_of(tag, image=_message(height, width, channels, file.getvalue()))
