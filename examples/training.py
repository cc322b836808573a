"""Training and testing a classifier, shared by the examples."""

import time
from pathlib import Path

import pictures
import program

import flambeau as torch
import flambeau.nn.functional as F
from flambeau.train import Callback, Trainer
from flambeau.utils.data import DataLoader
from flambeau.vision.datasets import FashionMNIST


class Losses(Callback):
    """The loss of each step, in the list `all`."""

    def __init__(self):
        self.all = []

    def step_ends(self, trainer, values):
        self.all.append(values["loss"])


def train(model, loader, epochs, max_lr):
    """Minimise the cross entropy by Adam with one cycle of learning rates; returns the loss of each step."""
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr, epochs=epochs, steps_per_epoch=len(loader)
    )
    losses = Losses()
    start = time.perf_counter()
    Trainer(model, optimizer, F.cross_entropy, schedule=schedule, callbacks=[losses]).fit(
        loader, epochs
    )
    seconds = time.perf_counter() - start
    steps = len(losses.all)
    print(f"Trained {steps} steps in {seconds:.1f} s, {1e3 * seconds / steps:.2f} ms each.")
    return losses.all


def clothes_arguments(doc, epochs, samples=None):
    """The arguments of a program that learns from clothes(): --data, --epochs and --samples."""
    parser = program.arguments(doc)
    parser.add_argument("--data", type=Path, default=FashionMNIST.system_folder)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument(
        "--samples", type=int, default=samples, help="train with the first so many only"
    )
    return program.started(parser)


def clothes(folder):
    """The images of Fashion-MNIST, (N, 1, 28, 28) from 0 to 1, to learn from and to test with."""
    return (FashionMNIST(folder, train).data.unsqueeze(1) / 255 for train in (True, False))


def predict(model, loader):
    """The predicted class of every sample of the loader, in its order: int64 (N,)."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(images).argmax(1) for images, _ in loader])


def held_out(model, dataset, batch_size):
    """(predictions, how many of them are right, from 0 to 1) of a dataset that has `targets`."""
    predictions = predict(model, DataLoader(dataset, batch_size=batch_size))
    return predictions, (predictions == dataset.targets).float().mean().item()


def right_share(model, dataset, batch_size=500):
    """How many samples of a TensorDataset (images, classes) are predicted right, from 0 to 1."""
    told = predict(model, DataLoader(dataset, batch_size=batch_size))
    return float((told == dataset.tensors[1]).float().mean())


@pictures.drawing
def draw(pyplot, losses, images, predictions, targets, classes, title):
    """A picture of the loss curve and of some predictions."""
    figure = pyplot.figure(figsize=(12, 5), layout="constrained")
    curve, grid = figure.subfigures(1, 2, squeeze=False, width_ratios=(1, 1.2))[0]
    figure.suptitle(title)
    axes = curve.subplots()
    pictures.curve(axes, losses, "cross entropy")
    for axes, image, prediction, target in zip(
        grid.subplots(3, 6).flat, images, predictions, targets
    ):
        pictures.image(axes, image / image.max())
        right = int(prediction) == int(target)
        name = classes[int(prediction)]
        axes.set_title(
            name if right else f"{name} (is {classes[int(target)]})",
            color="black" if right else "tab:red",
            fontsize=9,
        )
    return figure
