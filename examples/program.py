"""What each example does around its work: its arguments, its loop, and whether it reached its goal."""

import argparse
from pathlib import Path

import flambeau as torch


def arguments(doc):
    """A parser that knows --seed and --out; doc is the program's."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out")
    return parser


def started(parser):
    """The arguments given; the folder for results is there, and the generator is seeded."""
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    return args


def descend(loss_of, loader, epochs, optimizer, schedule=None):
    """A step for each batch, loss_of(*batch) being its loss; returns all losses."""
    losses = []
    for _ in range(epochs):
        for batch in loader:
            loss = loss_of(*batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule is not None:
                schedule.step()
            losses.append(loss.item())
    return losses


def verdict(failed, expected):
    """The exit status of a program, which says what it should have reached where it failed."""
    if failed:
        print(f"FAILED: expected {expected}.")
    return int(failed)
