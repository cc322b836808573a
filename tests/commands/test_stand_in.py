"""python -m flambeau stand-in: distributions named torch and torchvision in an environment without PyTorch."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import flambeau as torch
from flambeau import identity
from flambeau.commands import stand_in

ROOT = Path(__file__).parents[2]


def python(environment, *arguments, **options):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP"))}
    return subprocess.run(
        [environment / "bin" / "python", *arguments],
        capture_output=True,
        text=True,
        env=clean,
        **options,
    )


def pip(environment, *arguments):
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            environment,
            "--disable-pip-version-check",
            *arguments,
        ],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with flambeau and what it needs, and nothing of PyTorch."""
    made = tmp_path_factory.mktemp("stand_in") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    site = stand_in._site(made)[0]
    import llvmlite
    import numpy

    # No .pth to all packages of this Python, where PyTorch may be: links to those that flambeau needs.
    (site / "flambeau").symlink_to(ROOT / "flambeau")
    for package in (numpy, llvmlite):
        for part in Path(package.__file__).parents[1].glob(f"{package.__name__}*"):
            (site / part.name).symlink_to(part)
    return made


def test_versions_are_those_of_the_interfaces():
    from flambeau import vision

    names = {path.name for path in identity.FOLDER.glob("*.egg-info")}
    assert names == {
        f"torch-{torch.__version__}.egg-info", f"torchvision-{vision.__version__}.egg-info",
    }  # fmt: skip
    for info in identity.FOLDER.glob("*.egg-info"):
        name, version = info.stem.split("-")
        text = (info / "PKG-INFO").read_text()
        assert f"Name: {name}\nVersion: {version}\n" in text
    assert f"Requires-Dist: torch=={torch.__version__}" in text or "torchvision" not in text


def test_it_installs_once_lists_its_files_and_removes_them(tmp_path):
    done = stand_in.install(tmp_path)
    assert done == ["torch 2.13.0", "torchvision 0.28.0"] and stand_in.install(tmp_path) == done
    for info in tmp_path.glob("*.dist-info"):
        for line in (info / "RECORD").read_text().splitlines():
            file, digest, size = line.split(",")
            content = (tmp_path / file).read_bytes()
            if not file.endswith("RECORD"):
                wanted = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
                assert digest == f"sha256={wanted.decode()}" and int(size) == len(content)
    assert stand_in.remove(tmp_path) == ["torch", "torchvision"]
    assert list(tmp_path.iterdir()) == [] and stand_in.remove(tmp_path) == []


@pytest.mark.parametrize("name", ["torch", "torchvision"])
def test_where_the_real_ones_are_it_refuses_and_removes_nothing(
    tmp_path, name, capsys, monkeypatch
):
    (tmp_path / name).mkdir()
    (tmp_path / f"{name}-2.0.dist-info").mkdir()
    (tmp_path / f"{name}-2.0.dist-info" / "INSTALLER").write_text("pip\n")
    monkeypatch.setattr(stand_in, "_site", lambda into: (tmp_path, True))
    assert stand_in.main([]) == 1
    assert f"{name} itself is installed in {tmp_path}" in capsys.readouterr().err
    assert stand_in.main(["--remove"]) == 0 and (tmp_path / name).exists()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_no_environment_is_refused(tmp_path, capsys):
    assert stand_in.main(["--into", str(tmp_path)]) == 1
    assert "is no virtual environment" in capsys.readouterr().err
    assert stand_in.main(["--into", str(tmp_path / "nowhere")]) == 1
    assert "nowhere. --into takes a virtual environment" in capsys.readouterr().err
    (tmp_path / "text").write_text("no program")
    assert stand_in.main(["--into", str(tmp_path / "text")]) == 1
    assert "text does not run as a Python: Permission denied." in capsys.readouterr().err


LIBRARY = """
import importlib.metadata as metadata, importlib.util, subprocess, sys
assert metadata.version("torch") == "2.13.0" and importlib.util.find_spec("torch").name == "torch"
assert "torch" in metadata.packages_distributions()
import torch.nn as nn, torchvision, torch
assert torch.__name__ == torch.Tensor.__module__ == "torch" and torchvision.__name__ == "torchvision"
assert type(nn.Linear(2, 2)).__module__ == "torch.nn.modules.linear" and torch.version.flambeau
child = subprocess.run([sys.executable, "-c", "import torch; print(torch.version.flambeau)"], capture_output=True, text=True)
assert child.stdout.strip() == torch.version.flambeau, child.stderr
print("runs on", torch.__name__)
"""


def library(folder):
    """A wheel of one module that asks for PyTorch."""
    info = "needs_torch-1.0.dist-info"
    with zipfile.ZipFile(folder / "needs_torch-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("needs_torch.py", LIBRARY)
        wheel.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: needs_torch\nVersion: 1.0\nRequires-Dist: torch>=2.1\n",
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return folder


def test_pip_is_satisfied_and_a_library_runs(environment, tmp_path):
    assert stand_in.main(["--into", str(environment)]) == 0
    done = pip(
        environment, "install", "--no-index", "--find-links", library(tmp_path), "needs_torch"
    )
    assert done.returncode == 0, done.stderr
    ran = python(environment, "-m", "needs_torch", cwd=tmp_path)
    assert ran.stdout == "runs on torch\n", ran.stderr
    assert pip(environment, "uninstall", "-y", "torch").returncode == 0
    assert python(environment, "-c", "import torch", cwd=tmp_path).returncode != 0
    assert stand_in.main(["--into", str(environment), "--remove"]) == 0


@pytest.mark.skipif(
    "FLAMBEAU_TEST_NETWORK" not in os.environ,
    reason="FLAMBEAU_TEST_NETWORK=1 lets it install from an index",
)
def test_einops_and_timm_are_installed_without_pytorch(environment, tmp_path):
    assert stand_in.main(["--into", str(environment)]) == 0
    done = pip(environment, "install", "einops", "timm")
    assert done.returncode == 0, done.stderr
    listed = pip(environment, "list").stdout.lower()
    assert "timm" in listed and "nvidia" not in listed and "triton" not in listed
    assert stand_in._ours(next(stand_in._site(environment)[0].glob("torch-*.dist-info")))
    program = "import torch, einops; print(einops.rearrange(torch.ones(2, 3, 4), 'a b c -> c (a b)').shape)"
    ran = python(environment, "-c", program, cwd=tmp_path)
    assert ran.stdout == "torch.Size([4, 6])\n", ran.stderr


def test_a_wheel_holds_what_it_copies():
    # scikit-build-core leaves out folders called *.dist-info, and what git ignores.
    kept = [p for p in identity.FOLDER.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(p.name == "PKG-INFO" for p in kept) == 2
    assert not [p for p in kept if any(part.endswith(".dist-info") for part in p.parts)]
    if shutil.which("git") and (ROOT / ".git").exists():
        ignored = subprocess.run(
            ["git", "check-ignore", "--no-index", *kept], cwd=ROOT, capture_output=True, text=True
        )
        assert ignored.stdout == ""
