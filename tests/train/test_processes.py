"""The trainer in two processes, against one with all batches."""

import sys
from pathlib import Path

import pytest

import flambeau as torch
import flambeau.distributed as dist
from flambeau import nn
from flambeau.train import Trainer
from flambeau.utils.data import DataLoader, DistributedSampler, TensorDataset

sys.path.insert(0, str(Path(__file__).parent.parent / "distributed"))
from several import needs_mpi, run


class Ends(Exception):
    pass


def _fit(folder, epochs, resume, ends_at):
    """(history, weights, losses of the steps) of this process."""
    several = dist.is_initialized()
    torch.manual_seed(0)
    x = torch.randn(32, 3)
    data = TensorDataset(x, x.sum(1, keepdim=True))
    if several:
        sampler = DistributedSampler(data)
        loader = DataLoader(data, 4, sampler=sampler)
        torch.manual_seed(dist.get_rank())
    else:
        loader = DataLoader(data, 8, shuffle=True)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.03, momentum=0.5)

    class Break:
        def fit_begins(self, trainer): ...
        def epoch_ends(self, trainer, record): ...
        def fit_ends(self, trainer): ...
        def step_ends(self, trainer, values):
            if trainer.step == ends_at:
                raise Ends

    trainer = Trainer(
        model, optimizer, nn.functional.mse_loss, folder=folder, save_every=1, callbacks=[Break()], patience=9
    )  # fmt: skip
    try:
        trainer.fit(loader, epochs, validation=DataLoader(data, 32), resume=resume)
    except Ends:
        trainer.save(data=loader)
    weights = [p.flatten().tolist() for p in model.parameters()]
    return trainer.history, weights


@needs_mpi
def test_processes_train_one_model_and_resume_exactly(tmp_path, capfd):
    whole = run(_fit, tmp_path / "whole", 3, False, None)
    assert whole[0][1] == whole[1][1]  # the same weights
    assert whole[0][0] == whole[1][0]  # and means
    history = whole[0][0]
    assert history[-1]["validation"]["loss"] < history[0]["validation"]["loss"]
    assert len((tmp_path / "whole" / "log.jsonl").read_text().splitlines()) == 12
    assert capfd.readouterr().err.count("epoch 1/3") > 0
    broken = run(_fit, tmp_path / "broken", 3, False, 6)
    assert len(broken[0][0]) == 1
    again = run(_fit, tmp_path / "broken", 3, True, None)
    assert again[0] == whole[0] and again[1] == whole[1]
    with pytest.raises(RuntimeError, match="written by 2 processes, and there are 1 now"):
        _fit(tmp_path / "broken", 3, True, None)
