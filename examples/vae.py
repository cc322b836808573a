"""Learn to draw: a variational autoencoder on Fashion-MNIST or MNIST.

    python examples/vae.py --data FOLDER

FOLDER holds the IDX files, as for fashion_mnist.py. Each image becomes 16 numbers and is drawn again
from them; at the end numbers that belong to no image are drawn too. Three epochs take about a minute.
"""

import sys
import time

import pictures
import program
from training import clothes, clothes_arguments

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.train import Trainer
from flambeau.utils.data import DataLoader, TensorDataset

GOAL = 255.0  # nats an image: what is lost in drawing it again, and what its numbers cost


class Autoencoder(nn.Module):
    """From an image to a normal distribution of 16 numbers, and back.

    Source: Kingma, Welling, "Auto-Encoding Variational Bayes", 2013, arXiv:1312.6114.
    """

    numbers = 16

    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),  # (N, 16, 14, 14)
            nn.SiLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),  # (N, 32, 7, 7)
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 2 * self.numbers),
        )
        self.decode = nn.Sequential(
            nn.Linear(self.numbers, 32 * 7 * 7),
            nn.SiLU(),
            nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1),  # (N, 16, 14, 14)
            nn.SiLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),  # (N, 1, 28, 28)
        )

    def forward(self, images):
        mean, log_variance = self.encode(images).chunk(2, 1)  # (N, 16) each
        numbers = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decode(numbers), mean, log_variance

    def loss(self, images):
        """The evidence lower bound, negative, in nats an image."""
        logits, mean, log_variance = self(images)
        drawing = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        distance = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
        return (drawing + distance) / len(images)


def train(model, loader, epochs):
    """Returns how many steps there were."""
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=5e-3, epochs=epochs, steps_per_epoch=len(loader)
    )
    objective = lambda model, batch: model.loss(*batch)
    trainer = Trainer(model, optimizer, objective=objective, schedule=schedule)
    trainer.fit(loader, epochs)
    return trainer.step


@torch.no_grad()
@pictures.drawing
def draw(pyplot, model, images):
    """A picture of images, the same drawn again, and new ones."""
    again = model(images)[0].sigmoid()
    new = model.decode(torch.randn(len(images), model.numbers)).sigmoid()
    rows = {"images": images, "drawn again": again, "new": new}
    figure, grid = pyplot.subplots(3, len(images), figsize=(12, 4), layout="constrained")
    for axes, (title, drawn) in zip(grid, rows.items()):
        axes[0].set_title(title, loc="left", fontsize=10)
        for axis, image in zip(axes, drawn):
            pictures.image(axis, image[0])
    return figure


def main():
    args = clothes_arguments(__doc__, epochs=3)
    training, test = clothes(args.data)
    if args.samples:
        training, test = training[: args.samples], test[: args.samples]
    model = Autoencoder()
    loader = DataLoader(TensorDataset(training), batch_size=128, shuffle=True)
    start = time.perf_counter()
    steps = train(model, loader, args.epochs)
    seconds = time.perf_counter() - start
    print(f"Trained {steps} steps in {seconds:.1f} s, {1e3 * seconds / steps:.2f} ms each.")

    with torch.no_grad():
        losses = [model.loss(images).item() for images in test.split(1000)]
    loss = sum(losses) / len(losses)
    print(f"Loss on the {len(test)} test images: {loss:.1f} nats an image.")
    torch.save({"model": model.state_dict()}, args.out / "vae.pt")
    draw(args.out / "vae.png", model, test[:12])
    return program.verdict(args.samples is None and loss > GOAL, f"at most {GOAL}")


if __name__ == "__main__":
    sys.exit(main())
