"""Train the tutorial's LeNet on Fashion-MNIST: at least 88 % on the test images.

    python examples/fashion_mnist.py --data FOLDER

FOLDER holds the four IDX files, gzipped or not; Debian's package dataset-fashion-mnist puts them
where they are looked for without --data. --download fetches them.
"""

import sys
from pathlib import Path

import program
from lenet import LeNet
from training import draw, held_out, train

import flambeau as torch
from flambeau.utils.data import DataLoader, Dataset, Subset
from flambeau.vision import transforms
from flambeau.vision.datasets import FashionMNIST

TRANSFORM = transforms.Compose(
    [
        transforms.Pad(2),  # 28x28 -> 32x32
        transforms.ToTensor(),
        transforms.Normalize((0.286,), (0.353,)),
    ]
)
GOAL = 0.88


def main():
    parser = program.arguments(__doc__)
    parser.add_argument("--data", type=Path, default=FashionMNIST.system_folder)
    parser.add_argument("--download", action="store_true")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--samples", type=int, help="train with the first so many only")
    args = program.started(parser)
    training: Dataset = FashionMNIST(args.data, True, TRANSFORM, download=args.download)
    test = FashionMNIST(args.data, False, TRANSFORM)
    if args.samples:
        training = Subset(training, range(args.samples))
    loader = DataLoader(training, batch_size=64, shuffle=True)
    model = LeNet()
    losses = train(model, loader, args.epochs, max_lr=3e-3)

    predictions, accuracy = held_out(model, test, batch_size=500)
    print(f"Accuracy on the {len(test)} test images: {100 * accuracy:.2f} %.")
    torch.save({"model": model.state_dict()}, args.out / "fashion_mnist.pt")
    first = slice(0, 18)
    draw(
        args.out / "fashion_mnist.png",
        losses,
        test.data[first],
        predictions[first],
        test.targets[first],
        test.classes,
        f"LeNet on Fashion-MNIST: {100 * accuracy:.2f} % right",
    )
    return program.verdict(args.samples is None and accuracy < GOAL, f"at least {100 * GOAL:.0f} %")


if __name__ == "__main__":
    sys.exit(main())
