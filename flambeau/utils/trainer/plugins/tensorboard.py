"""TensorBoardLogger: statistics as curves. Stands where VisdomLogger stood; the server is TensorBoard's."""

from .logger import Logger


class TensorBoardLogger(Logger):
    """Writes fields of trainer.stats that are single numbers, such as "loss.last", as scalars.

    Args:
        fields (list of str): as of Logger; of a whole monitor ("loss") its last value and epoch mean are written.
        writer: a flambeau.utils.tensorboard.SummaryWriter, or what has its add_scalar.
        interval (list, optional): as of Logger.
    """

    def __init__(self, fields, writer, interval=None):
        super().__init__(fields, interval)
        self.writer = writer

    def _write(self, names, step):
        for field in self.fields:
            _, stat = self._stat(field)
            found = (
                {None: stat}
                if not isinstance(stat, dict)
                else {k: stat[k] for k in names if k in stat}
            )
            for name, value in found.items():
                self.writer.add_scalar("/".join([*field, *([name] if name else [])]), value, step)

    def iteration(self, iteration, *args):
        self._write(("last", "running_avg"), iteration)

    def epoch(self, epoch_idx):
        self._write(("epoch_mean",), epoch_idx)
