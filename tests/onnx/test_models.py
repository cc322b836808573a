"""Whole models: layers, examples' kinds of networks, with a batch (and a length) that may change."""

import math

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn import functional as F

BATCH = {0: {0: "batch"}}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_a_multilayer_perceptron(check):
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(12, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 3), nn.Softmax(-1)
    )
    check(
        model,
        torch.randn(4, 3, 4),
        dynamic=BATCH,
        others=[[torch.randn(1, 3, 4)], [torch.randn(9, 3, 4)]],
    )


def test_a_convolutional_network(check):
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, stride=2), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip
    check(model, torch.randn(2, 1, 14, 14), dynamic=BATCH, others=[[torch.randn(5, 1, 14, 14)]])


class Residual(nn.Module):
    def __init__(self, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.down = nn.Conv2d(channels, channels, 1, stride) if stride > 1 else None

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        y = self.norm2(self.conv2(y))
        y += x if self.down is None else self.down(x)
        return F.relu(y)


def test_a_residual_network_of_any_image_size(check):
    model = nn.Sequential(
        nn.Conv2d(3, 8, 7, 2, 3), nn.MaxPool2d(3, 2, 1), Residual(8), Residual(8, 2)
    )
    check(model, torch.randn(2, 3, 24, 32), dynamic={0: {0: "n", 2: "h", 3: "w"}},
          others=[[torch.randn(1, 3, 40, 20)], [torch.randn(3, 3, 33, 31)]])  # fmt: skip


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.up1 = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.up2 = nn.Conv2d(16, 12, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        a = F.gelu(self.down(x))
        b = F.gelu(self.middle(a))
        c = self.up1(b)
        dy, dx = a.size(2) - c.size(2), a.size(3) - c.size(3)
        c = F.pad(c, (dx // 2, dx - dx // 2, dy // 2, dy - dy // 2)) if dy or dx else c
        d = self.shuffle(self.up2(torch.cat([a, c], 1)))
        return F.interpolate(d, size=x.shape[-2:], mode="bilinear", align_corners=False)


def test_a_u_shaped_network(check):
    check(Unet(), torch.randn(1, 3, 16, 16), dynamic=BATCH, others=[[torch.randn(3, 3, 16, 16)]])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("first", [True, False])
def test_recurrences_of_any_length(check, kind, first):
    model = kind(4, 5, num_layers=2, batch_first=first, bidirectional=True)
    shape = (3, 6, 4)
    check(model, torch.randn(shape), dynamic={0: {0: "a", 1: "b"}}, others=[[torch.randn(2, 9, 4)]])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_recurrences_with_a_state(check, kind):
    model = kind(4, 5)
    state = (
        (torch.randn(1, 3, 5), torch.randn(1, 3, 5)) if kind is nn.LSTM else torch.randn(1, 3, 5)
    )
    check(model, torch.randn(6, 3, 4), state)


def test_recurrences_without_a_batch_and_with_relu(check):
    check(nn.RNN(4, 5, nonlinearity="relu", bias=False), torch.randn(6, 4))
    check(nn.LSTMCell(4, 5), torch.randn(3, 4))


def test_a_transformer_of_any_length(check):
    layer = nn.TransformerEncoderLayer(
        8, 2, 16, batch_first=True, norm_first=True, activation="gelu"
    )
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    check(
        model, torch.randn(2, 5, 8), dynamic={0: {0: "b", 1: "t"}}, others=[[torch.randn(3, 9, 8)]]
    )


def test_a_transformer_with_a_decoder(check):
    model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    check(model, torch.randn(2, 5, 8), torch.randn(2, 4, 8))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2)

    def forward(self, x, padding):
        mask = nn.Transformer.generate_square_subsequent_mask(x.size(0))
        return self.attention(x, x, x, key_padding_mask=padding, attn_mask=mask)


def test_attention_with_masks(check):
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    check(Attention(), torch.randn(5, 2, 8), padding)


class Gpt(nn.Module):
    """A small causal language model, written as such programs are."""

    def __init__(self, vocabulary=11, width=8, heads=2, context=16):
        super().__init__()
        self.heads = heads
        self.token, self.place = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.norm = nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.token.weight
        self.register_buffer(
            "mask", torch.tril(torch.ones(context, context)).view(1, 1, context, context)
        )

    def forward(self, ids):
        B, T = ids.size()
        x = self.token(ids) + self.place(torch.arange(0, T, dtype=torch.long, device=ids.device))
        q, k, v = self.qkv(self.norm(x)).split(x.size(-1), dim=2)
        q, k, v = (t.view(B, T, self.heads, -1).transpose(1, 2) for t in (q, k, v))
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        scores = scores.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))
        y = F.softmax(scores, dim=-1) @ v
        y = y + F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).contiguous().view(B, T, -1))
        return self.head(x), self.head(x[:, [-1], :])


def test_a_language_model_of_any_length(check):
    ids = torch.randint(11, (2, 6))
    check(
        Gpt(),
        ids,
        dynamic={0: {0: "b", 1: "t"}},
        others=[[torch.randint(11, (3, 13))], [torch.randint(11, (1, 2))]],
    )


class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 4, 4)
        self.first = nn.Parameter(torch.randn(1, 1, 8))
        self.places = nn.Parameter(torch.randn(1, 5, 8))
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.first.expand(x.shape[0], -1, -1), x), dim=1) + self.places
        return self.layer(x)[:, 0]


def test_a_vision_transformer(check):
    check(Patches(), torch.randn(2, 3, 8, 8), dynamic=BATCH, others=[[torch.randn(5, 3, 8, 8)]])


class Graph(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, nodes, edges):
        source, target = edges
        messages = self.linear(nodes)[source]
        total = torch.zeros(nodes.size(0), 3).index_add(0, target, messages)
        count = torch.zeros(nodes.size(0), 1).scatter_add_(
            0, target.unsqueeze(1), torch.ones(target.size(0), 1)
        )
        return total / count.clamp(min=1)


def test_a_graph_network(check):
    edges = torch.tensor([[0, 1, 2, 3], [1, 1, 0, 2]])
    check(Graph(), torch.randn(4, 4), edges, dynamic={0: {0: "n"}, 1: {1: "e"}},
          others=[[torch.randn(6, 4), torch.tensor([[5, 4], [0, 0]])]])  # fmt: skip
