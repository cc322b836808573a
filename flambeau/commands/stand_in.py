"""Put distributions named torch and torchvision, which are flambeau, into an environment, or take them out again.

`pip install LIBRARY` finds there what it asks for, and downloads no PyTorch; `import torch` gives flambeau.
"""

import argparse
import base64
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from ..identity import FOLDER

_NAMES = ("torch", "torchvision")
_INSTALLER = "flambeau stand-in"  # what INSTALLER says of ours
_FACTS = (
    "import importlib.util, sysconfig; print(sysconfig.get_path('purelib')); "
    "print(importlib.util.find_spec('flambeau') is not None)"
)


def main(arguments):
    parser = argparse.ArgumentParser("python -m flambeau stand-in", description=__doc__)
    parser.add_argument(
        "--into", metavar="ENV", help="a virtual environment or its Python; this one if left out"
    )
    parser.add_argument("--remove", action="store_true", help="take them out again")
    args = parser.parse_args(arguments)
    try:
        site, has_flambeau = _site(args.into)
        if args.remove:
            done = remove(site)
            print(
                f"Removed from {site}: {', '.join(done)}."
                if done
                else f"Nothing to remove from {site}."
            )
            return 0
        done = install(site)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"stand-in: {error}", file=sys.stderr)
        return 1
    print(f"Installed into {site}: {', '.join(done)}.")
    if not has_flambeau:
        print("flambeau itself is not installed there yet: `import torch` works once it is.")
    return 0


def _site(environment):
    """(the folder of packages of an environment, whether flambeau can be imported in it)."""
    python = Path(sys.executable if environment is None else environment)
    if python.is_dir():
        found = [python / "bin" / "python", python / "Scripts" / "python.exe"]
        python = next((p for p in found if p.exists()), None)
        if python is None:
            raise RuntimeError(f"{environment} is no virtual environment: it has no bin/python.")
    if not python.exists():
        raise RuntimeError(
            f"there is no {environment}. --into takes a virtual environment, or its Python."
        )
    try:
        told = subprocess.run(
            [str(python), "-c", _FACTS],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(FOLDER).anchor,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "strerror", None) or error.stderr.strip().rpartition("\n")[2]
        raise RuntimeError(f"{python} does not run as a Python: {reason}.") from None
    site, has_flambeau = told.stdout.split("\n")[:2]
    return Path(site), has_flambeau == "True"


def _ours(info):
    installer = info / "INSTALLER"
    return installer.exists() and installer.read_text().strip() == _INSTALLER


def _installed(site, name):
    """The folders of metadata of a distribution, as any installer writes them."""
    return [p for p in site.glob(f"{name}-*.dist-info")] + [*site.glob(f"{name}-*.egg-info")]


def install(site):
    """Writes the distributions into a folder of packages; returns what was written, as "torch 2.13.0".

    Raises:
        RuntimeError: the real ones are there.
    """
    for name in _NAMES:
        others = [p for p in _installed(site, name) if not _ours(p)]
        if others or ((site / name).exists() and not _installed(site, name)):
            raise RuntimeError(
                f"{name} itself is installed in {site}. Uninstall it first (pip uninstall {name}), or take "
                "another environment."
            )
    remove(site)
    done = []
    for kept in sorted(
        FOLDER.glob("*.egg-info")
    ):  # builders of wheels leave out any other *.dist-info
        name, version = kept.name.removesuffix(".egg-info").split("-")
        info = kept.with_suffix(".dist-info")
        shutil.copytree(FOLDER / name, site / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(kept, site / info.name)
        (site / info.name / "PKG-INFO").rename(site / info.name / "METADATA")
        (site / info.name / "INSTALLER").write_text(_INSTALLER + "\n")
        _write_record(site, name, info.name)
        done.append(f"{name} {version}")
    return done


def _write_record(site, name, info):
    """The list of files with their hashes, by which pip uninstalls. Source: PEP 376, PEP 427."""
    lines = []
    for folder in (name, info):
        for file in sorted((site / folder).rglob("*")):
            content = file.read_bytes()
            digest = (
                base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            )
            lines.append(f"{file.relative_to(site).as_posix()},sha256={digest},{len(content)}")
    lines.append(f"{info}/RECORD,,")
    (site / info / "RECORD").write_text("\n".join(lines) + "\n")


def remove(site):
    """Deletes what `install` wrote, and nothing else; returns what was there."""
    done = []
    for name in _NAMES:
        for info in _installed(site, name):
            if _ours(info):
                shutil.rmtree(site / name, ignore_errors=True)
                shutil.rmtree(info)
                done.append(name)
    return done
