"""flambeau.train's own time a step, beside the same loop by hand: progress bar, metrics and log included."""

import os
import statistics
import tempfile
import time

from .harness import Row

STEPS, ROUNDS = 5000, 7  # so many that the checkpoint after the epoch does not count
GOAL_S = 50e-6


def rows():
    """One row: the difference is what the trainer costs; the goal is 50 us."""
    import flambeau as torch
    import flambeau.nn.functional as F
    from flambeau.train import Trainer

    data = [(torch.randn(8, 4), torch.randint(2, (8,)))] * STEPS

    def made():
        model = torch.nn.Linear(4, 2)
        return model, torch.optim.SGD(model.parameters(), lr=0.01)

    def by_hand():
        model, optimizer = made()
        losses = []
        start = time.perf_counter()
        for x, y in data:
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            losses.append(loss.item())
            optimizer.step()
            optimizer.zero_grad()
        return (time.perf_counter() - start) / STEPS

    def by_trainer(folder):
        model, optimizer = made()
        trainer = Trainer(model, optimizer, F.cross_entropy, folder=folder)
        start = time.perf_counter()
        trainer.fit(data, 1)
        return (time.perf_counter() - start) / STEPS

    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        import contextlib

        with contextlib.redirect_stderr(nowhere):
            pairs = [(by_trainer(folder), by_hand()) for _ in range(ROUNDS + 1)][1:]
    own = statistics.median(trainer - hand for trainer, hand in pairs)
    yield Row(f"own time a step (goal: {1e6 * GOAL_S:.0f} us)", 1.0, own, GOAL_S, GOAL_S / own)
