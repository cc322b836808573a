"""Type stubs of the whole public interface, made from the package itself: `make stubs`.

    python tools/stubs.py FOLDER        writes flambeau/*.pyi below FOLDER

Operators come with the signatures and kinds of arguments that their declarations have (ops/core/kinds.py); what
is written in plain Python is imported from its module, where a type checker reads it. An operator returns a
Tensor unless its declaration says otherwise: `-> bool`, `-> tuple` (of tensors), `-> object` (the arguments decide).
"""

import importlib
import importlib.util
import inspect
import sys
import warnings
from pathlib import Path
from types import FunctionType, ModuleType

ROOT = Path(__file__).resolve().parent.parent

# Modules whose names are put there by declarations, which no type checker follows.
DECLARED = "fft linalg special signal.windows".split()
# Lazy packages that are none of the interface.
INNER = ("kernels", "ops")


def spaces():
    """The modules that need a stub: those above, and all packages that load their names lazily."""
    lazy = []
    for file in sorted((ROOT / "flambeau").rglob("__init__.py")):
        path = ".".join(file.parent.relative_to(ROOT).parts)
        if "__getattr__" in file.read_text() and path.split(".")[1:2] not in [[n] for n in INNER]:
            lazy.append(path)
    return [*lazy, *(f"flambeau.{name}" for name in DECLARED)]


HEAD = '''"""Made by tools/stubs.py from the package itself."""
# mypy: disable-error-code="override,misc,assignment,no-redef,attr-defined"
'''

KINDS = {
    "b": "_bool",
    "i": "_int",
    "z": "_int | Sequence[_int]",
    "p": "_int | Sequence[_int] | str",
    "n": "_Number | Tensor",
    "t": "_dtype",
    "m": "_memory_format",
    "l": "Sequence[Tensor]",
}
# What the names of other arguments say; those that are missing may be anything.
NAMES = {
    **dict.fromkeys(
        "input self A B a b weight index indices mask tensor mat mat1 mat2 vec vec1 vec2 batch1 batch2 tensor1 "
        "tensor2 running_mean running_var LU_data LU_pivots LU LD pivots tau L x1 x2 sorted_sequence real imag "
        "abs angle log_probs grad_output target source src condition boundaries".split(),
        "Tensor",
    ),
    **dict.fromkeys("other exponent values".split(), "Tensor | _Number"),
    **dict.fromkeys("value min max start end step fill_value".split(), "_Number | Tensor"),
    **dict.fromkeys("bias weights generator device layout".split(), None),
    "bias": "Tensor",
    "device": "_device | str | _int",
    "norm": "str",
    "reduction": "str",
    "p": "_float",
    "n": "_int",
}
# Names of the language that modules import for themselves.
OWN = {"annotations", "importlib", "import_module", "table_of_contents", "listed"}
OPERATORS = {
    **dict.fromkeys(
        "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split(), "binary"
    ),
    **dict.fromkeys(
        "radd rsub rmul rtruediv rfloordiv rmod rpow rmatmul rand ror rxor".split(), "binary"
    ),
    **dict.fromkeys("iadd isub imul itruediv ifloordiv imod ipow iand ior ixor".split(), "binary"),
    **dict.fromkeys("lt le gt ge eq ne".split(), "binary"),
    **dict.fromkeys("neg pos abs invert".split(), "unary"),
}
RETURNED = {
    "bool": "_bool",
    "int": "_int",
    "dtype": "_dtype",
    "tuple": "tuple[Tensor, ...]",
    "list": "list",
    "dict": "dict",
    "None": "None",
    "object": "Tensor | Any",  # the arguments decide
    "tuple | int": "Any",
    "bool | int | float | complex": "Any",
}
PRELUDE = """from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from builtins import bool as _bool, complex as _complex, float as _float, int as _int, str as _str
"""
TYPES = """from {up}types import Size as _Size, device as _device, memory_format as _memory_format
from {up}_core import dtype as _dtype
"""
NUMBER = "_Number = _int | _float | _complex\n"


def returned(operator):
    """What an operator returns, as its declaration or the text of its signature says."""
    from flambeau.ops.core import results

    note = inspect.signature(operator).return_annotation
    if note is not inspect.Signature.empty:
        return RETURNED[getattr(note, "__name__", str(note))]
    named = {*results.later, *results.by_name}
    name = operator.__name__
    if operator.__module__ == "flambeau.linalg" and "linalg_" + name in named:
        name = "linalg_" + name
    return f"_results.{name}" if name in named else "Tensor"


def type_of(name, default, kind):
    """The type of one argument of an operator."""
    small = kind.lower()
    text = KINDS.get(small) or NAMES.get(name) or "Any"
    if default is True or default is False:
        text = "_bool" if text == "Any" else text
    optional = default is None or (kind != small and kind != "*")
    return f"{text} | None" if optional and text != "Any" else text


def kinds_of(operator):
    from flambeau.ops.core.kinds import parameters_of

    declared = getattr(operator, "__wrapped__", None)
    if not isinstance(declared, FunctionType):
        return {}
    names, kinds, *_ = parameters_of(declared)
    return dict(zip(names, kinds, strict=True))


def value_text(value):
    return repr(value) if value is None or type(value) in (bool, int, float, str) else "..."


def parameters_text(operator, method=False):
    """The arguments of an operator with types and defaults, the first as self where it is a method."""
    from flambeau.ops.core.kinds import _BY_NAME

    kinds, texts, starred = kinds_of(operator), [], False
    for place, p in enumerate(inspect.signature(operator).parameters.values()):
        if method and place == 0:
            texts.append("self")
            continue
        if p.kind is p.VAR_POSITIONAL:
            starred = True
            texts.append(
                f"*{p.name}: {'Any' if p.name in ('args', 'tensors') else '_int | Sequence[_int]'}"
            )
            continue
        if p.kind is p.VAR_KEYWORD:
            texts.append(f"**{p.name}: Any")
            continue
        if p.kind is p.KEYWORD_ONLY and not starred:
            starred = True
            texts.append("*")
        kind = kinds.get(p.name) or _BY_NAME.get(p.name, "*")
        if p.name == "out":
            text = "out: Tensor | Sequence[Tensor] | None"
        else:
            default = ... if p.default is p.empty else p.default
            text = f"{p.name}: {type_of(p.name, default, kind)}"
        texts.append(text if p.default is p.empty else f"{text} = {value_text(p.default)}")
    return ", ".join(texts)


def definition(name, operator, method=False, indent=""):
    """The stub of one operator, with the first line of its docstring."""
    result = returned(operator)
    about = (
        (inspect.getdoc(operator) or "")
        .partition("\n")[0]
        .replace("\\", r"\\")
        .replace('"""', "'''")
    )
    if about.endswith('"'):
        about += " "
    body = f'\n{indent}    """{about}"""' if about else " ..."
    return f"{indent}def {name}({parameters_text(operator, method)}) -> {result}:{body}\n"


def home_of(name, value):
    """The module that a plain function or class can be imported from under its name, or None."""
    module = getattr(value, "__module__", None)
    if not isinstance(module, str) or not module.startswith("flambeau."):
        return None
    if getattr(value, "__name__", None) != name or module == "flambeau._core":
        return None
    try:
        return module if getattr(importlib.import_module(module), name, None) is value else None
    except ImportError:
        return None


def is_operator(value):
    from flambeau import _core

    return isinstance(value, _core.Operator)


def space_text(module, path):
    """The stub of a package of names."""
    depth = path.count(".") + (1 if hasattr(module, "__path__") else 0)
    up = "." * max(depth, 1)
    lines = [PRELUDE, TYPES.format(up=up), NUMBER]
    if path != "flambeau":
        lines.append(f"from {up}tensor import Tensor\n")
    lines.append(f"from {up} import return_types as _results\n")
    shown = {*getattr(module, "__all__", ()), *(n for n in dir(module) if not n.startswith("_"))}
    names = sorted(shown - OWN)
    if path == "flambeau":
        names.append("__version__")
    for name in dict.fromkeys(names):
        try:
            value = getattr(module, name)
        except (AttributeError, ImportError):  # of something that is not installed
            lines.append(f"{name}: Any\n")
            continue
        if path == "flambeau" and isinstance(value, ModuleType) and name not in module._PACKAGES:
            continue  # an inner module, which is there once something has imported it
        lines.append(entry(name, value, path))
    return HEAD + "".join(lines)


def entry(name, value, path):
    from flambeau import _core

    if isinstance(value, ModuleType):
        package, _, own = value.__name__.rpartition(".")
        if not value.__name__.startswith("flambeau."):
            return f"{name}: Any\n"
        return f"from {'.' if package == path else package} import {own} as {name}\n"
    if is_operator(value):
        return definition(name, value)
    if name == "Tensor":
        return "from flambeau.tensor import Tensor as Tensor\n"
    home = home_of(name, value)
    if home and home != path:
        return f"from {home} import {name} as {name}\n"
    if isinstance(value, _core.dtype):
        return f"{name}: _dtype\n"
    if isinstance(value, type):
        home = home_of(value.__name__, value)
        return (
            f"from {home} import {value.__name__} as {name}\n" if home else f"class {name}: ...\n"
        )
    if callable(value):
        return f"def {name}(*args: Any, **kwargs: Any) -> Any: ...\n"
    known = {bool: "_bool", int: "_int", float: "_float", str: "_str"}
    return f"{name}: {known.get(type(value), 'Any')}\n"


def tensor_text():
    """The stub of Tensor: operators as methods, Python's own operators, and properties by what they give."""
    import flambeau as fl

    sample = fl.ones(2, 2)
    lines = [
        PRELUDE,
        TYPES.format(up="."),
        NUMBER,
        "from . import return_types as _results\n\n",
        "class Tensor:\n",
    ]
    lines.append(
        '    """A typed array of any number of dimensions that can be differentiated."""\n'
    )
    lines.append("    def __init__(self, *data: Any, **options: Any) -> None: ...\n")
    for name, kind in OPERATORS.items():
        if hasattr(fl.Tensor, f"__{name}__"):
            other = ", other: Any" if kind == "binary" else ""
            lines.append(f"    def __{name}__(self{other}) -> Tensor: ...\n")
    lines += [
        "    def __getitem__(self, index: Any) -> Tensor: ...\n",
        "    def __setitem__(self, index: Any, value: Any) -> None: ...\n",
        "    def __iter__(self) -> Iterator[Tensor]: ...\n",
        "    def __len__(self) -> _int: ...\n",
        "    def __bool__(self) -> _bool: ...\n",
        "    def __int__(self) -> _int: ...\n",
        "    def __float__(self) -> _float: ...\n",
        "    def __complex__(self) -> _complex: ...\n",
        "    def __index__(self) -> _int: ...\n",
        "    def __hash__(self) -> _int: ...\n",
        "    def __contains__(self, item: Any) -> _bool: ...\n",
        "    def __array__(self, dtype: Any = None) -> Any: ...\n",
    ]
    for name in sorted(n for n in dir(fl.Tensor) if not n.startswith("_")):
        value = inspect.getattr_static(fl.Tensor, name)
        if is_operator(value):
            lines.append(definition(name, value, method=True, indent="    "))
        elif callable(value) and not isinstance(value, type):
            lines.append(f"    def {name}{method_text(value)}: ...\n")
        elif isinstance(value, property) or hasattr(value, "__get__"):
            lines.append(f"    {name}: {property_type(sample, name)}\n")
    return HEAD + "".join(lines)


def method_text(function):
    """The signature of a method in plain Python, without types; casts give tensors."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return "(self, *args: Any, **kwargs: Any) -> Any"
    texts, starred = [], False
    for place, p in enumerate(parameters):
        if place == 0:
            texts.append("self")
            continue
        if p.kind is p.VAR_POSITIONAL:
            starred = True
        if p.kind is p.KEYWORD_ONLY and not starred:
            starred = True
            texts.append("*")
        mark = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        default = "" if p.default is p.empty else f" = {value_text(p.default)}"
        texts.append(f"{mark}{p.name}: Any{default}")
    result = getattr(function, "__annotations__", {}).get("return")
    return f"({', '.join(texts)}) -> {result or 'Any'}"


def property_type(sample, name):
    import flambeau as fl

    if name in ("grad", "_base"):
        return "Tensor | None"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what was removed from PyTorch says so when it is read
            value = getattr(sample, name)
    except Exception:
        return "Any"
    known = {
        fl.Tensor: "Tensor",
        fl.Size: "_Size",
        fl.dtype: "_dtype",
        fl.device: "_device",
        bool: "_bool",
        int: "_int",
        str: "_str",
    }
    return known.get(type(value), "Any")


def results_text():
    """Named results as named tuples."""
    from flambeau import return_types
    from flambeau.ops.core import results

    lines = [HEAD, "from typing import NamedTuple\nfrom .tensor import Tensor\n\n"]
    for name in sorted(return_types._known()):
        fields = getattr(return_types, name).__match_args__
        assert name.removesuffix("_out") in {*results.later, *results.by_name}
        lines.append(f"class {name}(NamedTuple):\n")
        lines += [f"    {field}: Tensor\n" for field in fields]
    return "".join(lines)


def core_text():
    """The core: its functions with their signatures, its classes by name."""
    from flambeau import _core

    lines = [
        PRELUDE,
        TYPES.format(up=".").replace("from ._core import dtype as _dtype\n", ""),
        NUMBER,
    ]
    lines += ["from . import return_types as _results\nfrom .tensor import Tensor as Tensor\n"]
    names = sorted(n for n in dir(_core) if not n.startswith("__"))
    types = [n for n in names if isinstance(getattr(_core, n), type) and n != "Tensor"]
    for name in types:
        lines.append(f"class {name}:\n    def __getattr__(self, name: _str) -> Any: ...\n")
    lines.append("_dtype = dtype\n")
    for name in names:
        value = getattr(_core, name)
        if is_operator(value):
            lines.append(definition(name, value))
        elif name not in types and name != "Tensor":
            lines.append(f"{name}: {'dtype' if isinstance(value, _core.dtype) else 'Any'}\n")
    return HEAD + "".join(lines)


def stubs():
    """(path below the folder, text) of every stub."""
    for full in spaces():
        module = importlib.import_module(full)
        place = full.replace(".", "/") + (
            "/__init__.pyi" if hasattr(module, "__path__") else ".pyi"
        )
        yield place, space_text(module, full)
    yield "flambeau/_core.pyi", core_text()
    yield "flambeau/tensor.pyi", tensor_text()
    yield "flambeau/return_types.pyi", results_text()


def main(folder, core=None):
    """Writes all stubs; `core` is the built core where it lies outside of the package."""
    sys.path.insert(0, str(ROOT))
    if core:
        spec = importlib.util.spec_from_file_location("flambeau._core", core)
        module = sys.modules["flambeau._core"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    for place, text in stubs():
        path = Path(folder, place)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
