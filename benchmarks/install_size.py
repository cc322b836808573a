"""What an installation takes, with all that it requires; the goals are 320 MB, and 1,000 MB with three libraries."""

import re
from importlib import metadata
from pathlib import Path

from .harness import Row, import_pytorch

GOAL_MB = 320
LIBRARIES, GOAL_WITH_LIBRARIES_MB = ("transformers", "timm", "lightning"), 1000
ROOT = Path(__file__).parent.parent


def rows():
    required = requirements_of_flambeau()
    ours = {"flambeau": folder_mb(ROOT / "flambeau")}
    for name in required:
        add_distribution(name, ours)
    theirs = {}
    if import_pytorch() is not None:
        add_distribution("torch", theirs)
    _tell("flambeau", ours)
    if theirs:
        _tell("PyTorch", theirs)
    if sum(ours.values()) > GOAL_MB:
        yield _over(GOAL_MB, ours)
    # Only where all of them are installed; what stands in for PyTorch takes a few kilobytes.
    with_libraries = {**ours, "torch": 0, "torchvision": 0}
    for name in LIBRARIES:
        add_distribution(name, with_libraries)
    if all(name in with_libraries for name in LIBRARIES):
        _tell(f"flambeau, {', '.join(LIBRARIES)}", with_libraries)
        if sum(with_libraries.values()) > GOAL_WITH_LIBRARIES_MB:
            yield _over(GOAL_WITH_LIBRARIES_MB, with_libraries)


def _tell(title, sizes):
    parts = [f"{name} {mb:.0f}" for name, mb in sorted(sizes.items(), key=_by_size) if mb >= 1]
    print(f"{title}: {sum(sizes.values()):.0f} MB ({', '.join(parts)})")


def _over(goal_mb, sizes):
    return Row(f"over {goal_mb} MB", None, None, None, None, f"{sum(sizes.values()):.0f} MB")


def requirements_of_flambeau():
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def add_distribution(requirement, sizes):
    """Add a distribution and what it requires to {name: MB}; extras and other systems left out."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement).group().lower().replace("_", "-")
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
