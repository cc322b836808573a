"""The same seed gives the same bits for any number of threads."""

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn


def _train(threads):
    """The bytes of losses and parameters after a few steps of a network with every common layer."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 6, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.LayerNorm(120),
            nn.Dropout(0.2),
            nn.GELU(),
            nn.Linear(120, 10),
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        seen = []
        for _ in range(3):
            x, y = torch.randn(64, 1, 32, 32), torch.randint(0, 10, (64,))
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.detach())
        return [t.detach().numpy().tobytes() for t in (*seen, *model.parameters())]
    finally:
        torch.set_num_threads(before)


def test_training_gives_the_same_bits_for_one_two_and_three_threads():
    one = _train(1)
    assert one == _train(2)
    assert one == _train(3)
    # A value read from memory nobody wrote once made batch_norm differ from run to run.
    assert one == _train(1)


_MOVED = {
    "exp": lambda x: x.exp(),
    "a row added": lambda x: x.view(-1, 11) + x[:11],
    "every second": lambda x: x[::2] * 2,
    "in place": lambda x: x.clone().mul_(3),
    "turned": lambda x: x.view(-1, 11).T + x.view(11, -1),
    "flip": lambda x: x.view(-1, 11).flip(1),
    "roll": lambda x: x.view(-1, 11).roll((5, 3), (0, 1)),
    "cat": lambda x: torch.cat((x.view(-1, 11), x.view(-1, 11)), 1),
    "pad": lambda x: F.pad(x.view(-1, 13, 11), (1, 2), mode="replicate"),
    "numbers picked": lambda x: x[torch.arange(x.numel() - 1, -1, -1)],
    "rows picked": lambda x: x.view(-1, 11)[torch.arange(0, x.numel() // 11, 3)],
    "sum": lambda x: x.sum(),
    "extremes of rows": lambda x: x.view(11, -1).amax(1),
    "bags": lambda x: F.embedding_bag(torch.arange(9000).view(-1, 6) % 13, x.view(-1, 11), mode="mean"),
    "random": lambda x: torch.rand_like(x) + torch.randn_like(x),
    "dropout": lambda x: F.dropout(x, 0.3),
    "a copy of columns": lambda x: x.view(-1, 13)[:, 2:11].contiguous(),
}  # fmt: skip


def test_what_is_cut_by_the_number_of_threads_does_not_show_it():
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 16):
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            x = torch.linspace(-3, 3, 11 * 13 * 701)
            found.append({name: f(x).numpy().tobytes() for name, f in _MOVED.items()})
    finally:
        torch.set_num_threads(before)
    for name in _MOVED:
        assert len({each[name] for each in found}) == 1, name
