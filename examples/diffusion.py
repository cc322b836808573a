"""Noise becomes a spiral, step by step: a diffusion model of points in the plane.

    python examples/diffusion.py

The network learns to tell the noise in points of two spirals that were blurred, a little or entirely. Starting from
pure noise and taking away what it sees, it makes new points. 4,000 steps take about twenty seconds.
"""

import math
import sys
import time

import pictures
import program
from tqdm import trange

import flambeau as torch
from flambeau import nn

STEPS = 100  # of noise
GOAL = 0.9  # of the new points lie within 0.15 of the spirals


def spirals(count):
    """Points (count, 2) on two spirals, within about 1.5 of the middle."""
    angle = 1.5 * math.pi * (0.15 + torch.rand(count).sqrt())
    radius = angle / 4
    points = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
    side = torch.randint(0, 2, (count, 1)) * 2 - 1
    return points * side + 0.03 * torch.randn(count, 2)


class Noise:
    """How much of a point is left after t of 100 steps: kept[t] of its square is signal, the rest noise.

    Source: Ho, Jain, Abbeel, "Denoising diffusion probabilistic models", 2020, arXiv:2006.11239; the cosine of kept:
    Nichol, Dhariwal, 2021, arXiv:2102.09672.
    """

    def __init__(self):
        t = torch.arange(STEPS + 1) / STEPS
        kept = ((t + 0.008) / 1.008 * math.pi / 2).cos() ** 2
        self.kept = (kept / kept[0]).clamp(min=1e-4)  # (101,)

    def add(self, points, t, noise):
        kept = self.kept[t][:, None]
        return kept.sqrt() * points + (1 - kept).sqrt() * noise

    def remove(self, points, t, noise):
        """One step back: a draw from what may have been before step t, if the noise in it is as told."""
        kept, before = self.kept[t], self.kept[t - 1]
        left = kept / before
        mean = (points - (1 - left) / (1 - kept).sqrt() * noise) / left.sqrt()
        if t == 1:
            return mean
        return mean + ((1 - before) / (1 - kept) * (1 - left)).sqrt() * torch.randn_like(points)


class Network(nn.Module):
    """Points (N, 2) and their steps (N,) -> the noise in them (N, 2)."""

    def __init__(self, width=128):
        super().__init__()
        self.register_buffer("frequencies", 2.0 ** torch.arange(6) * math.pi / 2)
        self.layers = nn.Sequential(
            nn.Linear(2 + 2 * 6, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2),
        )  # fmt: skip

    def forward(self, points, t):
        phases = (t / STEPS)[:, None] * self.frequencies
        return self.layers(torch.cat([points, phases.sin(), phases.cos()], 1))


def train(model, noise, steps, batch_size=512):
    """Returns the loss of each step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for _ in trange(steps, unit="step", mininterval=0.2):
        points, added = spirals(batch_size), torch.randn(batch_size, 2)
        t = torch.randint(1, STEPS + 1, (batch_size,))
        loss = (model(noise.add(points, t, added), t) - added).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def make(model, noise, count):
    """New points, after 0, 60, 80, 90 and 100 of the steps: {steps: (count, 2)}."""
    points = torch.randn(count, 2)
    seen = {0: points}
    for done, t in enumerate(range(STEPS, 0, -1), 1):
        points = noise.remove(points, t, model(points, torch.full((count,), t)))
        if done in (60, 80, 90, STEPS):
            seen[done] = points
    return seen


def share_near(points, others, far=0.15):
    """The share of points that have one of the others nearer than `far`."""
    return float((torch.cdist(points, others).amin(1) < far).float().mean())


@pictures.drawing
def picture(pyplot, seen):
    figure, grid = pyplot.subplots(1, len(seen), figsize=(15, 3.2), layout="constrained")
    for axes, (done, points) in zip(grid, seen.items()):
        axes.scatter(*points.T.numpy(), s=2, alpha=0.5)
        axes.set(title=f"after {done} steps", xlim=(-2.5, 2.5), ylim=(-2.5, 2.5), aspect="equal")
    return figure


def main():
    parser = program.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=4000)
    args = program.started(parser)
    model, noise = Network(), Noise()
    begin = time.perf_counter()
    losses = train(model, noise, args.steps)
    seconds = time.perf_counter() - begin
    print(f"Trained {args.steps} steps in {seconds:.1f} s; loss {pictures.smooth(losses)[-1]:.3f}.")
    seen = make(model, noise, 2000)
    share = share_near(seen[STEPS], spirals(2000))
    covered = share_near(spirals(2000), seen[STEPS])
    print(
        f"{100 * share:.1f} % of the new points lie on the spirals; {100 * covered:.1f} % of the spirals are covered."
    )
    picture(args.out / "diffusion.png", seen)
    return program.verdict(
        args.steps >= 4000 and min(share, covered) < GOAL, f"at least {100 * GOAL:.0f} %"
    )


if __name__ == "__main__":
    sys.exit(main())
