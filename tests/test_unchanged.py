"""Programs that say `import torch` run unchanged: python -m flambeau program.py."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import flambeau as torch

ROOT = Path(__file__).parent.parent

PROGRAM = """
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.backends.cudnn as cudnn
import torchvision.transforms as T
from torch import Tensor, optim
from torch.cuda.amp import autocast
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets, transforms

cudnn.benchmark = True
assert torch.nn is nn and transforms is T and nn.functional is F
device = torch.device(
    "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
)

@torch.jit.script
def double(x: Tensor) -> Tensor:
    return 2 * x

def main():
    torch.manual_seed(0)
    model = torch.compile(nn.Linear(3, 1)).to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    schedule = StepLR(optimizer, 1)
    x = torch.randn(32, 3)
    for a, b in DataLoader(TensorDataset(x, double(x.sum(1, keepdim=True))), batch_size=8):
        loss = F.mse_loss(model(a.to(device)), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    schedule.step()
    print("loss", loss.item() < 10, "arguments", sys.argv[1:])

if __name__ == "__main__":
    main()
"""


def run(*arguments, cwd=ROOT):
    command = [sys.executable, "-m", "flambeau", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "HOME": str(cwd)},
    )


def test_a_program_with_the_imports_of_tutorials(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    for how in ([tmp_path / "program.py"], ["-m", "program"]):
        done = run(*how, "--epochs", 3, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "loss True arguments ['--epochs', '3']\n"


def test_a_program_knows_its_whole_path(tmp_path):
    (tmp_path / "program.py").write_text("import sys\nprint(__file__, sys.argv[1:])")
    for command in (["program.py"], ["trace", "program.py"]):
        done = run(*command, "x", cwd=tmp_path)
        assert done.stdout.splitlines()[:1] == [f"{tmp_path}/program.py ['x']"], done.stderr
    done = run("-m", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "flambeau: -m takes the name of a module.\n")


def test_what_is_missing_is_named(tmp_path):
    (tmp_path / "program.py").write_text("import torch.wibble\n")
    done = run(tmp_path / "program.py")
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'torch.wibble'" in done.stderr
    assert run().returncode == 2 and "python -m flambeau" in run("--help").stdout


def test_switches_of_libraries_that_are_not_used():
    from flambeau.backends import cudnn

    cudnn.deterministic = True
    with cudnn.flags(enabled=False, deterministic=False):
        assert not cudnn.deterministic and not cudnn.enabled
    assert cudnn.deterministic and cudnn.enabled
    cudnn.deterministic = False
    backends = torch.backends
    backends.cuda.matmul.allow_tf32 = True
    backends.cuda.enable_flash_sdp(False)
    with backends.cuda.sdp_kernel(enable_flash=True):
        assert backends.cuda.flash_sdp_enabled()
    assert not backends.cuda.flash_sdp_enabled()
    backends.cuda.enable_flash_sdp(True)
    for library in ("cudnn", "mps", "mkl", "mkldnn", "openmp"):
        assert getattr(backends, library).is_available() is False
    assert backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
    assert torch.accelerator.current_accelerator() is None and not torch.accelerator.is_available()
    assert not torch.mps.is_available() and torch.xpu.device_count() == 0


def test_compilers_give_back_what_they_get():
    jit, model = torch.jit, torch.nn.Linear(2, 2).eval()
    assert jit.script(model) is jit.trace(model, torch.ones(1, 2)) is jit.freeze(model) is model
    assert not isinstance(model, jit.ScriptModule) and not jit.is_scripting()
    assert jit.annotate(int, 3) == 3 and jit.wait(jit.fork(max, 1, 2)) == 2
    for decorator in (jit.ignore, jit.ignore(drop=True), jit.unused, jit.export):
        assert decorator(run) is run
    assert torch.compiler.disable(run) is torch.compiler.disable(reason="why")(run) is run
    # As transformers decorates its attention; what it calls may stay uncompiled, too.
    assert torch.compiler.disable(recursive=False)(run) is run
    assert not torch.compiler.is_compiling()
    with pytest.raises(RuntimeError, match="jit.script: weight has no shape yet"):
        jit.script(torch.nn.LazyLinear(2))
    for refused in (jit.save, jit.load):
        with pytest.raises(NotImplementedError, match="state dict"):
            refused(model, "file")


def test_the_older_mixed_precision_warns_and_changes_nothing():
    with pytest.warns(UserWarning, match="GradScaler: there is no CUDA device, so it is off"):
        scaler = torch.cuda.amp.GradScaler()
    loss = torch.ones(1)
    assert scaler.scale(loss) is loss
    with pytest.warns(UserWarning, match="not available"), torch.cuda.amp.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


NAMES = """
import copy, inspect, io, pickle, sys
import torch, torchvision
import torch.nn as nn
import torch.nn.functional as F

assert (torch.__name__, nn.__name__, F.__name__) == ("torch", "torch.nn", "torch.nn.functional")
for kind, name in {
    torch.Tensor: "torch.Tensor",
    torch.Size: "torch.Size",
    torch.device: "torch.device",
    torch.dtype: "torch.dtype",
    nn.Parameter: "torch.nn.parameter.Parameter",
    nn.Linear: "torch.nn.modules.linear.Linear",
    torch.optim.SGD: "torch.optim.sgd.SGD",
    torch.utils.data.DataLoader: "torch.utils.data.dataloader.DataLoader",
    torch.TypedStorage: "torch.storage.TypedStorage",
    torchvision.transforms.Compose: "torchvision.transforms.compose.Compose",
    torch.return_types.max: "torch.return_types.max",
}.items():
    assert f"{kind.__module__}.{kind.__qualname__}" == name, kind
assert torch.add.__module__ == "torch" and F.relu.__module__ == "torch.nn.functional"
assert inspect.getmodule(nn.Linear) is sys.modules["torch.nn.modules.linear"]
assert sys.modules["torch.nn.modules.linear"] is sys.modules["flambeau.nn.modules.linear"]

objects = torch.int8, torch.Size([1]), torch.device("cpu"), torch.add, F.relu, nn.Linear(2, 2), torch.ones(2).max(0)
for obj in objects:
    content = pickle.dumps(obj)
    assert b"flambeau" not in content, content
    assert type(pickle.loads(content)) is type(copy.deepcopy(obj)) is type(obj)
file = io.BytesIO()
torch.save(objects[5], file)
file.seek(0)
assert type(torch.load(file, weights_only=False)) is nn.Linear

import flambeau
assert flambeau is torch and flambeau.nn is nn
print("named")
"""


def test_modules_classes_and_functions_have_the_names_that_libraries_look_for(tmp_path):
    (tmp_path / "names.py").write_text(NAMES)
    done = run(tmp_path / "names.py")
    assert done.stdout == "named\n", done.stderr
    assert torch.__name__ == torch.Tensor.__module__ == torch.add.__module__ == "flambeau"
    assert torch.nn.Linear.__module__ == "flambeau.nn.modules.linear"


def test_a_module_imported_under_a_second_name_is_executed_once(tmp_path):
    """An import hook that mirrors flambeau's modules under its other name while it looks for one."""
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import importlib, importlib.abc, importlib.machinery, sys

            class Mirror(importlib.abc.MetaPathFinder, importlib.abc.Loader):
                def find_spec(self, name, path=None, target=None):
                    if name.partition(".")[0] != "other":
                        return None
                    importlib.import_module("flambeau" + name[5:])
                    for own, module in list(sys.modules.items()):
                        if own.startswith("flambeau"):
                            sys.modules.setdefault("other" + own[8:], module)
                    return importlib.machinery.ModuleSpec(name, self)

            import flambeau
            sys.meta_path.insert(0, Mirror())
            import other.nn.parameter
            from other.utils.data import DataLoader

            assert other is flambeau and other.nn.parameter is flambeau.nn.parameter
            assert isinstance(other.nn.parameter.UninitializedBuffer(), flambeau.nn.UninitializedBuffer)
            assert DataLoader is flambeau.utils.data.DataLoader
            first = flambeau.nn.parameter.UninitializedBuffer
            assert importlib.reload(flambeau.nn.parameter) is sys.modules["flambeau.nn.parameter"]
            assert flambeau.nn.parameter.UninitializedBuffer is not first
            """
        )
    )
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr


METADATA = """
import importlib.metadata as metadata
import importlib.util
import torch, torchvision
assert metadata.version("torch") == torch.__version__ == "2.13.0", metadata.version("torch")
assert metadata.distribution("torch").metadata["Name"] == "torch"
assert metadata.version("torchvision") == torchvision.__version__ or "torchvision" in metadata.packages_distributions()
assert "torch" in metadata.packages_distributions() and importlib.util.find_spec("torch") is not None
try:
    metadata.version("torchaudio")
except metadata.PackageNotFoundError:
    print("fine")
"""


def test_libraries_find_the_metadata_that_they_look_for(tmp_path):
    (tmp_path / "program.py").write_text(METADATA)
    done = run(str(tmp_path / "program.py"))
    assert done.returncode == 0 and done.stdout == "fine\n", done.stderr


CHILDREN = """
import subprocess, sys
child = "import importlib.metadata as m; v = m.version('torch'); import torch; print(v, torch.__name__, torch.version.flambeau)"
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout, end="")
"""


def test_python_processes_that_a_program_starts_have_the_names_too(tmp_path):
    (tmp_path / "program.py").write_text(CHILDREN)
    done = run(tmp_path / "program.py")
    assert done.stdout == f"2.13.0 torch {torch.version.flambeau}\n", done.stderr


def test_pytest_runs_under_the_names(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import torch\ndef test_it():\n    assert torch.Tensor.__module__ == 'torch' and torch.version.flambeau\n"
    )
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_notebook_loads_them_as_an_extension(tmp_path):
    (tmp_path / "cells.py").write_text(
        "import flambeau\nflambeau.load_ipython_extension(None)\n"
        "import torch, torchvision.transforms\n"
        "print(torch.__name__, torchvision.__name__, torch is flambeau)\n"
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "cells.py"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "torch torchvision True\n", done.stderr
