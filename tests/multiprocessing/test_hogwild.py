"""Programs that train one model in several processes, as PyTorch programs write them."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def train(rank, model, x, y):
    torch.manual_seed(rank)
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    for epoch in range(2):
        for data, target in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(data), target).backward()
            optimizer.step()


if __name__ == "__main__":
    mp.set_start_method(sys.argv[1])
    torch.manual_seed(0)
    x = torch.randn(500, 16)
    y = (x @ torch.randn(16, 4)).argmax(1)
    model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
    model.share_memory()
    before = F.cross_entropy(model(x), y).item()
    processes = [mp.Process(target=train, args=(rank, model, x, y)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    after = F.cross_entropy(model(x), y).item()
    print([process.exitcode for process in processes], after < 0.7 * before, all(p.is_shared() for p in model.parameters()))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_train_one_model(tmp_path, method):
    program = tmp_path / "hogwild.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "flambeau", program, method]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.stdout == "[0, 0] True True\n", done.stderr
