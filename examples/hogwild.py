"""Processes that train one network at the same time, without locks: Hogwild on the bundled digits.

    python examples/hogwild.py --processes 2

The parameters lie in memory that all processes share; each reads and writes them as it comes. Two processes take a
few seconds.
"""

import sys
import time

import pictures
import program
from training import right_share

import flambeau as torch
import flambeau.multiprocessing as mp
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.utils.data import DataLoader, TensorDataset
from flambeau.vision.datasets import Digits

GOAL = 0.95  # of the held-out digits are told right


def network():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def dataset(train):
    data = Digits(train=train)
    return TensorDataset(data.data / 255, data.targets)


def train(rank, model, epochs, seed, losses):
    """What each process does; `losses` (steps,) is its own part of a shared tensor.

    Source: Recht, Re, Wright, Niu, "Hogwild: a lock-free approach to parallelizing stochastic gradient descent", 2011.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed + rank)  # each sees the digits in an order of its own
    loader = DataLoader(dataset(True), batch_size=32, shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    step = 0
    for _ in range(epochs):
        for images, labels in loader:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()  # gradients are the process's own, parameters are everybody's
            loss.backward()
            optimizer.step()
            losses[rank, step] = loss.detach()
            step += 1


@pictures.drawing
def picture(pyplot, losses):
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for rank, values in enumerate(losses.tolist()):
        pictures.curve(axes, values, f"process {rank}", color=f"C{rank}")
    return figure


def main():
    parser = program.arguments(__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=10)
    args = program.started(parser)
    model = network().share_memory()
    steps = args.epochs * len(DataLoader(dataset(True), batch_size=32))
    losses = torch.zeros(args.processes, steps).share_memory_()
    begin = time.perf_counter()
    mp.spawn(train, (model, args.epochs, args.seed, losses), nprocs=args.processes)
    print(
        f"{args.processes} processes, {steps} steps each, in {time.perf_counter() - begin:.1f} s."
    )
    right = right_share(model, dataset(False))
    print(f"Accuracy on the held-out digits: {100 * right:.2f} %.")
    picture(args.out / "hogwild.png", losses)
    return program.verdict(args.epochs >= 10 and right < GOAL, f"at least {100 * GOAL:.0f} %")


if __name__ == "__main__":
    sys.exit(main())
