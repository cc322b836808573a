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


@functools.cache
def _pictures():
    """A folder of made pictures: CIFAR10's files, and 200 JPEG in two classes."""
    import pickle
    import tempfile
    from pathlib import Path

    from PIL import Image

    held = tempfile.TemporaryDirectory()
    rng, root = np.random.default_rng(0), Path(held.name)
    batches = root / "cifar-10-batches-py"
    batches.mkdir()
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        data = rng.integers(0, 256, (1000, 3072)).astype("uint8")
        (batches / name).write_bytes(pickle.dumps({"data": data, "labels": [0] * 1000}))
    (batches / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    for i in range(200):
        place = root / "folder" / "ab"[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (16, 16, 3)).astype("uint8"))
        coarse.resize((500, 375)).save(place / f"{i}.jpg", quality=90)
    return held


def _whole(loader):
    def run():
        for _ in loader:
            pass

    return run


def rows_of_tensors(T, V):
    """50,000 rows of 32 numbers in batches of 128."""
    data = T.utils.data.TensorDataset(T.rand(50_000, 32), T.zeros(50_000))
    return _whole(T.utils.data.DataLoader(data, batch_size=128))


def cifar(T, V):
    """5,000 images of 32 x 32, flipped, cropped and normalised, without workers."""
    t = V.transforms
    steps = [
        t.RandomHorizontalFlip(),
        t.RandomCrop(32, 4),
        t.ToTensor(),
        t.Normalize((0.5,) * 3, (0.2,) * 3),
    ]
    made = V.datasets.CIFAR10
    if T.__name__ != "flambeau":  # made files have other checksums
        V.datasets.cifar.check_integrity = lambda *args: True
    data = made(_pictures().name, transform=t.Compose(steps))
    return _whole(T.utils.data.DataLoader(data, batch_size=128))


def _photographs(T, V, workers):
    """The loader of 200 photographs of a folder, cropped at random to 224 x 224."""
    t = V.transforms
    steps = t.Compose([t.RandomResizedCrop(224), t.ToTensor()])
    data = V.datasets.ImageFolder(f"{_pictures().name}/folder", steps)
    return T.utils.data.DataLoader(data, batch_size=32, num_workers=workers)


def jpegs(workers):
    """All of them; the workers are started anew."""
    return lambda T, V: _whole(_photographs(T, V, workers))


def first_batch(T, V):
    """Two workers, until the first batch is there."""
    loader = _photographs(T, V, 2)
    return lambda: next(iter(loader))


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
    ("transforms of 1,000 images", 1.2, transforms),
    ("TensorDataset of 50,000, batches of 128", 20, rows_of_tensors),
    ("5,000 images of 32 x 32: flip, crop, normalise", 3, cifar),
    ("200 JPEG of 500 x 375 from a folder to 224 x 224", 1.2, jpegs(0)),
    ("the same, two workers", 1.2, jpegs(2)),
    ("the same, two workers, time to the first batch", 3, first_batch),
    *((f"{name} step, 4 x 224 x 224", 1.2, step(name, 4, 224)) for name in _MODELS),
    *(
        (f"{name} inference, {n} x 224 x 224", 1.2, inference(name, n, 224))
        for name in _MODELS
        for n in (1, 16)
    ),
)
