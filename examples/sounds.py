"""Tell sounds by their spectra: SciPy's transform on the NumPy bridge, a network of flambeau.

    python examples/sounds.py

The program makes tones, chirps, knocks and hisses of a quarter of a second itself. scipy.signal gives their spectra,
which share memory with tensors; filters on the mel scale, as ears have them, make 32 bands of them. It takes about
ten seconds, and needs SciPy: pip install 'flambeau[quasirandom]'.
"""

import sys

import numpy as np
import pictures
import program
from scipy import signal
from training import right_share

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.utils.data import DataLoader, TensorDataset

RATE = 8000  # samples a second
LENGTH = 2048
NAMES = ["tone", "rising", "falling", "knocks", "hiss"]
GOAL = 0.95  # of new sounds are told right


def made_sound(kind, random):
    """A float32 array (2048,): a sound of this kind, in noise."""
    t = np.arange(LENGTH) / RATE
    low, high = random.uniform(200, 800), random.uniform(1200, 3000)
    if kind == "tone":
        sound = sum(np.sin(2 * np.pi * low * k * t) / k for k in (1, 2, 3))
    elif kind in ("rising", "falling"):
        ends = (low, high) if kind == "rising" else (high, low)
        sound = signal.chirp(t, ends[0], t[-1], ends[1])
    elif kind == "knocks":
        since = t % random.uniform(0.03, 0.08)
        sound = 2 * np.exp(-since * 200) * np.sin(2 * np.pi * high * since)
    else:
        sound = signal.lfilter([1, -0.9], [1], random.standard_normal(LENGTH))
    loud = random.uniform(0.3, 1.0)
    return (loud * sound + 0.5 * random.standard_normal(LENGTH)).astype(np.float32)


def mel_filters(bands, frequencies):
    """(bands, frequencies): triangles whose tops are evenly spaced in mel, 2595 log10(1 + Hz / 700).

    Source: O'Shaughnessy, "Speech communication", 1987.
    """
    hertz = torch.linspace(0, RATE / 2, frequencies)
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    tops = 700 * (10 ** (torch.linspace(0, highest, bands + 2) / 2595) - 1)
    left, top, right = (tops[i : i + bands, None] for i in range(3))
    return torch.minimum((hertz - left) / (top - left), (right - hertz) / (right - top)).clamp(
        min=0
    )


def spectra(sounds, bands=32):
    """Sounds (N, 2048) as an array -> decibels (N, 1, bands, times), mean 0 and deviation 1 a sound."""
    _, _, values = signal.stft(sounds, RATE, nperseg=256, noverlap=128)  # (N, 129, times)
    power = torch.from_numpy(np.abs(values) ** 2)  # the array's memory, not a copy
    mel = mel_filters(bands, power.shape[1]) @ power
    decibels = 10 * (mel + 1e-6).log10()
    return ((decibels - decibels.mean((1, 2), True)) / decibels.std((1, 2), keepdim=True))[:, None]


def dataset(count, seed):
    random = np.random.default_rng(seed)
    labels = torch.arange(count) % len(NAMES)
    sounds = np.stack([made_sound(NAMES[label], random) for label in labels.tolist()])
    return TensorDataset(spectra(sounds), labels)


def train(model, data, epochs):
    """Returns the loss of each step."""
    loader = DataLoader(data, batch_size=50, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    loss_of = lambda sounds, labels: F.cross_entropy(model(sounds), labels)
    return program.descend(loss_of, loader, epochs, optimizer)


@pictures.drawing
def picture(pyplot, data):
    figure, grid = pyplot.subplots(1, len(NAMES), figsize=(14, 3), layout="constrained")
    for axes, name, sound in zip(grid, NAMES, data.tensors[0]):
        axes.imshow(sound[0].numpy(), origin="lower", aspect="auto")
        axes.set(title=name, xlabel="time", ylabel="mel band")
    return figure


def main():
    parser = program.arguments(__doc__)
    parser.add_argument("--sounds", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=4)
    args = program.started(parser)
    data, new = dataset(args.sounds, args.seed), dataset(500, args.seed + 1)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.AdaptiveAvgPool2d((4, 2)), nn.Flatten(), nn.Linear(32 * 8, len(NAMES)),
    )  # fmt: skip
    losses = train(model, data, args.epochs)
    right = right_share(model, new)
    print(f"{len(losses)} steps; {100 * right:.1f} % of 500 new sounds told right.")
    picture(args.out / "sounds.png", new)
    return program.verdict(args.sounds >= 2000 and right < GOAL, f"at least {100 * GOAL:.0f} %")


if __name__ == "__main__":
    sys.exit(main())
