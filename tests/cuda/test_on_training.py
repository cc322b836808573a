"""A whole model learns on a GPU what it learns on the CPU."""

import pytest

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


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.between = nn.LayerNorm(16), nn.RMSNorm(16)
        self.heads, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.wide = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16), nn.Dropout(0.1))

    def forward(self, x):
        B, T, D = x.shape
        q, k, v = self.heads(self.before(x)).view(B, T, 3, 2, D // 2).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(B, T, D))
        return x + self.wide(self.between(x))


def language_model():
    return nn.Sequential(nn.Embedding(11, 16), Block(), nn.Linear(16, 11)), lambda: torch.randint(
        11, (3, 8)
    )


def images():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.GroupNorm(2, 8), nn.SiLU(), nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.ConvTranspose2d(8, 4, 2, 2), nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Dropout(0.2), nn.Linear(36, 11),
    )  # fmt: skip
    return model, lambda: torch.randn(4, 3, 8, 8)


@pytest.mark.parametrize("make", [language_model, images])
def test_programs_learn_as_on_the_cpu(make):
    found = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        model, draw = make()
        model.to(device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        losses = []
        for step in range(2):
            torch.manual_seed(step)
            x = draw()
            labels = (x if x.dim() == 2 else torch.randint(11, (4,))).to(device)
            torch.manual_seed(step)  # what is dropped is the same
            out = model(x.to(device))
            loss = nn.functional.cross_entropy(
                out.flatten(0, -2), labels.flatten(), label_smoothing=0.1
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        found.append(losses)
    assert max(abs(a - b) for a, b in zip(*found)) < 1e-4
