"""find_learning_rate: how large a step may be, tried out. Source: Smith, 2015, arXiv:1506.01186."""

import copy
import itertools
import math

from . import checkpoint


def find_learning_rate(trainer, data, lowest=1e-6, highest=1.0, steps=100):
    """Train for some steps with a rate that grows from each to the next, and put everything back as it was.

    Args:
        trainer (Trainer): whose model, optimizer and loss are used.
        data (iterable): batches; gone over again if there are fewer than steps.
        lowest, highest (float): the rates at the beginning and at the end.
        steps (int): how many; it stops earlier where the loss explodes.

    Returns:
        (float, list, list): a tenth of the rate at which the smoothed loss is lowest; the rates tried, and the
        smoothed loss of each.

    Raises:
        RuntimeError: the loss is not finite from the start.

    Example:
        >>> from flambeau.train import Trainer, find_learning_rate
        >>> model = torch.nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        >>> trainer = Trainer(model, optimizer, torch.nn.functional.mse_loss)
        >>> rate, rates, losses = find_learning_rate(trainer, [(torch.ones(8, 2), torch.ones(8, 1))])
        >>> 1e-6 < rate < 1, optimizer.param_groups[0]["lr"]
        (True, 0.001)
    """
    parts = [trainer.model, trainer.optimizer, *([trainer.scaler] if trainer.scaler else [])]
    before = [copy.deepcopy(part.state_dict()) for part in parts]
    chance, training = checkpoint.random_state(), trainer.model.training
    factor = (highest / lowest) ** (1 / max(1, steps - 1))
    rates, losses, average = [], [], 0.0
    trainer.model.train()
    try:
        batches = itertools.chain.from_iterable(itertools.repeat(data))
        for i, batch in enumerate(itertools.islice(batches, steps)):
            rate = lowest * factor**i
            for group in trainer.optimizer.param_groups:
                group["lr"] = rate
            trainer.optimizer.zero_grad()
            loss = trainer._values(trainer.model, batch)["loss"]
            average = 0.9 * average + 0.1 * float(loss.detach())
            smooth = average / (1 - 0.9 ** (i + 1))
            if not math.isfinite(smooth) or (losses and smooth > 4 * min(losses)):
                break
            rates.append(rate)
            losses.append(smooth)
            loss.backward()
            trainer.optimizer.step()
    finally:
        for part, state in zip(parts, before):
            part.load_state_dict(state)
        trainer.optimizer.zero_grad()
        trainer.model.train(training)
        checkpoint.set_random_state(chance)
    if not losses:
        raise RuntimeError(
            f"find_learning_rate: the loss is not finite from the start (at a rate of {lowest})."
        )
    return rates[losses.index(min(losses))] / 10, rates, losses
