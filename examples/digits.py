"""Train the tutorial's LeNet on the bundled digits: `make demo`.

Shows a progress bar, draws the loss curve and some predictions into examples/out/digits.png, saves
a checkpoint, loads it in a fresh process and compares what that process predicts.
"""

import subprocess
import sys
import time
from pathlib import Path

import program
from lenet import LeNet
from training import draw, held_out, predict, train

import flambeau as torch
from flambeau.utils.data import DataLoader
from flambeau.vision import transforms
from flambeau.vision.datasets import Digits

TRANSFORM = transforms.Compose(
    [
        transforms.ToTensor(),
        transforms.Resize((32, 32)),
        transforms.Normalize((0.3,), (0.37,)),
    ]
)
GOAL = 0.97


def main():
    parser = program.arguments(__doc__)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--predict", type=Path, help="load this checkpoint, print its predictions")
    args = program.started(parser)
    if args.predict:
        print(" ".join(map(str, predictions_of(args.predict).tolist())))
        return 0

    training, test = Digits(True, TRANSFORM), Digits(False, TRANSFORM)
    print(f"{len(training)} digits to learn from, {len(test)} held out.")
    loader = DataLoader(training, batch_size=32, shuffle=True)
    model = LeNet()
    losses = train(model, loader, args.epochs, max_lr=2e-3)

    predictions, accuracy = held_out(model, test, batch_size=256)
    print(f"Accuracy on the held-out digits: {100 * accuracy:.2f} %.")

    checkpoint = args.out / "digits.pt"
    torch.save({"model": model.state_dict(), "accuracy": accuracy}, checkpoint)
    # the wrong ones first, so that they are seen
    order = torch.argsort((predictions == test.targets).long(), stable=True)[:18]
    title = f"LeNet on handwritten digits: {100 * accuracy:.2f} % of {len(test)} held-out right"
    draw(
        args.out / "digits.png",
        losses,
        test.data[order],
        predictions[order],
        test.targets[order],
        test.classes,
        title,
    )

    start = time.perf_counter()
    command = [sys.executable, __file__, "--predict", checkpoint]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    same = list(map(int, answer.split())) == predictions.tolist()
    print(
        f"Checkpoint: {checkpoint}, loaded by a fresh process in {time.perf_counter() - start:.1f} s; "
        f"its predictions are {'the same' if same else 'NOT the same'}."
    )
    return program.verdict(
        not same or accuracy < GOAL, f"the same predictions and at least {100 * GOAL:.0f} %"
    )


def predictions_of(checkpoint):
    """What the saved model says of the held-out digits."""
    model = LeNet()
    model.load_state_dict(torch.load(checkpoint)["model"])
    return predict(model, DataLoader(Digits(False, TRANSFORM), batch_size=256))


if __name__ == "__main__":
    sys.exit(main())
