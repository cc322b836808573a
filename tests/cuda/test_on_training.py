"""A whole model learns on a GPU what it learns on the CPU."""

import flambeau as torch
from flambeau import nn
from flambeau.vision.datasets import Digits


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 3),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(64, 32),
        nn.Tanh(),
        nn.Linear(32, 10),
    )


def losses_of_three_steps(device):
    torch.manual_seed(3)
    model = lenet().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    digits = Digits(train=True)
    losses = []
    for x, labels in zip(digits.data.split(16)[:3], digits.targets.split(16)):
        x = x.to(device).unsqueeze(1) / 255
        loss = nn.functional.cross_entropy(model(x), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_lenet_on_digits():
    expected, found = losses_of_three_steps("cpu"), losses_of_three_steps("cuda")
    assert max(abs(a - b) for a, b in zip(expected, found)) < 1e-5
    assert len(set(expected)) == 3
