"""The batches of benchmarks/all/programs.py as arrays of NumPy; images have their channels last."""

import numpy as np

from ..all.case import generator

NODES = 2708  # of the graph


def numbers(*sizes, low=-1, high=1):
    values = generator(sizes, low, high).random(sizes, dtype=np.float32)
    return values * np.float32(high - low) + np.float32(low)


def integers(high, *sizes):
    return generator(sizes, 0, high).integers(0, high, sizes).astype(np.int32)


def images(count, channels, height, width, low=-1):
    drawn = numbers(count, channels, height, width, low=low).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(drawn)


def graph():
    """(sources, targets in order, weights) of the edges, features, labels."""
    ends = generator((2, 10556)).integers(0, NODES, (2, 10556))
    places = np.unique(np.concatenate([ends, ends[::-1]], 1), axis=1)
    degree = np.maximum(np.bincount(places[0], minlength=NODES), 1).astype(np.float32)
    weights = 1 / np.sqrt(degree[places[0]] * degree[places[1]])
    edges = places[1].astype(np.int32), places[0].astype(np.int32), weights
    return (*edges, numbers(NODES, 500, low=0), integers(7, NODES))


def frames(low):
    drawn = generator((16, 4, 84, 84), low, 255).integers(low, 255, (16, 4, 84, 84))
    return np.ascontiguousarray(drawn.astype(np.uint8).transpose(0, 2, 3, 1))


BATCHES = {
    "mlp": lambda: (numbers(128, 784), integers(10, 128)),
    "lenet": lambda: (images(64, 1, 32, 32), integers(10, 64)),
    "cnn": lambda: (images(32, 3, 32, 32), integers(10, 32)),
    "resnet18": lambda: (images(4, 3, 64, 64), integers(10, 4)),
    "char_gpt": lambda: (integers(65, 8, 129),),
    "vit": lambda: (images(8, 3, 64, 64), integers(10, 8)),
    "word_lstm": lambda: (integers(2000, 36, 20),),
    "dcgan": lambda: (images(32, 1, 28, 28),),
    "vae": lambda: (images(64, 1, 28, 28, low=0),),
    "dqn": lambda: (
        frames(0), frames(1), integers(6, 16, 1), numbers(16), generator((16,), -1, 1).random(16) < 0.5,
    ),
    "reinforce": lambda: (
        numbers(2, 4), (np.eye(4) + 0.02 * numbers(4, 4)).astype(np.float32),
    ),
    "pinn": lambda: (numbers(1000, 1), numbers(1000, 1, low=0), numbers(100, 1, high=0.5)),
    "unet": lambda: (images(2, 3, 96, 96), integers(2, 2, 96, 96)),
    "gcn": graph,
    "factorisation": lambda: (
        integers(100_000, 1024), integers(99_999, 1024), numbers(1024, low=1, high=5),
    ),
    "seq2seq": lambda: (integers(1000, 16, 15), integers(1000, 16, 13)),
}  # fmt: skip
