"""Plugin: what a trainer calls."""


class Plugin:
    """What a Trainer calls at intervals; subclasses define register and a method for each unit of them.

    Args:
        interval (list, optional): [(every, unit), ...], units being iteration, epoch, batch and update.

    Example:
        >>> from flambeau.utils.trainer.plugins import Plugin
        >>> class Tick(Plugin):
        ...     def __init__(self):
        ...         super().__init__([(2, "epoch")])
        ...     def register(self, trainer):
        ...         self.trainer = trainer
        ...     def epoch(self, number):
        ...         print("epoch", number)
        >>> Tick().trigger_interval
        [(2, 'epoch')]
    """

    def __init__(self, interval=None):
        self.trigger_interval = [] if interval is None else interval

    def register(self, trainer):
        """Called once, when the trainer takes the plugin."""
        raise NotImplementedError(f"{type(self).__name__} does not define register(trainer).")
