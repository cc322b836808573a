"""Two networks that play against each other learn to draw clothes: a DCGAN on Fashion-MNIST or MNIST.

    python examples/dcgan.py --data FOLDER

FOLDER holds the IDX files, as for fashion_mnist.py. One network draws images from 64 numbers, the other tells drawn
images from real ones. Two epochs of 20,000 images take about a minute.
"""

import sys
import time

import pictures
import program
from training import clothes, clothes_arguments

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.utils.data import DataLoader, TensorDataset

NUMBERS = 64  # an image is drawn from so many
GOAL = (
    8.0  # the distance of drawn images from real ones; noise has 95, real ones among themselves 0.1
)


def generator(width=32):
    """(N, 64) -> images (N, 1, 28, 28) from 0 to 1.

    Source: Radford, Metz, Chintala, "Unsupervised representation learning with deep convolutional generative
    adversarial networks", 2015, arXiv:1511.06434.
    """
    return nn.Sequential(
        nn.Unflatten(1, (NUMBERS, 1, 1)),
        nn.ConvTranspose2d(NUMBERS, 4 * width, 7, bias=False),  # (N, 128, 7, 7)
        nn.BatchNorm2d(4 * width),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False),  # (N, 64, 14, 14)
        nn.BatchNorm2d(2 * width),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(2 * width, 1, 4, 2, 1),  # (N, 1, 28, 28)
        nn.Sigmoid(),
    )


def judge(width=32):
    """Images (N, 1, 28, 28) -> logits (N,): above 0 for real ones."""
    return nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1),  # (N, 32, 14, 14)
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),  # (N, 64, 7, 7)
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(2 * width, 1, 7),
        nn.Flatten(0),
    )


def start(module):
    """The first weights, as the paper has them."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def train(drawing, judging, loader, epochs):
    """Returns the losses of each step: those of the network that draws, and of the one that judges."""
    optimizers = [
        torch.optim.Adam(net.parameters(), lr=4e-4, betas=(0.5, 0.999))
        for net in (drawing, judging)
    ]
    losses: tuple[list[float], list[float]] = ([], [])
    for _ in range(epochs):
        for (real,) in loader:
            drawn = drawing(torch.randn(len(real), NUMBERS))
            real_logits, drawn_logits = judging(real), judging(drawn.detach())
            # Real ones are called 0.9 real: a judge that is never sure goes on teaching.
            loss = F.binary_cross_entropy_with_logits(
                real_logits, torch.full_like(real_logits, 0.9)
            ) + F.binary_cross_entropy_with_logits(drawn_logits, torch.zeros_like(drawn_logits))
            losses[1].append(step(optimizers[1], loss))
            logits = judging(drawn)
            loss = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
            losses[0].append(step(optimizers[0], loss))
    return losses


def step(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def draw(model, count):
    """Images (count, 1, 28, 28), 500 at a time, normalised as in training: each batch by its own mean."""
    return torch.cat([model(torch.randn(part, NUMBERS)) for part in parts(count, 500)])


def parts(count, most):
    return [min(most, count - begin) for begin in range(0, count, most)]


def distance(images, others):
    """Fréchet's distance between the normal distributions of images that are averaged to 7x7 greys from 0 to 4.

    |m - n|^2 + trace(A + B - 2 (A B)^(1/2)) of means m, n and covariances A, B.

    Source: Dowson, Landau, J. Multivariate Analysis 12 (1982) 450; on features of a network: Heusel et al., 2017.
    """
    features = [4 * F.avg_pool2d(some, 4).flatten(1).double() for some in (images, others)]
    (m, n), (A, B) = zip(*((some.mean(0), some.T.cov()) for some in features))
    values, vectors = torch.linalg.eigh(A)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T  # A^(1/2)
    both = torch.linalg.eigvalsh(root @ B @ root).clamp(min=0).sqrt().sum()
    return float(((m - n) ** 2).sum() + A.trace() + B.trace() - 2 * both)


@pictures.drawing
def picture(pyplot, images, losses):
    figure = pyplot.figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subfigures(1, 2)
    axes = left.subplots()
    pictures.curve(axes, losses[0], "drawing")
    pictures.curve(axes, losses[1], "judging", color="tab:orange")
    for axes, drawn in zip(right.subplots(6, 8).flat, images):
        pictures.image(axes, drawn[0])
    return figure


def main():
    args = clothes_arguments(__doc__, epochs=2, samples=20000)
    training, test = clothes(args.data)
    loader = DataLoader(
        TensorDataset(training[: args.samples]), batch_size=64, shuffle=True, drop_last=True
    )
    drawing, judging = generator().apply(start), judge().apply(start)
    begin = time.perf_counter()
    losses = train(drawing, judging, loader, args.epochs)
    seconds, steps = time.perf_counter() - begin, len(losses[0])
    print(f"Trained {steps} steps in {seconds:.1f} s, {1e3 * seconds / steps:.2f} ms each.")

    drawn = draw(drawing, 2000)
    far = distance(drawn, test)
    print(f"Distance of drawn images from real ones: {far:.2f}; "
          f"of noise: {distance(torch.rand_like(drawn), test):.2f}; "
          f"of other real ones: {distance(training[:2000], test):.2f}.")  # fmt: skip
    torch.save({"model": drawing.state_dict()}, args.out / "dcgan.pt")
    picture(args.out / "dcgan.png", drawn, losses)
    return program.verdict(steps >= 500 and far > GOAL, f"at most {GOAL}")


if __name__ == "__main__":
    sys.exit(main())
