"""Loaders: rows of tensors, 50,000 small images, photographs of a folder, time to the first batch.

Each library is asked in processes of its own, in turn: CPU time of all processes, with the time on the wall behind
each row; of first batches, for which one waits, the time on the wall alone.
"""

import json
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from . import harness

ROUNDS = 3
FIRSTS = 5
THREADS = 1


def make_pictures(root):
    """CIFAR10's files with 50,000 made images, and 200 JPEG of 500 x 375 in two classes."""
    from PIL import Image

    rng, batches = np.random.default_rng(0), root / "cifar-10-batches-py"
    batches.mkdir()
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        data = rng.integers(0, 256, (10_000, 3072)).astype("uint8")
        (batches / name).write_bytes(pickle.dumps({"data": data, "labels": [0] * 10_000}))
    (batches / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    for i in range(200):
        place = root / "folder" / "ab"[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (16, 16, 3)).astype("uint8"))
        coarse.resize((500, 375)).save(place / f"{i}.jpg", quality=90)


def rows_of_tensors(T, V, root):
    """50,000 rows of 32 numbers."""
    return T.utils.data.TensorDataset(T.rand(50_000, 32), T.zeros(50_000))


def small_images(T, V, root):
    """Flipped, cropped and normalised."""
    t = V.transforms
    steps = [t.RandomHorizontalFlip(), t.RandomCrop(32, 4), t.ToTensor()]
    steps.append(t.Normalize((0.5,) * 3, (0.2,) * 3))
    if T.__name__ != "flambeau":  # made files have other checksums
        V.datasets.cifar.check_integrity = lambda *args: True
    return V.datasets.CIFAR10(root, transform=t.Compose(steps))


def photographs(T, V, root):
    """Cropped at random to 224 x 224."""
    t = V.transforms
    steps = t.Compose([t.RandomResizedCrop(224), t.ToTensor()])
    return V.datasets.ImageFolder(root / "folder", steps)


def _cpu_s():
    own, ended = (resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def whole(loader):
    """(CPU, wall) seconds of one pass, until its workers have ended."""
    cpu, wall = _cpu_s(), time.perf_counter()
    for _ in loader:
        pass
    return _cpu_s() - cpu, time.perf_counter() - wall


def until_first(loader):
    """Seconds on the wall until the first batch is there, the best of some; twice, for there is no CPU time to tell."""
    best = float("inf")
    for _ in range(FIRSTS):
        begun = time.perf_counter()
        batches = iter(loader)
        next(batches)
        best = min(best, time.perf_counter() - begun)
        del batches  # and its workers
    return best, best


CASES = (
    # name, goal, data set, batch, workers, measure
    ("TensorDataset of 50,000, batches of 128", 20, rows_of_tensors, 128, 0, whole),
    ("50,000 images of 32 x 32", 3, small_images, 128, 0, whole),
    ("50,000 images of 32 x 32, 2 workers", 3, small_images, 128, 2, whole),
    ("200 JPEG to 224 x 224", 1.2, photographs, 32, 0, whole),
    ("200 JPEG to 224 x 224, 2 workers", 1.2, photographs, 32, 2, whole),
    ("first batch of small images, 2 workers", 3, small_images, 128, 2, until_first),
    ("first batch of JPEG, 2 workers", 3, photographs, 32, 2, until_first),
)


def _measure(name, root, only=""):
    import importlib

    T = importlib.import_module(name)
    V = importlib.import_module("flambeau.vision" if name == "flambeau" else "torchvision")
    T.set_num_threads(1)
    taken = {}
    for case, _, make, batch_size, workers, measure in CASES:
        if only not in case:
            continue
        data = make(T, V, Path(root))
        next(
            iter(T.utils.data.DataLoader(data, batch_size=batch_size))
        )  # what is loaded late is there
        loader = T.utils.data.DataLoader(data, batch_size=batch_size, num_workers=workers)
        taken[case] = measure(loader)
    print(json.dumps(taken))


def rows(only=None):
    names = ["flambeau"]
    if harness.import_pytorch() is not None:
        names.append("torch")
    taken = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        make_pictures(Path(folder))
        for _ in range(ROUNDS):
            for name in names:
                command = [sys.executable, "-m", "benchmarks.loaders", name, folder, only or ""]
                done = subprocess.run(command, capture_output=True, text=True, timeout=900)
                if done.returncode == 0:
                    taken[name].append(json.loads(done.stdout.splitlines()[-1]))
                elif name == "flambeau":
                    raise RuntimeError(done.stderr)
    goals = {case: goal for case, goal, *_ in CASES}
    for case in taken["flambeau"][0]:
        (ours, wall), (theirs, their_wall) = (
            [statistics.median(found[case][i] for found in taken[name]) for i in (0, 1)]
            if taken.get(name)
            else (None, None)
            for name in ("flambeau", "torch")
        )
        text = f" wall {harness.in_units(wall)}, {harness.in_units(their_wall)}"
        yield harness.Row(case, goals[case], ours, theirs, theirs and theirs / ours, text)


if __name__ == "__main__":
    _measure(*sys.argv[1:])
