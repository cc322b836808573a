"""Detection's operators, transforms of 1,000 images and steps of models, beside torchvision where it is installed.

Resizing is compared with Pillow, which torchvision uses on images that were read from files.
"""

import functools

import numpy as np

from . import harness

EFFORT = {"rounds": 5, "block_s": 0.05}


def rows(only=None):
    import flambeau
    from flambeau import vision

    try:
        import torch
        import torchvision
    except ImportError:
        torch = torchvision = None
    for name, goal, make in CASES:
        if only is not None and only not in name:
            continue
        ours = make(flambeau, vision)
        theirs = None
        if torchvision is not None:
            try:
                theirs = make(torch, torchvision)
                theirs()
            except RuntimeError:  # a build without compiled operators
                theirs = None
        yield harness.compare(name, goal, ours, theirs, **EFFORT)
    if only is None or only in "resize":
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


def transforms_of_pillow(version):
    """What ImageNet is trained with, with jittered colours, on 1,000 images of Pillow, 96 x 128."""

    def make(T, V):
        import importlib

        from PIL import Image

        rng = np.random.default_rng(0)
        images = [
            Image.fromarray(rng.integers(0, 256, (96, 128, 3)).astype("uint8")) for _ in range(1000)
        ]
        t = importlib.import_module(f"{V.__name__}.transforms{version}")
        steps = t.Compose(
            [
                t.RandomResizedCrop(64),
                t.RandomHorizontalFlip(),
                t.ColorJitter(0.2, 0.2, 0.2, 0.05),
                t.PILToTensor(),
                t.ConvertImageDtype(T.float32),
                t.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )
        return lambda: [steps(image) for image in images]

    return make


def transforms_v2(T, V):
    """The same with transforms.v2 on 1,000 tensors of 96 x 128, each with a box."""
    import importlib

    t = importlib.import_module(f"{V.__name__}.transforms.v2")
    tv_tensors = importlib.import_module(f"{V.__name__}.tv_tensors")
    box = tv_tensors.BoundingBoxes([[10, 10, 60, 50]], format="XYXY", canvas_size=(96, 128))
    samples = [
        (tv_tensors.Image(T.randint(0, 256, (3, 96, 128)).to(T.uint8)), box) for _ in range(1000)
    ]
    steps = t.Compose(
        [
            t.RandomResizedCrop(64),
            t.RandomHorizontalFlip(),
            t.ColorJitter(0.2, 0.2, 0.2, 0.05),
            t.ToDtype(T.float32, scale=True),
            t.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    return lambda: [steps(*sample) for sample in samples]


def model(T, V, name):
    """A model by its name: torchvision's, or one of two small ones of its classes."""
    if name == "vit_tiny":
        return V.models.VisionTransformer(
            image_size=224, patch_size=16, num_layers=12, num_heads=3, hidden_dim=192, mlp_dim=768
        )
    if name == "convnext_atto":
        block = V.models.convnext.CNBlockConfig
        widths = (40, 80, 160, 320, None)
        return V.models.ConvNeXt(
            [block(widths[i], widths[i + 1], n) for i, n in enumerate((2, 2, 6, 2))]
        )
    return getattr(V.models, name)(weights=None)


def step(name, n, size):
    """One training step."""

    def make(T, V):
        net = model(T, V, name)
        optimizer = T.optim.SGD(net.parameters(), lr=1e-3)
        images, labels = T.rand(n, 3, size, size), T.zeros(n, dtype=T.int64)

        def run():
            optimizer.zero_grad()
            T.nn.functional.cross_entropy(net(images), labels).backward()
            optimizer.step()

        return run

    return make


def inference(name, n, size):
    def make(T, V):
        net = model(T, V, name).eval()
        images = T.rand(n, 3, size, size)

        def run():
            with T.no_grad():
                net(images)

        return run

    return make


_MODELS = (
    "resnet18", "resnet50", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0", "vit_tiny", "convnext_atto"
)  # fmt: skip
CASES = (
    ("nms of 10,000 boxes", 1.2, nms),
    ("roi_align, 1,000 boxes, 256 channels", 1.2, roi_align),
    ("box_iou 1,000 x 1,000", 1.2, box_iou),
    ("transforms of 1,000 images, 32 x 32", 1.2, transforms),
    ("transforms of 1,000 images of Pillow", 1.2, transforms_of_pillow("")),
    ("transforms.v2 of 1,000 images of Pillow", 1.2, transforms_of_pillow(".v2")),
    ("transforms.v2 of 1,000 images and boxes", 1.2, transforms_v2),
    *(
        (f"{name} {what}, {n} x 224 x 224", 1.2, make(name, n, 224))
        for what, make in (("step", step), ("inference", inference))
        for name in _MODELS
        for n in (1, 16)
    ),
)
