"""Networks for sequences: packed recurrence, encoder and decoder, a small GPT."""

import math


def packed_recurrence(T, start):
    """A bidirectional LSTM over sequences of different lengths, the loss masked."""
    nn, F, rnn = T.nn, T.nn.functional, T.nn.utils.rnn
    embedding, output = nn.Embedding(20, 12), nn.Linear(32, 20)
    lstm = nn.LSTM(12, 16, num_layers=2, batch_first=True, bidirectional=True)
    net = start.weights(nn.ModuleList([embedding, lstm, output]))
    optimizer = T.optim.Adam(net.parameters(), lr=1e-2)
    words, lengths = start.integers(0, 20, (5, 10)), T.tensor([9, 4, 7, 2, 9])
    for _ in range(8):
        packed = rnn.pack_padded_sequence(
            embedding(words[:, :-1]), lengths, batch_first=True, enforce_sorted=False
        )
        hidden, _ = lstm(packed)
        hidden, back = rnn.pad_packed_sequence(hidden, batch_first=True)
        assert back.tolist() == lengths.tolist()
        inside = T.arange(hidden.size(1))[None] < lengths[:, None]
        loss = F.cross_entropy(output(hidden).transpose(1, 2), words[:, 1:], reduction="none")
        loss = (loss * inside).sum() / inside.sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(net.parameters(), 0.1)
        optimizer.step()
        yield loss


def translation(T, start):
    """nn.Transformer with every kind of mask; padding counts nowhere."""
    nn = T.nn
    size, words, padding = 16, 30, 1

    class Translator(nn.Module):
        def __init__(self):
            super().__init__()
            self.transformer = nn.Transformer(
                size, 2, 1, 2, 32, 0.0, batch_first=True, norm_first=False, activation="gelu"
            )
            self.source = nn.Embedding(words, size, padding_idx=padding)
            self.target = nn.Embedding(words, size)
            self.output = nn.Linear(size, words)

        def forward(self, source, target):
            hidden = self.transformer(
                self.source(source),
                self.target(target),
                tgt_mask=T.ones(target.size(1), target.size(1), dtype=T.bool).triu(1),
                src_key_padding_mask=source == padding,
                tgt_key_padding_mask=target == padding,
                memory_key_padding_mask=source == padding,
            )
            return self.output(hidden)

    net = start.weights(Translator())
    optimizer = T.optim.Adam(net.parameters(), lr=5e-3, betas=(0.9, 0.98), eps=1e-9)
    schedule = T.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 4))
    entropy = nn.CrossEntropyLoss(ignore_index=padding)
    source, target = start.integers(2, words, (4, 8)), start.integers(2, words, (4, 7))
    source[0, 5:] = padding
    target[2, 4:] = padding
    for _ in range(8):
        logits = net(source, target[:, :-1])
        loss = entropy(logits.reshape(-1, words), target[:, 1:].reshape(-1))
        start.step(optimizer, loss)
        schedule.step()
        yield loss


def small_gpt(T, start):
    """Tied embeddings, weight decay by group, accumulated gradients, then greedy generation."""
    nn, F = T.nn, T.nn.functional
    words, size, heads, context = 24, 32, 4, 16

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size, bias=False)
            self.qkv, self.project = nn.Linear(size, 3 * size, bias=False), nn.Linear(size, size)
            self.wide, self.narrow = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

        def forward(self, x):
            B, steps, _ = x.size()
            q, k, v = (
                part.view(B, steps, heads, -1).transpose(1, 2)
                for part in self.qkv(self.norm1(x)).split(size, dim=2)
            )
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.project(y.transpose(1, 2).contiguous().view(B, steps, size))
            return x + self.narrow(F.gelu(self.wide(self.norm2(x)), approximate="tanh"))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.word, self.place = nn.Embedding(words, size), nn.Embedding(context, size)
            self.blocks = nn.ModuleList([Block() for _ in range(2)])
            self.norm = nn.LayerNorm(size)
            self.head = nn.Linear(size, words, bias=False)
            self.word.weight = self.head.weight

        def forward(self, x):
            x = self.word(x) + self.place(T.arange(x.size(1), device=x.device))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    net = start.weights(GPT())
    assert sum(p.numel() for p in net.parameters()) == sum(
        p.numel() for name, p in net.named_parameters() if name != "head.weight"
    )
    matrices = [p for p in net.parameters() if p.dim() >= 2]
    vectors = [p for p in net.parameters() if p.dim() < 2]
    optimizer = T.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        lr=3e-3, betas=(0.9, 0.95),
    )  # fmt: skip
    text = T.arange(64).remainder(12).view(4, 16)  # something that can be learned
    for step in range(10):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 3)
        for part in (text[0::2], text[1::2]):
            loss = F.cross_entropy(net(part[:, :-1]).flatten(0, 1), part[:, 1:].flatten()) / 2
            loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield 2 * loss
    net.eval()
    written = T.zeros(1, 1, dtype=T.long)
    with T.no_grad():
        for _ in range(6):
            logits = net(written)[:, -1] / 0.8
            best, _ = T.topk(logits, 5)
            logits[logits < best[:, [-1]]] = -math.inf
            drawn = F.softmax(logits, dim=-1).argmax(-1, keepdim=True)
            written = T.cat((written, drawn), dim=1)
    yield written.float().mean()


def test_small_gpt(follow):
    losses = follow(small_gpt)
    assert losses[9] < 0.7 * losses[0]


def test_packed_recurrence(follow):
    follow(packed_recurrence, falls_to=0.9)


def test_translation(follow):
    follow(translation, falls_to=0.8)
