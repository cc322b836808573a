"""Files: save and load of a ResNet-18's state, safetensors of 100 MB, a mapped file of 500 MB."""

import functools
import io
import json
import os
import tempfile
import time

from .harness import rows_of_processes

ROUNDS = 3
THREADS = 1


def resnet18_state(torch):
    """Tensors of the names and sizes that a ResNet-18 has: 122 of them, 45 MB."""
    state, planes = {"conv1.weight": torch.randn(64, 3, 7, 7)}, 64

    def norm(name, size):
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.{part}"] = torch.ones(size)
        state[f"{name}.num_batches_tracked"] = torch.tensor(0)

    norm("bn1", 64)
    for layer, size in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            name, incoming = f"layer{layer}.{block}", planes if block == 0 else size
            state[f"{name}.conv1.weight"] = torch.randn(size, incoming, 3, 3)
            norm(f"{name}.bn1", size)
            state[f"{name}.conv2.weight"] = torch.randn(size, size, 3, 3)
            norm(f"{name}.bn2", size)
            if block == 0 and layer > 1:
                state[f"{name}.downsample.0.weight"] = torch.randn(size, incoming, 1, 1)
                norm(f"{name}.downsample.1", size)
        planes = size
    state["fc.weight"], state["fc.bias"] = torch.randn(1000, 512), torch.randn(1000)
    return state


def _best(function, rounds=7):
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def _memory(torch, state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    torch.load(file)


def measure(folder):
    """{case: seconds} of the torch that this process imports."""
    import torch

    state, path = resnet18_state(torch), functools.partial(os.path.join, folder)
    found = {
        "ResNet-18, save to a file": _best(lambda: torch.save(state, path("a.pt"))),
        "ResNet-18, load from a file": _best(lambda: torch.load(path("a.pt"))),
        "ResNet-18, save + load in memory": _best(lambda: _memory(torch, state)),
    }
    torch.save([torch.zeros(25 << 20) for _ in range(5)], path("large.pt"))
    found["500 MB, load(mmap=True)"] = _best(lambda: torch.load(path("large.pt"), mmap=True))
    os.remove(path("large.pt"))
    try:
        from safetensors import torch as safetensors
    except ImportError:
        return found
    tensors = {f"w{i}": torch.randn(1 << 20) for i in range(25)}
    file = path("a.safetensors")
    found["100 MB, safetensors' save_file"] = _best(lambda: safetensors.save_file(tensors, file))
    found["100 MB, safetensors' load_file"] = _best(lambda: safetensors.load_file(file))
    return found


def rows():
    """Both libraries in processes of their own, in turn; flambeau under PyTorch's name, as safetensors wants it."""
    commands = {
        "flambeau": ["-m", "flambeau", "-m", "benchmarks.files"],
        "torch": ["-m", "benchmarks.files"],
    }
    yield from rows_of_processes(commands, ROUNDS)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(folder)))
