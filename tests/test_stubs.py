"""The stubs say what calls take and give, and type checkers follow them."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import flambeau as fl
from tests.meta_calls import operands
from tests.test_meta import TEXTS

ROOT = Path(__file__).parent.parent


def _load():
    spec = importlib.util.spec_from_file_location("stubs", ROOT / "tools" / "stubs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stubs = _load()


@pytest.fixture(scope="module")
def texts():
    return dict(stubs.stubs())


def test_stubs_are_python(texts):
    for place, text in texts.items():
        ast.parse(text, place)


def test_every_public_name_is_in_the_stub(texts):
    tree = ast.parse(texts["flambeau/__init__.pyi"])
    names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.AnnAssign):
            names.add(node.target.id)
    public = {n for n in dir(fl) if not n.startswith("_")} - stubs.OWN
    inner = {n for n in public - fl._PACKAGES if isinstance(getattr(fl, n), ModuleType)}
    missing = public - inner - names
    assert not missing


def _told(result):
    plain = {fl.Tensor: "Tensor", bool: "_bool", int: "_int", list: "list", fl.dtype: "_dtype"}
    kind = type(result)
    if kind in plain:
        return plain[kind]
    return "tuple[Tensor, ...]" if kind is tuple else f"_results.{kind.__name__}"


@pytest.mark.parametrize("text", TEXTS)
def test_operators_give_what_their_stub_says(text):
    function = eval("fl." + text.partition("(")[0])
    if not stubs.is_operator(function):
        pytest.skip("plain Python, which checkers read themselves")
    said = stubs.returned(function)
    if said != "Tensor | Any":
        assert _told(eval("fl." + text, {"fl": fl, **operands()})) == said


SAMPLE = """
import flambeau as torch
from flambeau import nn

class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> tuple[torch.Tensor, int]:
        return self.fc(x) * scale, 3

net = Net()
reveal_type(net(torch.ones(2, 3), scale=2.0))
net("no")
reveal_type(torch.add(torch.ones(2), 1).shape)
reveal_type(torch.ones(2).sort().indices)
torch.no_such_name
torch.optim.lr_scheduler.OneCycleLR(torch.optim.Adam(net.parameters()), 0.1, 10)
"""


@pytest.mark.slow
def test_mypy_follows_the_stubs(tmp_path):
    pytest.importorskip("mypy")
    if not (ROOT / "flambeau" / "__init__.pyi").is_file():
        pytest.skip("the stubs are not built: make stubs")
    (tmp_path / "sample.py").write_text(SAMPLE)
    call = [sys.executable, "-m", "mypy", "--check-untyped-defs", "--follow-imports=silent"]
    call += ["--ignore-missing-imports", "--cache-dir", str(tmp_path / "cache")]
    environment = {"MYPYPATH": f"{ROOT}:{ROOT / 'examples'}", "PATH": "/usr/bin:/bin"}
    options = {"capture_output": True, "text": True, "cwd": tmp_path, "env": environment}
    examples = [str(path) for path in sorted((ROOT / "examples").glob("*.py"))]
    checked = subprocess.run([*call, "sample.py", *examples], **options).stdout
    errors = [line for line in checked.splitlines() if ": error:" in line]
    assert [line.partition(": error: ")[2] for line in errors] == [
        'Argument 1 has incompatible type "str"; expected "Tensor"  [arg-type]',
        'Module has no attribute "no_such_name"  [attr-defined]',
    ], checked
    for type_ in (
        "tuple[flambeau.tensor.Tensor, int]",
        "flambeau.types.Size",
        "flambeau.tensor.Tensor",
    ):
        assert f'Revealed type is "{type_}"' in checked
