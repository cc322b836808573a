"""The trainer of 2017 and its plugins."""

import pytest

import flambeau as torch
from flambeau.utils.trainer import Trainer
from flambeau.utils.trainer.plugins import (
    AccuracyMonitor,
    Logger,
    LossMonitor,
    Monitor,
    Plugin,
    ProgressMonitor,
    SaverPlugin,
    TensorBoardLogger,
    TimeMonitor,
)


def trainer(optimizer=torch.optim.SGD, **options):
    points = torch.randn(40, 2)
    classes = (points[:, 0] > 0).long()
    data = [(points[i : i + 8], classes[i : i + 8]) for i in range(0, 40, 8)]
    model = torch.nn.Linear(2, 2)
    return Trainer(
        model,
        torch.nn.CrossEntropyLoss(),
        optimizer(model.parameters(), lr=0.5, **options),
        data,
    )


class Calls(Plugin):
    def __init__(self, interval):
        super().__init__(interval)
        self.calls = []

    def register(self, trainer):
        self.trainer = trainer

    def __getattr__(self, name):
        if name not in ("iteration", "epoch", "batch", "update"):
            raise AttributeError(name)
        return lambda time, *args: self.calls.append((name, time, len(args)))


def test_plugins_are_called_when_they_ask_to_be():
    training, plugin = (
        trainer(),
        Calls([(2, "iteration"), (3, "batch"), (4, "update"), (1, "epoch")]),
    )
    training.register_plugin(plugin)
    training.run(2)
    times = {
        unit: [t for name, t, _ in plugin.calls if name == unit] for unit in training.plugin_queues
    }
    assert times == {
        "iteration": [2, 4, 6, 8, 10],
        "batch": [3, 6, 9],
        "update": [4, 8],
        "epoch": [1, 2],
    }
    assert {name: count for name, _, count in plugin.calls} == {
        "iteration": 4,
        "batch": 2,
        "update": 1,
        "epoch": 0,
    }
    assert training.iterations == 10


def test_those_registered_first_are_called_first():
    training, order = trainer(), []
    for name in "abc":
        plugin = Calls((1, "iteration"))  # one interval needs no list
        plugin.iteration = lambda *args, name=name: order.append(name)
        training.register_plugin(plugin)
    training.run()
    assert order == list("abc") * 5


def test_monitors_measure():
    training = trainer()
    for plugin in (ProgressMonitor(), LossMonitor(), AccuracyMonitor(), TimeMonitor()):
        training.register_plugin(plugin)
    training.run(8)
    stats = training.stats
    assert stats["accuracy"]["epoch_mean"] > 80
    assert 0 < stats["loss"]["epoch_mean"] < 0.7 and stats["loss"]["running_avg"] > 0
    assert stats["progress"] == {**stats["progress"], "samples_used": 0, "epoch_size": 5}
    assert stats["time"]["last"] > 0


def test_monitor_averages():
    class Number(Monitor):
        stat_name = "number"

        def _get_value(self, iteration, *args):
            return iteration

    training = trainer()
    training.register_plugin(Number(smoothing=0.5))
    training.run(2)
    assert training.stats["number"]["epoch_mean"] == 8
    assert training.stats["number"]["last"] == 10
    assert 8 < training.stats["number"]["running_avg"] < 10


def test_logger_prints_columns(capsys):
    training = trainer()
    for plugin in (
        LossMonitor(precision=2),
        ProgressMonitor(),
        Logger(["loss", "progress", "loss.last"]),
    ):
        training.register_plugin(plugin)
    training.run()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 + 4
    assert lines[0].startswith("loss: 0.") and "progress: 1/5 (20.00%)" in lines[0]
    assert lines[5] == "#" * 80 and lines[6] == "Epoch summary:" and lines[7].startswith("loss: 0.")


def test_logger_names_what_is_missing():
    training = trainer()
    training.register_plugin(Logger(["accuracy"]))
    with pytest.raises(KeyError, match="no plugin has put 'accuracy'"):
        training.run()


def test_an_optimizer_may_ask_several_times():
    training = trainer(torch.optim.LBFGS, max_iter=4)
    plugin, losses = Calls([(1, "iteration")]), []
    plugin.iteration = lambda i, input, target, output, loss: losses.append(
        (loss.item(), torch.nn.functional.cross_entropy(output, target).item())
    )
    training.register_plugin(plugin)
    training.model.register_forward_hook(lambda *args: losses.append(None))
    training.run(1)
    told = [pair for pair in losses if pair is not None]
    assert len(told) == 5 < len(losses) - 5
    assert all(loss == pytest.approx(again) for loss, again in told)


def test_saver_writes_checkpoints(tmp_path):
    training = trainer()
    training.register_plugin(SaverPlugin(tmp_path / "all", [(2, "iteration")], keep_old=True))
    training.register_plugin(SaverPlugin(tmp_path))
    training.run()
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["000002.pt", "000004.pt"]
    state = torch.load(tmp_path / "last.pt")
    assert state["iterations"] == 5
    assert torch.equal(state["model"]["weight"], training.model.weight)


def test_curves_go_to_a_writer():
    class Writer:
        rows = []

        def add_scalar(self, *row):
            self.rows.append(row)

    training, writer = trainer(), Writer()
    training.register_plugin(LossMonitor())
    training.register_plugin(TensorBoardLogger(["loss", "loss.last"], writer))
    training.run()
    assert [row[0] for row in writer.rows[:3]] == ["loss/last", "loss/running_avg", "loss/last"]
    assert writer.rows[-2][0] == "loss/epoch_mean" and writer.rows[-2][2] == 1


def test_wrong_intervals_are_refused():
    for interval in ([(1, "day")], [(0, "epoch")]):
        with pytest.raises(ValueError, match="Expected a number above 0"):
            trainer().register_plugin(Calls(interval))
    with pytest.raises(NotImplementedError, match="register"):
        trainer().register_plugin(Plugin())
