"""Train a small GPT on a text, letter by letter, and let it write.

    python examples/gpt.py --data FILE_OR_FOLDER

FOLDER holds .txt files. Letters that were seen as pairs only give a loss of about 2.45 on Shakespeare;
this network, 200,000 parameters, comes below 1.75 in a minute or two.
"""

import math
import sys
import time
from pathlib import Path

import pictures
import program
from tqdm import tqdm

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn

GOAL = 1.75  # nats a letter, on text that was held out


class Text:
    """A text as numbers: the first 90 % to learn from, the rest to test with."""

    def __init__(self, path):
        files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
        text = "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)
        self.letters = sorted(set(text))
        self.number = {letter: i for i, letter in enumerate(self.letters)}
        numbers = torch.tensor([self.number[letter] for letter in text])
        cut = len(numbers) * 9 // 10
        self.training, self.test = numbers[:cut], numbers[cut:]

    def windows(self, numbers, count, length):
        """(inputs, targets), each (count, length): pieces from random places, shifted by one letter."""
        starts = torch.randint(len(numbers) - length, (count, 1))
        places = starts + torch.arange(length + 1)  # (count, length + 1)
        pieces = numbers[places]
        return pieces[:, :-1], pieces[:, 1:]

    def decode(self, numbers):
        return "".join(self.letters[i] for i in numbers)


class Block(nn.Module):
    """Attention to what came before, then a network for each place."""

    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.qkv, self.project = nn.Linear(size, 3 * size, bias=False), nn.Linear(size, size)
        self.wide, self.narrow = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

    def forward(self, x):
        B, T, size = x.shape
        qkv = self.qkv(self.norm1(x)).view(B, T, 3, self.heads, size // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, T, size / heads) each
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(y.transpose(1, 2).reshape(B, T, size))
        return x + self.narrow(F.gelu(self.wide(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    """Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019."""

    def __init__(self, letters, context=64, size=64, heads=4, blocks=4):
        super().__init__()
        self.context = context
        self.letter, self.place = nn.Embedding(letters, size), nn.Embedding(context, size)
        self.blocks = nn.Sequential(*[Block(size, heads) for _ in range(blocks)])
        self.norm = nn.LayerNorm(size)
        self.output = nn.Linear(size, letters, bias=False)
        self.apply(self.start)
        self.output.weight = self.letter.weight  # one table for reading and writing

    @staticmethod
    def start(module):
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.05)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, numbers):
        x = self.letter(numbers) + self.place(torch.arange(numbers.size(1)))
        return self.output(self.norm(self.blocks(x)))  # (B, T, letters)

    def loss(self, inputs, targets):
        return F.cross_entropy(self(inputs).flatten(0, 1), targets.flatten())

    @torch.no_grad()
    def write(self, start, length, temperature=0.8):
        """`start` (T,) and `length` letters more, each drawn from what the network expects."""
        numbers = start[None]
        for _ in range(length):
            logits = self(numbers[:, -self.context :])[:, -1] / temperature
            drawn = torch.multinomial(logits.softmax(-1), 1)
            numbers = torch.cat([numbers, drawn], 1)
        return numbers[0]


def train(model, text, steps, batch_size):
    """Returns the loss of each step."""
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=4e-3,
        betas=(0.9, 0.98),
    )
    warm = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm, 0.05 + 0.95 * math.cos(math.pi / 2 * step / steps)),
    )
    losses = []
    with tqdm(total=steps, unit="step", mininterval=0.2) as bar:
        for _ in range(steps):
            loss = model.loss(*text.windows(text.training, batch_size, model.context))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
            bar.update()
    return losses


@torch.no_grad()
def test(model, text, batches=20):
    """The mean loss on held-out text, the same places every time."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        losses = [
            model.loss(*text.windows(text.test, 64, model.context)).item() for _ in range(batches)
        ]
    return sum(losses) / len(losses)


@pictures.drawing
def picture(pyplot, losses, held_out):
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    axes.axhline(held_out, color="tab:red", linestyle="--", label="held-out text")
    pictures.curve(axes, losses, "nats a letter")
    return figure


def main():
    parser = program.arguments(__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="a text, or a folder of .txt files"
    )
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--letters", type=int, default=400, help="how many to write at the end")
    args = program.started(parser)
    text = Text(args.data)
    model = GPT(len(text.letters))
    count = sum(p.numel() for p in model.parameters())
    print(f"{len(text.training)} letters to learn from, {count} parameters.")

    start = time.perf_counter()
    losses = train(model, text, args.steps, args.batch_size)
    seconds = time.perf_counter() - start
    print(
        f"Trained {args.steps} steps in {seconds:.1f} s, {1e3 * seconds / args.steps:.2f} ms each."
    )
    loss = test(model, text)
    print(f"Loss on held-out text: {loss:.3f} nats a letter.")
    picture(args.out / "gpt.png", losses, loss)

    torch.save({"model": model.state_dict(), "letters": text.letters}, args.out / "gpt.pt")
    print("---")
    print(text.decode(model.write(text.test[:1], args.letters).tolist()))
    return program.verdict(args.steps >= 2000 and loss > GOAL, f"at most {GOAL}")


if __name__ == "__main__":
    sys.exit(main())
