"""Detection's operators, transforms of 1,000 images and steps of models, beside torchvision where it is installed.

Resizing is compared with Pillow, which torchvision uses on images that were read from files.
"""

import functools

import numpy as np

from . import harness

EFFORT = {"rounds": 5, "block_s": 0.05}


def rows():
    import flambeau
    from flambeau import vision

    try:
        import torch
        import torchvision
    except ImportError:
        torch = torchvision = None
    for name, goal, make in CASES:
        ours = make(flambeau, vision)
        theirs = None
        if torchvision is not None:
            try:
                theirs = make(torch, torchvision)
                theirs()
            except RuntimeError:  # a build without compiled operators
                theirs = None
        yield harness.compare(name, goal, ours, theirs, **EFFORT)
    yield from resizing()


def resizing():
    from PIL import Image

    import flambeau
    from flambeau.vision.transforms import InterpolationMode
    from flambeau.vision.transforms.v2.functional import resize

    array = np.random.default_rng(0).integers(0, 256, (375, 500, 3), dtype="uint8")
    picture = Image.fromarray(array)
    tensor = flambeau.from_numpy(array.transpose(2, 0, 1).copy())
    for mode, number in (("bilinear", 2), ("bicubic", 3)):
        ours = functools.partial(resize, tensor, [224, 224], InterpolationMode(mode))
        theirs = functools.partial(picture.resize, (224, 224), number)
        yield harness.compare(
            f"resize {mode} 500x375 to 224x224, Pillow", 1.2, ours, theirs, **EFFORT
        )


def boxes(T, n, size):
    T.manual_seed(0)
    low = T.rand(n, 2) * size
    return T.cat([low, low + T.rand(n, 2) * 100 + 1], 1)


def nms(T, V):
    return functools.partial(V.ops.nms, boxes(T, 10_000, 1000), T.rand(10_000), 0.5)


def roi_align(T, V):
    regions = T.cat([T.zeros(1000, 1), boxes(T, 1000, 700)], 1)
    return functools.partial(V.ops.roi_align, T.rand(1, 256, 50, 68), regions, 7, 1 / 16, 2, True)


def box_iou(T, V):
    return functools.partial(V.ops.box_iou, boxes(T, 1000, 1000), boxes(T, 1000, 1000))


def transforms(T, V):
    """Flip, crop and normalise 1,000 images of 32 x 32."""
    images = [T.randint(0, 256, (3, 32, 32)).to(T.uint8) for _ in range(1000)]
    t = V.transforms
    steps = t.Compose(
        [
            t.RandomHorizontalFlip(),
            t.RandomCrop(32, padding=4),
            t.ConvertImageDtype(T.float32),
            t.Normalize((0.5,) * 3, (0.25,) * 3),
        ]
    )
    return lambda: [steps(image) for image in images]


def step(name, n, size):
    """One training step."""

    def make(T, V):
        model = getattr(V.models, name)(weights=None)
        optimizer = T.optim.SGD(model.parameters(), lr=1e-3)
        images, labels = T.rand(n, 3, size, size), T.zeros(n, dtype=T.int64)

        def run():
            optimizer.zero_grad()
            T.nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()

        return run

    return make


def inference(name, n, size):
    def make(T, V):
        model = getattr(V.models, name)(weights=None).eval()
        images = T.rand(n, 3, size, size)

        def run():
            with T.no_grad():
                model(images)

        return run

    return make


CASES = (
    ("nms of 10,000 boxes", 1.2, nms),
    ("roi_align, 1,000 boxes, 256 channels", 1.2, roi_align),
    ("box_iou 1,000 x 1,000", 1.2, box_iou),
    ("transforms of 1,000 images", 1.2, transforms),
    ("resnet18 step, 4 x 64 x 64", 1.2, step("resnet18", 4, 64)),
    ("resnet18 inference, 1 x 224 x 224", 1.2, inference("resnet18", 1, 224)),
    ("mobilenet_v3_small inference, 1 x 224 x 224", 1.2, inference("mobilenet_v3_small", 1, 224)),
    ("efficientnet_b0 inference, 1 x 224 x 224", 1.2, inference("efficientnet_b0", 1, 224)),
)
