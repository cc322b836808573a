"""ProgressMonitor."""

from .plugin import Plugin


class ProgressMonitor(Plugin):
    """How many batches of the epoch are done, in trainer.stats["progress"]: samples_used, epoch_size, percent."""

    stat_name = "progress"

    def __init__(self):
        super().__init__([(1, "iteration"), (1, "epoch")])

    def register(self, trainer):
        self.trainer = trainer
        trainer.stats.setdefault(self.stat_name, {}).update(
            samples_used=0,
            percent=0.0,
            epoch_size=len(trainer.dataset),
            log_iter_fields=["{samples_used}/{epoch_size}", "({percent:.2f}%)"],
        )

    def iteration(self, iteration, input, *args):
        stats = self.trainer.stats[self.stat_name]
        stats["samples_used"] += 1
        stats["percent"] = 100.0 * stats["samples_used"] / stats["epoch_size"]

    def epoch(self, *args):
        self.trainer.stats[self.stat_name].update(samples_used=0, percent=0.0)
