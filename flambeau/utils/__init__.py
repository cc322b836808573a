"""What users expect around a tensor library. May import: everything below.

benchmark: timing pieces of code.
bottleneck: where a program spends its time.
checkpoint: parts of a network computed again in backward.
collect_env: what a report of a fault says.
data: data sets, samplers, DataLoader.
dlpack: memory shared with other libraries.
ffi: what took the place of extensions in C.
flop_counter: what a model computes.
hooks: handles of hooks.
model_summary: a model as a table.
nonfinite: the first NaN of a program.
pictures: models and graphs as SVG.
pytree: trees of containers.
recording: what a model does with an input.
serialization: files of Lua Torch.
tensorboard: event files.
tracing: a program's operators as a graph.
trainer: the loop of 2017 with plugins.
"""

import importlib

_MODULES = (
    "_contextlib",
    "_device",
    "_foreach_utils",
    "_pytree",
    "benchmark",
    "bottleneck",
    "checkpoint",
    "collect_env",
    "cpp_extension",
    "data",
    "deterministic",
    "dlpack",
    "ffi",
    "flop_counter",
    "hooks",
    "mkldnn",
    "mobile_optimizer",
    "model_summary",
    "model_zoo",
    "module_tracker",
    "nonfinite",
    "pictures",
    "pytree",
    "recording",
    "serialization",
    "tensorboard",
    "throughput_benchmark",
    "tracing",
    "trainer",
    "weak",
)

__all__ = [name for name in _MODULES if not name.startswith("_")]


_NAMES = {
    "ThroughputBenchmark": "throughput_benchmark",
    "set_module": "..jit",
    "swap_tensors": "swapping",
}


def __getattr__(name):
    if name in _NAMES:
        home = _NAMES[name]
        home = home if home.startswith(".") else "." + home
        return getattr(importlib.import_module(home, __name__), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
