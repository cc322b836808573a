"""SaverPlugin: checkpoints of the model and the optimizer."""

import os

from .plugin import Plugin


class SaverPlugin(Plugin):
    """Saves {"model", "optimizer", "iterations"} to a folder: last.pt, or one file for each time.

    Args:
        path (str or Path): the folder, which is made if it is not there.
        interval (list, optional): when, [(1, "epoch")] by default.
        keep_old (bool): keep the files of all times, as 000123.pt after 123 iterations.

    Example:
        >>> import tempfile, os
        >>> from flambeau.utils.trainer import Trainer
        >>> from flambeau.utils.trainer.plugins import SaverPlugin
        >>> model, folder = torch.nn.Linear(1, 1), tempfile.mkdtemp()
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> data = [(torch.ones(4, 1), torch.zeros(4, 1))] * 3
        >>> trainer = Trainer(model, torch.nn.MSELoss(), optimizer, data)
        >>> trainer.register_plugin(SaverPlugin(folder))
        >>> trainer.run()
        >>> torch.load(os.path.join(folder, "last.pt"))["iterations"]
        3
    """

    def __init__(self, path, interval=None, keep_old=False):
        super().__init__([(1, "epoch")] if interval is None else interval)
        self.path = path
        self.keep_old = keep_old

    def register(self, trainer):
        self.trainer = trainer
        os.makedirs(self.path, exist_ok=True)

    def save(self):
        """Write a checkpoint now; returns its path."""
        from ....serialization import save

        trainer = self.trainer
        name = f"{trainer.iterations:06}.pt" if self.keep_old else "last.pt"
        path = os.path.join(self.path, name)
        state = {
            "model": trainer.model.state_dict(),
            "optimizer": trainer.optimizer.state_dict(),
            "iterations": trainer.iterations,
        }
        save(state, path)
        return path

    def iteration(self, *args):
        self.save()

    def update(self, *args):
        self.save()

    def epoch(self, *args):
        self.save()
