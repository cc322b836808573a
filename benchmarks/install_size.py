"""What an installation takes, with all that it requires; the goal is 320 MB."""

import re
from importlib import metadata
from pathlib import Path

from .harness import Row, import_pytorch

GOAL_MB = 320
ROOT = Path(__file__).parent.parent


def rows():
    required = requirements_of_flambeau()
    ours = {"flambeau": folder_mb(ROOT / "flambeau")}
    for name in required:
        add_distribution(name, ours)
    theirs = {}
    if import_pytorch() is not None:
        add_distribution("torch", theirs)
    for title, sizes in (("flambeau", ours), ("PyTorch", theirs)):
        parts = ", ".join(f"{name} {mb:.0f}" for name, mb in sorted(sizes.items(), key=_by_size))
        print(f"{title}: {sum(sizes.values()):.0f} MB ({parts})")
    if sum(ours.values()) > GOAL_MB:
        yield Row(f"over {GOAL_MB} MB", None, None, None, None, f"{sum(ours.values()):.0f} MB")


def requirements_of_flambeau():
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def add_distribution(requirement, sizes):
    """Add a distribution and what it requires to {name: MB}; extras and other systems left out."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement).group()
    if name in sizes or ";" in requirement:
        return
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return
    files = {Path(distribution.locate_file(f)) for f in distribution.files or ()}
    sizes[name] = sum(f.stat().st_size for f in files if f.is_file()) / 1e6
    for further in distribution.requires or ():
        add_distribution(further, sizes)


def folder_mb(folder):
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6


def _by_size(item):
    return -item[1]
