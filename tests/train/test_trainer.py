"""The trainer: what it learns, counts, saves, and continues after a kill."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau.train import Callback, Trainer, draw_curves, find_learning_rate, read_log
from flambeau.utils.data import DataLoader, TensorDataset


def network():
    return torch.nn.Sequential(
        torch.nn.Linear(2, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 2)
    )


def classes(count=60):
    points = torch.randn(count, 2)
    return TensorDataset(points, (points[:, 0] > 0).long())


def accuracy(output, target):
    return (output.argmax(1) == target).float().mean()


def made(seed=0, **options):
    torch.manual_seed(seed)
    data, model = classes(), network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    if options.pop("scheduled", False):
        options["schedule"] = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.97)
    options.setdefault("progress", False)
    own = torch.Generator().manual_seed(seed) if options.pop("own_generator", False) else None
    trainer = Trainer(model, optimizer, F.cross_entropy, metrics={"accuracy": accuracy}, **options)
    return trainer, DataLoader(data, batch_size=8, shuffle=True, generator=own)


def test_a_network_learns(capsys):
    trainer, loader = made(progress=True)
    history = trainer.fit(loader, 10, validation=loader)
    assert trainer.step == 80 and trainer.epoch == len(history) == 10
    assert history[-1]["validation"]["accuracy"] > 0.9 > history[0]["accuracy"]
    assert "epoch 10/10" in capsys.readouterr().err
    assert trainer.model.training


class StopAt(Callback):
    def __init__(self, step):
        self.step, self.told = step, []

    def fit_begins(self, trainer):
        self.told.append("fit_begins")

    def step_ends(self, trainer, values):
        self.told.append("step_ends")
        trainer.stop = trainer.step == self.step

    def epoch_ends(self, trainer, record):
        self.told.append("epoch_ends")

    def fit_ends(self, trainer):
        self.told.append("fit_ends")


def test_callbacks_are_told_and_may_stop():
    callback = StopAt(10)
    trainer, loader = made(callbacks=[callback])
    trainer.fit(loader, 3)
    steps = ["step_ends"]
    assert callback.told == ["fit_begins", *steps * 8, "epoch_ends", *steps * 2, "fit_ends"]


OPTIONS = {"scheduled": True, "ema": 0.9, "clip": 0.5}


def plain_batches(loader):
    """The same data as an iterable that cannot tell where it stands."""

    class Plain:
        def __iter__(self):
            return iter(loader)

        def __len__(self):
            return len(loader)

    return Plain()


@pytest.mark.parametrize(
    ("stop", "accumulate", "kind"),
    [
        (1, 1, "loader"),
        (7, 1, "plain"),
        (8, 1, "loader"),
        (11, 1, "loader"),
        (11, 1, "plain"),
        (4, 3, "loader"),
        (6, 3, "plain"),
    ],
)
def test_losses_after_a_break_are_those_without_one(tmp_path, stop, accumulate, kind):
    wrap = plain_batches if kind == "plain" else lambda loader: loader
    options = {**OPTIONS, "accumulate": accumulate, "save_every": 1}
    trainer, loader = made(folder=tmp_path / "whole", **options)
    whole = trainer.fit(wrap(loader), 3, validation=loader)
    trainer, loader = made(folder=tmp_path / "broken", callbacks=[StopAt(stop)], **options)
    trainer.fit(wrap(loader), 3, validation=loader)
    trainer, loader = made(
        seed=5, folder=tmp_path / "broken", **options
    )  # other numbers everywhere
    loader.dataset.tensors = _data_of(0)
    again = trainer.fit(wrap(loader), 3, validation=loader, resume=True)
    assert again == whole
    rows = [read_log(tmp_path / name) for name in ("whole", "broken")]
    for row in (*rows[0], *rows[1]):
        del row["time"]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("stop", [5, 8, 11])
def test_a_loader_with_a_generator_of_its_own_continues_too(tmp_path, stop):
    options = {"own_generator": True, "save_every": 1}
    trainer, loader = made(folder=tmp_path / "whole", **options)
    whole = trainer.fit(loader, 3)
    trainer, loader = made(folder=tmp_path / "broken", callbacks=[StopAt(stop)], **options)
    trainer.fit(loader, 3)
    trainer, loader = made(seed=5, folder=tmp_path / "broken", **options)
    loader.dataset.tensors = _data_of(0)
    assert trainer.fit(loader, 3, resume=True) == whole


def _data_of(seed):
    torch.manual_seed(seed)
    return classes().tensors


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from test_trainer import OPTIONS, Callback, made, os, signal
class Kill(Callback):
    def step_ends(self, trainer, values):
        if trainer.step == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
trainer, loader = made(folder=sys.argv[1], callbacks=[Kill()], save_every=3, **OPTIONS)
trainer.fit(loader, 3, resume=True)
"""


def test_a_killed_process_continues_with_the_same_losses(tmp_path):
    trainer, loader = made(folder=tmp_path / "whole", **OPTIONS)
    trainer.fit(loader, 3)
    program = KILLED.format(tests=str(Path(__file__).parent))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for step, status in ((2, -signal.SIGKILL), (13, -signal.SIGKILL), (99, 0)):
        command = [sys.executable, "-c", program, str(tmp_path / "killed"), str(step)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
    losses = [[row["loss"] for row in read_log(tmp_path / name)] for name in ("whole", "killed")]
    assert losses[0] == losses[1] and len(losses[0]) == 24


def test_accumulated_batches_are_one_large_batch():
    weights = []
    for size, accumulate in ((20, 1), (5, 4)):
        torch.manual_seed(0)
        model, data = torch.nn.Linear(2, 2), classes(50)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        trainer = Trainer(model, optimizer, F.cross_entropy, accumulate=accumulate, progress=False)
        trainer.fit(DataLoader(data, batch_size=size), 2)
        assert trainer.step == 6  # the last step of an epoch is over 10 samples
        weights.append(model.weight)
    torch.testing.assert_close(*weights)


def test_clipping_bounds_the_gradient(tmp_path):
    trainer, loader = made(clip=1e-3, folder=tmp_path)
    seen = []
    trainer.optimizer.register_step_pre_hook(
        lambda optimizer, *args: seen.append(
            torch.nn.utils.get_total_norm([p.grad for p in trainer.model.parameters()])
        )
    )
    trainer.fit(loader, 1)
    assert all(norm <= 1.001e-3 for norm in seen)
    assert all(row["grad_norm"] > 1e-3 for row in read_log(tmp_path))


def test_it_stops_without_progress_and_keeps_the_best(tmp_path):
    trainer, loader = made(patience=2, monitor="accuracy", maximize=True, folder=tmp_path)
    for group in trainer.optimizer.param_groups:
        group["lr"] = 0.0
    trainer.model.eval()
    trainer.fit(loader, 20, validation=loader)
    assert trainer.epoch < 20
    best = torch.load(tmp_path / "best.pt")
    assert best["validation"]["accuracy"] == trainer.best
    trainer.model.load_state_dict(best["model"])


def test_plateaus_lower_the_rate():
    trainer, loader = made()
    trainer.schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(trainer.optimizer, patience=0)
    trainer = Trainer(
        trainer.model,
        trainer.optimizer,
        lambda y, t: y.sum() * 0 + 1,
        schedule=trainer.schedule,
        progress=False,
    )
    trainer.fit(loader, 3)
    assert trainer.optimizer.param_groups[0]["lr"] < 0.02


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_lower_precision_learns_too(precision):
    trainer, loader = made(precision=precision)
    seen = []
    trainer.model[0].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    history = trainer.fit(loader, 8)
    assert set(seen) == {precision} and history[-1]["accuracy"] > 0.8
    assert (trainer.scaler is None) == (precision == torch.bfloat16)


def test_an_objective_takes_any_batch():
    model = torch.nn.Linear(2, 2)

    def objective(model, batch):
        output = model(batch["x"])
        return {"loss": output.square().mean(), "largest": output.abs().max()}

    trainer = Trainer(
        model, torch.optim.SGD(model.parameters(), lr=0.1), objective=objective, progress=False
    )
    history = trainer.fit(iter([{"x": torch.ones(4, 2)}] * 3), 1)
    assert trainer.step == 3 and set(history[0]) == {"epoch", "step", "loss", "largest"}


def test_the_average_is_evaluated():
    trainer, loader = made(ema=0.999)
    before = trainer.evaluate(loader)
    trainer.fit(loader, 2)
    assert trainer.evaluate(loader)["loss"] == pytest.approx(before["loss"], rel=0.1)


def test_a_rate_is_found_and_everything_put_back():
    trainer, loader = made()
    weights = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    rate, rates, losses = find_learning_rate(trainer, loader, steps=60)
    assert 1e-4 < rate < 1 and len(rates) == len(losses) > 20
    assert rates[0] == 1e-6 and trainer.optimizer.param_groups[0]["lr"] == 0.02
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, weights[name])


def test_curves_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    trainer, loader = made(folder=tmp_path)
    history = trainer.fit(loader, 2, validation=loader)
    draw_curves(tmp_path, tmp_path / "curves.png", history)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_new_fit_begins_a_new_log(tmp_path):
    for _ in range(2):
        trainer, loader = made(folder=tmp_path)
        trainer.fit(loader, 1)
    assert [row["step"] for row in read_log(tmp_path)] == [*range(1, 9)]
    (tmp_path / "log.jsonl").write_text(json.dumps({"step": 1}) + "\n" + '{"step":')
    assert read_log(tmp_path) == [{"step": 1}]  # a line that a kill cut off is left out


def test_mistakes_are_refused(tmp_path):
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(TypeError, match="one of the two"):
        Trainer(model, optimizer)
    with pytest.raises(ValueError, match="schedule_by must be"):
        Trainer(model, optimizer, F.mse_loss, schedule_by="day")
    with pytest.raises(ValueError, match="needs a folder"):
        Trainer(model, optimizer, F.mse_loss).fit([], 1, resume=True)
    with pytest.raises(KeyError, match="monitor 'accuracy' is none of"):
        Trainer(model, optimizer, F.mse_loss, monitor="accuracy", progress=False).fit(
            [(torch.ones(1, 2), torch.ones(1, 2))], 1
        )
    trainer, loader = made(folder=tmp_path, ema=0.9)
    trainer.fit(loader, 1)
    with pytest.raises(RuntimeError, match="written with ema"):
        made()[0].load(tmp_path / "last.pt")


def test_data_that_are_used_up_are_named():
    model = network()
    batches = [(torch.ones(4, 2), torch.zeros(4, dtype=torch.long))]

    def trainer():
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        return Trainer(model, optimizer, F.cross_entropy, progress=False)

    with pytest.raises(ValueError, match="Trainer.fit: data gave no batch in epoch 2"):
        trainer().fit(iter(batches), epochs=2)
    with pytest.raises(ValueError, match="Trainer.fit: validation gave no batch in epoch 1"):
        trainer().fit(batches, epochs=2, validation=[])
