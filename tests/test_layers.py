"""Imports and includes point downwards, floor by floor: each one of every file is read."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "flambeau"

# The floor of each part, the most precise prefix decides. The table of docs/architecture.md.
FLOORS = {
    "flambeau._core": 1,
    "flambeau.calls": 1,  # what the parser of arguments leaves to Python
    "flambeau.lazy_modules": 1,
    "flambeau.modes": 1,  # what `with` puts in force in a thread
    "flambeau.nodes": 1,  # what the core leaves to Python of them
    "flambeau.refusals": 1,  # errors for names that are not offered
    "flambeau.types": 1,  # Size, device and the like, which the core gives to Python
    "flambeau.type_names": 1,
    "flambeau.kernels": 2,
    "flambeau.ops": 3,
    "flambeau": 4,
    "flambeau.nn": 5,
    "flambeau.optim": 5,
    "flambeau.func": 6,
    "flambeau.functorch": 6,
    "flambeau._functorch": 6,
    "flambeau._C._functorch": 6,
    "flambeau.jit": 6,
    "flambeau.compiler": 6,
    "flambeau.compiled": 6,
    "flambeau._dynamo": 6,
    "flambeau._inductor": 6,
    "flambeau._jit_internal": 6,
    "flambeau.__future__": 5,
    "flambeau.hub": 6,
    "flambeau.ao": 6,
    "flambeau.quantization": 6,
    "flambeau.multiprocessing": 6,
    "flambeau.utils": 6,
    "flambeau.vision": 6,
    "flambeau.array_api": 6,
    "flambeau.nested": 6,
    "flambeau.export": 6,
    "flambeau.onnx": 6,
    "flambeau.fx": 6,
    "flambeau.distributed": 5,
    "flambeau.legacy": 6,
    "flambeau.distributed.worker": 7,
    "flambeau.library": 6,
    "flambeau.train": 6,
    "flambeau.profiler": 6,
    "flambeau.autograd.profiler": 6,
    "flambeau.autograd.profiler_legacy": 6,
    "flambeau.autograd.profiler_util": 6,
    "flambeau.distributions": 6,
    "flambeau.__main__": 7,
    "flambeau._as_torch": 7,
    "flambeau.identity": 7,
    "flambeau.commands": 7,
}

# Slow to import, or optional: only inside the function that needs them.
LAZY = {
    "numpy",
    "llvmlite",
    "scipy",
    "scipy_openblas32",
    "PIL",
    "simplejpeg",
    "matplotlib",
    "tqdm",
    "safetensors",
    "tensorboard",
    "tensorboardX",
    "mpi4py",
    "ray",
}

NEVER = {"torch", "torchvision"}


def floor_of(module):
    parts = module.split(".")
    while ".".join(parts) not in FLOORS:
        parts.pop()
    return FLOORS[".".join(parts)]


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path):
    """(line, absolute module name, at import time) of each import statement of the file."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    tree = ast.parse(path.read_text(), filename=str(path))
    inside_functions = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        eager = id(node) not in inside_functions
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, eager
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                is_module = base.split(".")[0] == "flambeau" and _is_module(full)
                yield node.lineno, full if is_module else base, eager


def _is_module(name):
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file() or name == "flambeau._core"


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=[str(f.relative_to(PACKAGE)) for f in FILES])
def test_imports_point_downwards(path):
    own = module_name(path)
    broken = []
    for line, name, eager in imported_names(path):
        top = name.split(".")[0]
        where = f"{path.relative_to(PACKAGE.parent)}:{line}"
        if top in NEVER:
            broken.append(f"{where}: flambeau never imports {top}.")
        simulated = "interpret/ptx" in path.as_posix()  # imported by the simulated driver alone
        if top in LAZY and eager and path.name != "__main__.py" and not simulated:
            broken.append(
                f"{where}: {top} is imported inside the function that needs it, "
                "so that `import flambeau` stays quick."
            )
        if top == "flambeau" and own != "flambeau" and floor_of(name) > floor_of(own):
            broken.append(
                f"{where}: each floor may import only what stands below it, but {own} "
                f"(floor {floor_of(own)}) imports {name} (floor {floor_of(name)})."
            )
    assert not broken, "\n" + "\n".join(broken)


# A schedule has a form for the GPU, which it asks for when there is one.
KNOWN_CIRCLES = {
    frozenset({f"flambeau.kernels.{room}.{name}" for room in ("gpu", "schedules")})
    for name in ("reduce", "rows")
}


def circles(imports):
    """The sets of modules that reach each other: imports is {module: set of modules}."""
    reached = {}

    def reach(module):
        seen, left = set(), [module]
        while left:
            for name in imports.get(left.pop(), ()):
                if name not in seen:
                    seen.add(name)
                    left.append(name)
        return seen

    for module in imports:
        reached[module] = reach(module)
    found = {
        frozenset(other for other in seen if module in reached.get(other, ()))
        for module, seen in reached.items()
    }
    return {circle for circle in found if len(circle) > 1}


@pytest.mark.parametrize("package", ["flambeau.kernels", "flambeau.ops"])
def test_modules_do_not_import_each_other(package):
    """Not in functions either: a circle that is loaded late is one all the same."""
    own = {module_name(file): file for file in FILES}
    own = {name: file for name, file in own.items() if name.startswith(package + ".")}
    imports = {
        name: {other for _, other, _ in imported_names(file) if other in own}
        for name, file in own.items()
    }
    new = circles(imports) - KNOWN_CIRCLES
    assert not new, f"these modules import each other: {[sorted(circle) for circle in new]}"


def test_the_rule_is_read_from_relative_imports_too():
    def names_in(file):
        return {(name, eager) for _, name, eager in imported_names(PACKAGE / "ops" / "core" / file)}

    names = names_in("declare.py")
    assert {("flambeau._core", True), ("flambeau.ops.core.kinds", True)} <= names
    names = names_in("spec.py")
    assert ("flambeau.kernels", False) in names
    assert floor_of("flambeau.kernels.targets.cpu") == 2
    assert floor_of("flambeau.tensor") == 4
    assert floor_of("flambeau.nn.modules.linear") == 5


# ---- the core

CORE = PACKAGE.parent / "csrc"
# Each may include itself and what stands before it. python/ is the border: nothing includes it.
CORE_FLOORS = ["tensor", "runtime", "kernels", "autograd", "dispatch", "python"]
# Rooms of csrc/kernels likewise; simd/ compiles the bodies of the others.
KERNEL_FLOORS = [
    "elements", "gemm", "spectra", "conv", "pool", "fft", "attention", "recurrent", "ctc", "norm", "index", "order", "sparse", "vision", "simd",
]  # fmt: skip
# The vector that all bodies are written in, and what an instruction set adds to it.
BODIES = ("vector_body", "avx2_vectors", "avx512_vectors", "powers_avx512")
IN_BODIES = {f"kernels/simd/{name}.h" for name in BODIES}


def core_includes():
    """(where, room of the file, what it includes) for each include of a file of ours."""
    for file in sorted([*CORE.rglob("*.h"), *CORE.rglob("*.cpp")]):
        parts = file.relative_to(CORE).parts
        for number, line in enumerate(file.read_text().splitlines(), 1):
            found = re.match(r'#include "(.+)"', line)
            if found and parts[0] != "tests":
                yield f"csrc/{'/'.join(parts)}:{number}", parts, found[1]


def test_includes_point_downwards():
    broken = []
    for where, parts, name in core_includes():
        other = name.split("/")
        assert (CORE / name).is_file(), f"{where}: {name} is included by its path from csrc/."
        if CORE_FLOORS.index(other[0]) > CORE_FLOORS.index(parts[0]):
            broken.append(
                f"{where}: {parts[0]}/ stands below {other[0]}/ and can't include {name}."
            )
        if parts[0] == other[0] == "kernels" and name not in IN_BODIES:
            own, its = (KERNEL_FLOORS.index(p[1]) for p in (parts, other))
            if its > own:
                broken.append(f"{where}: room {parts[1]}/ stands before {other[1]}/.")
    assert not broken, "\n" + "\n".join(broken)


# What Python's objects in the core are made of; everything else is free of Python's own header.
OF_OBJECTS = {
    "tensor/collected.h", "tensor/guard.h", "tensor/objects.h", "tensor/ref.h", "tensor/storage.h",
    "runtime/cuda.cpp", "runtime/cuda.h", "runtime/cuda_memory.cpp", "runtime/cuda_simulated_parts.h",
    "runtime/program.cpp", "autograd/door.h", "autograd/node.cpp", "dispatch/operator.h",
    "dispatch/in_place.h",
}  # fmt: skip


def test_only_the_border_and_what_objects_are_made_of_include_python():
    found = set()
    for file in [*CORE.rglob("*.h"), *CORE.rglob("*.cpp")]:
        name = file.relative_to(CORE).as_posix()
        if name.startswith(("python/", "tests/")):
            continue
        if re.search(r"^#include <(Python|structmember|nanobind)", file.read_text(), re.MULTILINE):
            found.add(name)
    assert found <= OF_OBJECTS, (
        f"only csrc/python includes Python's header: {sorted(found - OF_OBJECTS)}"
    )
    assert found == OF_OBJECTS, f"no longer needed: {sorted(OF_OBJECTS - found)}"


def test_every_folder_of_the_core_greets_its_reader():
    folders = {file.parent for file in [*CORE.rglob("*.h"), *CORE.rglob("*.cpp")]}
    missing = [str(f.relative_to(CORE)) for f in sorted(folders) if not (f / "README.md").is_file()]
    assert not missing, f"a README.md says what lives here and in which order to read it: {missing}"
    for folder in sorted(folders):
        text = (folder / "README.md").read_text()
        named = set(re.findall(r"`([a-z_]+\.(?:h|cpp))`", text))
        gone = sorted(name for name in named if not (folder / name).is_file())
        assert not gone, (
            f"{folder.relative_to(CORE)}/README.md names files that are not there: {gone}"
        )


# ---- what looks at values, or makes a tensor without saying where, would not work on meta or where
# another device is the default

# Made by the user's wish, and asked for a device by themselves.
FACTORIES = {"creation.py", "new_tensors.py", "signal_windows.py", "windows.py", "generator.py"}
MAKERS = {
    "empty",
    "zeros",
    "ones",
    "full",
    "arange",
    "eye",
    "linspace",
    "rand",
    "randn",
    "empty_strided",
}


def calls_of_operators():
    """(where, call) for each call in the files of operators."""
    for file in sorted([*PACKAGE.glob("ops/**/*.py"), *PACKAGE.glob("nn/functional/*.py")]):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                yield f"{file.relative_to(PACKAGE)}:{node.lineno}", node


def test_masks_are_asked_by_some_and_every():
    wrong = [
        where
        for where, call in calls_of_operators()
        if isinstance(call.func, ast.Name)
        and call.func.id == "bool"
        and len(call.args) == 1
        and isinstance(call.args[0], ast.Call)
        and getattr(call.args[0].func, "attr", "") in ("any", "all")
    ]
    accepted = {"ops/core/arguments.py", "ops/equality.py", "ops/layout.py"}
    wrong = [where for where in wrong if where.partition(":")[0] not in accepted]
    assert not wrong, (
        f"use some(mask) or every(mask) of ops/core/arguments.py, which work on meta: {wrong}"
    )


def test_inner_tensors_lie_beside_their_operands():
    wrong = []
    for where, call in calls_of_operators():
        name = getattr(call.func, "attr", "")
        owner = getattr(getattr(call.func, "value", None), "id", "")
        named = {keyword.arg for keyword in call.keywords}
        if (
            owner not in ("fl", "_core", "flambeau")
            or name not in MAKERS
            or named & {"device", "out", None}
        ):
            continue
        if where.partition(":")[0].rpartition("/")[2] not in FACTORIES:
            wrong.append(where)
    assert not wrong, f"say where the tensor is made, with device=: {wrong}"
