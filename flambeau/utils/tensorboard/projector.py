"""The files that TensorBoard's projector of embeddings reads."""

import math
import os


def write(folder, place, points, labels, pictures, step, tag, header=None):
    """Write points (N, D), their labels and pictures (N, C, H, H) into folder/place, and name them in the folder's list."""
    own = os.path.join(folder, place)
    os.makedirs(own, exist_ok=True)
    with open(os.path.join(own, "tensors.tsv"), "w", encoding="utf-8") as file:
        file.writelines("\t".join(map(str, point)) + "\n" for point in points.tolist())
    entry = [f'tensor_name: "{tag}:{step:05}"', f'tensor_path: "{place}/tensors.tsv"']
    if labels is not None:
        rows = [header, *labels] if header else labels
        line = lambda row: "\t".join(map(str, row)) if header else str(row)
        with open(os.path.join(own, "metadata.tsv"), "w", encoding="utf-8") as file:
            file.writelines(line(row) + "\n" for row in rows)
        entry.append(f'metadata_path: "{place}/metadata.tsv"')
    if pictures is not None:
        _sprite(pictures, os.path.join(own, "sprite.png"))
        sizes = "\n".join(
            f"single_image_dim: {size}" for size in (pictures.shape[3], pictures.shape[2])
        )
        entry.append(f'sprite {{\nimage_path: "{place}/sprite.png"\n{sizes}\n}}')
    with open(os.path.join(folder, "projector_config.pbtxt"), "a", encoding="utf-8") as file:
        file.write("embeddings {\n" + "\n".join(entry) + "\n}\n")


def _sprite(pictures, path):
    """All pictures in one square file, row by row, as the projector cuts it."""
    import numpy
    from PIL import Image

    from .images import _bytes

    count, channels, height, width = pictures.shape
    if height != width:
        raise AssertionError(
            f"SummaryWriter.add_embedding: pictures must be square, got {height} x {width}."
        )
    side = math.ceil(math.sqrt(count))
    sheet = numpy.zeros((side * height, side * width, 3), numpy.uint8)
    for i, one in enumerate(_bytes(pictures).transpose(0, 2, 3, 1)):
        y, x = i // side * height, i % side * width
        sheet[y : y + height, x : x + width] = one
    Image.fromarray(sheet).save(path)
