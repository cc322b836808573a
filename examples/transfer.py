"""What a network has learnt of some clothes helps it with others: transfer from a checkpoint.

    python examples/transfer.py --data FOLDER

FOLDER holds the IDX files of Fashion-MNIST. A ResNet-18 learns to tell five classes and is saved. From that file
another is made, whose last layer is new: it learns the five other classes from 5 images each, and so does one that
starts from nothing. It takes about a minute.
"""

import sys
import time
from pathlib import Path

import pictures
import program
from training import right_share

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.utils.data import DataLoader, TensorDataset
from flambeau.vision.datasets import FashionMNIST
from flambeau.vision.models import resnet18

GOAL = 0.10  # of the test images more are told right than without the checkpoint


def network(classes):
    """ResNet-18 for images (N, 1, 28, 28): a first layer that halves no sizes, so that 28 pixels last to the end."""
    model = resnet18(num_classes=classes)
    model.conv1 = nn.Conv2d(1, 64, 3, 1, 1, bias=False)
    model.maxpool = nn.MaxPool2d(3, 2, 1)
    return model


def from_checkpoint(path, classes):
    """The network of a checkpoint with a new last layer."""
    model = network(classes)
    weights = torch.load(path, weights_only=True)
    del weights["fc.weight"], weights["fc.bias"]
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert missing == ["fc.weight", "fc.bias"] and not unexpected
    return model


def chosen(data, classes, each=None):
    """Images (N, 1, 28, 28) of these classes, `each` of a class, and their numbers 0, 1, ... as a data set."""
    places = [(data.targets == c).nonzero()[:each, 0] for c in classes]
    images = data.data[torch.cat(places)].unsqueeze(1) / 255
    labels = torch.cat([torch.full((len(p),), i) for i, p in enumerate(places)])
    return TensorDataset(images, labels)


def train(model, dataset, epochs, max_lr, batch_size=64):
    """Returns the loss of each step."""
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr, epochs=epochs, steps_per_epoch=len(loader)
    )
    loss_of = lambda images, labels: F.cross_entropy(model(images), labels)
    return program.descend(loss_of, loader, epochs, optimizer, schedule)


@pictures.drawing
def picture(pyplot, shares):
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    bars = axes.bar(list(shares), [100 * share for share in shares.values()])
    axes.bar_label(bars, fmt="%.1f %%")
    axes.set(ylabel="% of test images told right", ylim=(0, 100))
    return figure


def main():
    parser = program.arguments(__doc__)
    parser.add_argument("--data", type=Path, default=FashionMNIST.system_folder)
    parser.add_argument("--each", type=int, default=600, help="images a class to learn from first")
    parser.add_argument("--few", type=int, default=5, help="images a class to learn from then")
    parser.add_argument("--tests", type=int, default=200, help="images a class to test with")
    args = program.started(parser)
    training, test = (FashionMNIST(args.data, train) for train in (True, False))
    first, others = (0, 2, 5, 7, 8), (1, 3, 4, 6, 9)
    names = ", ".join(training.classes[c] for c in others)
    model = network(len(first))
    begin = time.perf_counter()
    steps = len(train(model, chosen(training, first, args.each), 1, 2e-3))
    seconds = time.perf_counter() - begin
    share = right_share(model, chosen(test, first, args.tests))
    print(f"First: {steps} steps in {seconds:.1f} s; {100 * share:.1f} % of the test images right.")
    checkpoint = args.out / "transfer.pt"
    torch.save(model.state_dict(), checkpoint)

    few, tests = chosen(training, others, args.few), chosen(test, others, args.tests)
    shares = {}
    for name, model in (
        ("from nothing", network(len(others))),
        ("from the checkpoint", from_checkpoint(checkpoint, len(others))),
    ):
        train(model, few, 20, 1e-3, batch_size=15)
        shares[name] = right_share(model, tests)
        print(f"{names}, {args.few} images each, {name}: {100 * shares[name]:.1f} % right.")
    picture(args.out / "transfer.png", shares)
    gain = shares["from the checkpoint"] - shares["from nothing"]
    return program.verdict(args.each >= 600 and gain < GOAL, f"{100 * GOAL:.0f} % more")


if __name__ == "__main__":
    sys.exit(main())
