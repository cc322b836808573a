"""Between processes: tensors through a queue, Hogwild, a loader with workers."""

import json
import sys
import time

from .harness import rows_of_processes

ROUNDS = 3
THREADS = 1


def rows():
    """Each measured in a process of its own for each library, in turn: both use the same pool of names."""
    commands = {name: ["-m", "benchmarks.processes", name] for name in ("flambeau", "torch")}
    yield from rows_of_processes(commands, ROUNDS)


def _consume(queue, done):
    while (tensor := queue.get()) is not None:
        tensor.sum()
    done.put(0)


def through_a_queue(torch, mp):
    """1,000 tensors of 1 MB to another process, which reads them."""
    queue, done = mp.Queue(8), mp.Queue()
    process = mp.Process(target=_consume, args=(queue, done))
    process.start()
    begun = time.perf_counter()
    for i in range(1000):
        queue.put(torch.full((1 << 18,), float(i)))
    queue.put(None)
    done.get()
    taken = time.perf_counter() - begun
    process.join()
    return taken


def _train(torch, model, x, y, seed):
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.5)
    order = torch.randperm(len(x))
    for batch in order.split(64):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()


def hogwild(torch, mp):
    """Two processes that train one small convolutional network, 200 steps of 64 images each."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(1440, 10)
    )
    model.share_memory()
    x, y = torch.randn(12_800, 1, 28, 28), torch.randint(10, (12_800,))
    processes = [mp.Process(target=_train, args=(torch, model, x, y, seed)) for seed in (1, 2)]
    begun = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return time.perf_counter() - begun


class _Images:
    def __init__(self, torch):
        self.torch = torch

    def __len__(self):
        return 2000

    def __getitem__(self, i):
        return self.torch.full((3, 64, 64), float(i)), i


def loader(torch, mp):
    """2,000 images of 3x64x64 in batches of 50, made by two workers."""
    data = torch.utils.data.DataLoader(_Images(torch), batch_size=50, num_workers=2)
    begun = time.perf_counter()
    for x, _ in data:
        x.sum()
    return time.perf_counter() - begun


CASES = {
    "1,000 x 1 MB through a queue": through_a_queue,
    "Hogwild, 2 x 200 steps": hogwild,
    "loader, 2 workers": loader,
}


def _measure(name):
    import importlib

    torch = importlib.import_module(name)
    importlib.import_module(f"{name}.utils.data")
    mp = importlib.import_module(f"{name}.multiprocessing").get_context("fork")
    torch.set_num_threads(1)
    print(json.dumps({case: measure(torch, mp) for case, measure in CASES.items()}))


if __name__ == "__main__":
    _measure(sys.argv[1])
