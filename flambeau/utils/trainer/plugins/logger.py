"""Logger: the statistics of the other plugins as lines of text."""

from collections import defaultdict

from .plugin import Plugin


class Logger(Plugin):
    """Prints statistics at each iteration and each epoch, in columns.

    Args:
        fields (list of str): entries of trainer.stats, such as "loss" (what its monitor shows) or "loss.last" (a
            single number).
        interval (list, optional): when, [(1, "iteration"), (1, "epoch")] by default.

    Register it after the monitors whose numbers it prints. Subclasses may override log(msg).
    """

    alignment = 4
    separator = "#" * 80

    def __init__(self, fields, interval=None):
        super().__init__([(1, "iteration"), (1, "epoch")] if interval is None else interval)
        self.field_widths = defaultdict(lambda: defaultdict(int))
        self.fields = [field.split(".") for field in fields]

    def log(self, msg):
        """Where lines go: print."""
        print(msg)

    def register(self, trainer):
        self.trainer = trainer

    def gather_stats(self):
        """The value of every field, by its name."""
        return {".".join(field): self._stat(field)[1] for field in self.fields}

    def _stat(self, field):
        """(the dict that holds a field, its value)."""
        holder, stat = None, self.trainer.stats
        for name in field:
            if not isinstance(stat, dict) or name not in stat:
                raise KeyError(
                    f"Logger: no plugin has put {'.'.join(field)!r} into trainer.stats, which has {sorted(stat)}."
                )
            holder, stat = stat, stat[name]
        return holder, stat

    def _texts(self, field, which, whole_only):
        """(name, texts) to print for a field; `which` names the formats of a whole monitor."""
        holder, stat = self._stat(field)
        name = ".".join(field)
        if isinstance(stat, dict):
            formats = stat.get(which) or []
            return stat.get("log_name", name), [text.format(**stat) for text in formats]
        if whole_only:
            return name, []
        return name, [
            f"{{{holder.get('log_format', '')}}}{holder.get('log_unit', '')}".format(stat)
        ]

    def _aligned(self, number, texts):
        widths = self.field_widths[number]
        for i, text in enumerate(texts):
            widths[i] = max(widths[i], len(text))
        return " ".join(text.ljust(widths[i]) for i, text in enumerate(texts))

    def _log_all(self, which, prefix=None, suffix=None, whole_only=False):
        columns = []
        for number, field in enumerate(self.fields):
            name, texts = self._texts(field, which, whole_only)
            if texts:
                columns.append(f"{name}: {self._aligned(number, texts)}")
        if not columns:
            return
        for line in (prefix, "\t".join(columns), suffix):
            if line is not None:
                self.log(line)

    def iteration(self, *args):
        self._log_all("log_iter_fields")

    def epoch(self, epoch_idx):
        title = f"{self.separator}\nEpoch summary:"
        self._log_all("log_epoch_fields", title, self.separator, whole_only=True)
