"""Two processes of one group: operations, and steps of DistributedDataParallel, beside PyTorch's gloo."""

import json
import statistics
import subprocess
import sys
import time

from .harness import Row

ROUNDS = 3
REPEATS = 30


def rows():
    """Each measured in two processes of their own for each library, in turn."""
    taken = {"flambeau": [], "torch": []}
    for round_ in range(ROUNDS):
        for number, (name, found) in enumerate(taken.items()):
            port = 29600 + 2 * round_ + number
            commands = [
                [sys.executable, "-m", "benchmarks.distributed", name, str(rank), str(port)]
                for rank in range(2)
            ]
            processes = [subprocess.Popen(c, stdout=subprocess.PIPE, text=True) for c in commands]
            outputs = [process.communicate(timeout=600)[0] for process in processes]
            if all(process.returncode == 0 for process in processes):
                found.append(json.loads(outputs[0].splitlines()[-1]))
            elif name == "flambeau":
                raise RuntimeError("benchmarks.distributed: a process failed.")
    for case in taken["flambeau"][0]:
        ours, theirs = (
            statistics.median(one[case] for one in found) if found else None
            for found in taken.values()
        )
        yield Row(case, 1.0, ours, theirs, theirs / ours if theirs else None)


def _repeated(function, barrier):
    for _ in range(3):
        function()
    barrier()
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def _measure(name, rank, port):
    import importlib

    torch = importlib.import_module(name)
    dist = importlib.import_module(f"{name}.distributed")
    nn = torch.nn
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    found = {}
    for text, count in (("all_reduce, 4 bytes", 1), ("all_reduce, 64 KB", 1 << 14), ("all_reduce, 4 MB", 1 << 20)):  # fmt: skip
        x = torch.zeros(count)
        found[text] = _repeated(lambda x=x: dist.all_reduce(x), dist.barrier)
    torch.manual_seed(0)
    small = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 10))
    image = nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2304, 256), nn.ReLU(),
        nn.Linear(256, 10),
    )  # fmt: skip
    for text, body, shape in (
        ("DDP step, perceptron, batch 32", small, (32, 32)),
        ("DDP step, convolution and 600,000 parameters, batch 32", image, (32, 1, 28, 28)),
    ):
        model = nn.parallel.DistributedDataParallel(body)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        x, y = torch.randn(shape), torch.randint(10, (shape[0],))

        def step(model=model, optimizer=optimizer, x=x, y=y):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

        found[text] = _repeated(step, dist.barrier)
    dist.barrier()
    dist.destroy_process_group()
    print(json.dumps(found))


if __name__ == "__main__":
    _measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
