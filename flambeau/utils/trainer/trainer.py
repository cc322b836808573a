"""Trainer: the loop, and the queues of plugins that wait for their time."""

import heapq

UNITS = ("iteration", "epoch", "batch", "update")


class Trainer:
    """Trains a model on a data set, batch by batch, and calls its plugins.

    Args:
        model (callable): gives the output for a batch of inputs.
        criterion (callable): gives the loss, a scalar, for (output, target).
        optimizer (Optimizer): takes a step by a closure.
        dataset (iterable): gives (input, target), usually a DataLoader; len() is asked by ProgressMonitor only.

    `stats` is a dict that plugins write to and read from, `iterations` the number of batches so far.

    A plugin's `trigger_interval`, [(every, unit), ...], says when it is called: every so many `iteration`s, after
    them, as plugin.iteration(i, input, target, output, loss); `batch`es, before them, as plugin.batch(i, input,
    target); `update`s of the parameters as plugin.update(i, model); `epoch`s as plugin.epoch(i).

    Example:
        >>> from flambeau.utils.trainer import Trainer
        >>> from flambeau.utils.trainer.plugins import LossMonitor
        >>> model = torch.nn.Linear(1, 1)
        >>> data = [(torch.ones(4, 1), torch.zeros(4, 1))] * 10
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> trainer = Trainer(model, torch.nn.MSELoss(), optimizer, data)
        >>> trainer.register_plugin(LossMonitor())
        >>> trainer.run(epochs=2)
        >>> trainer.iterations, trainer.stats["loss"]["last"] < 1e-2
        (20, True)
    """

    def __init__(self, model=None, criterion=None, optimizer=None, dataset=None):
        self.model = model
        self.criterion = criterion
        self.optimizer = optimizer
        self.dataset = dataset
        self.iterations = 0
        self.stats = {}
        self.plugin_queues = {unit: [] for unit in UNITS}

    def register_plugin(self, plugin):
        """Call plugin.register(self), and the plugin at its intervals from here on.

        Raises:
            ValueError: an interval is not (a number above 0, one of iteration, epoch, batch, update).
        """
        plugin.register(self)
        for every, unit in _intervals(plugin):
            if unit not in self.plugin_queues or every <= 0:
                raise ValueError(
                    f"Trainer.register_plugin: {type(plugin).__name__} asks for ({every}, {unit!r}). Expected a "
                    f"number above 0 and one of {', '.join(UNITS)}."
                )
            queue = self.plugin_queues[unit]
            due = every + (self.iterations if unit != "epoch" else 0)
            heapq.heappush(queue, (due, len(queue), plugin))

    def call_plugins(self, queue_name, time, *args):
        """Call the plugins of a queue that are due at this time, those registered first first."""
        queue = self.plugin_queues[queue_name]
        while queue and queue[0][0] <= time:
            due, order, plugin = queue[0]
            getattr(plugin, queue_name)(time, *args)
            every = next(every for every, unit in _intervals(plugin) if unit == queue_name)
            heapq.heapreplace(queue, (time + every, order, plugin))

    def run(self, epochs=1):
        """Go over the data set so many times."""
        for queue in self.plugin_queues.values():
            heapq.heapify(queue)  # programs put entries in by hand, too
        for epoch in range(1, epochs + 1):
            self.train()
            self.call_plugins("epoch", epoch)

    def train(self):
        """Go over the data set once."""
        for i, (batch_input, batch_target) in enumerate(self.dataset, self.iterations + 1):
            self.call_plugins("batch", i, batch_input, batch_target)
            first = []  # output and loss of the closure's first call: an optimizer may ask for several

            def closure(input=batch_input, target=batch_target, first=first):
                self.optimizer.zero_grad()
                output = self.model(input)
                loss = self.criterion(output, target)
                loss.backward()
                if not first:
                    first.extend((output.detach(), loss.detach()))
                return loss

            self.optimizer.step(closure)
            self.iterations = i
            self.call_plugins("iteration", i, batch_input, batch_target, *first)
            self.call_plugins("update", i, self.model)


def _intervals(plugin):
    intervals = plugin.trigger_interval
    return intervals if isinstance(intervals, list) else [intervals]
