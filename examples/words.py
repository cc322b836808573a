"""Who says it? A bag of words tells the speakers of a play from what they say.

    python examples/words.py --data FILE_OR_FOLDER

FOLDER holds .txt files in which a line "NAME." stands above each speech, as in the plays of Shakespeare. Words are
Python strings, cut by NLTK's tokenizer where it is installed, else by a regular expression. It takes some seconds.
"""

import re
import sys
from collections import Counter
from pathlib import Path

import pictures
import program

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn
from flambeau.utils.data import DataLoader, random_split

GOAL = 1.5  # times as many speeches are told right as by always naming the one who speaks most


def tokens(text):
    """The words and signs of a text, in small letters."""
    try:
        from nltk.tokenize import wordpunct_tokenize  # type: ignore[import-not-found]
    except ImportError:
        return re.findall(r"\w+|[^\w\s]+", text.lower())
    return wordpunct_tokenize(text.lower())


def speeches(path, speakers, shortest=8):
    """[(name, words)] of speeches of `shortest` words and more, by the `speakers` who have most of them."""
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    found = []
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        for name, speech in re.findall(r"^([A-Z][A-Za-z ]*)\.\n((?:.+\n)+)", text, re.MULTILINE):
            words = tokens(re.sub(r"\[[^]]*\]", "", speech))  # without what the stage does
            if len(words) >= shortest:
                found.append((name.title(), words))
    most = [name for name, _ in Counter(name for name, _ in found).most_common(speakers)]
    return most, [(name, words) for name, words in found if name in most]


class Words:
    """Numbers of words; 0 is every word that was seen once only."""

    def __init__(self, texts, least=2):
        count = Counter(word for words in texts for word in words)
        kept = sorted(word for word, times in count.items() if times >= least)
        self.number = {word: i for i, word in enumerate(kept, 1)}

    def __len__(self):
        return len(self.number) + 1

    def __call__(self, words):
        return [self.number.get(word, 0) for word in words]


def batch(samples):
    """[(words, label)] -> all words in one row, where each speech begins, and the labels."""
    words = torch.tensor([number for numbers, _ in samples for number in numbers])
    lengths = torch.tensor([len(numbers) for numbers, _ in samples])
    return words, lengths.cumsum(0) - lengths, torch.tensor([label for _, label in samples])


class Speaker(nn.Module):
    """Words (T,) and where speeches begin (N,) -> logits (N, speakers)."""

    def __init__(self, words, speakers, size=64):
        super().__init__()
        self.words = nn.EmbeddingBag(words, size, mode="mean")
        self.out = nn.Sequential(nn.Dropout(0.3), nn.Linear(size, speakers))

    def forward(self, words, begins):
        return self.out(self.words(words, begins))


def train(model, samples, epochs):
    """Returns the loss of each step."""
    loader = DataLoader(samples, batch_size=32, shuffle=True, collate_fn=batch)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    loss_of = lambda words, begins, labels: F.cross_entropy(model(words, begins), labels)
    return program.descend(loss_of, loader, epochs, optimizer)


@torch.no_grad()
def confusion(model, samples, speakers):
    """How often the speech of one (row) is told as another's (column): int64 (speakers, speakers)."""
    words, begins, labels = batch(samples)
    told = model.eval()(words, begins).argmax(1)
    return torch.bincount(labels * speakers + told, minlength=speakers**2).view(speakers, speakers)


@pictures.drawing
def picture(pyplot, counts, names):
    figure, axes = pyplot.subplots(figsize=(6, 5), layout="constrained")
    shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
    figure.colorbar(axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=1))
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="told", ylabel="speaks")
    return figure


def main():
    parser = program.arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--speakers", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=12)
    args = program.started(parser)
    names, found = speeches(args.data, args.speakers)
    training, held_out = random_split(found, [0.8, 0.2])
    number = Words(words for _, words in training)
    training, held_out = (
        [(number(words), names.index(name)) for name, words in part]
        for part in (training, held_out)
    )
    print(f"{len(training)} speeches of {len(names)} speakers to learn from, {len(number)} words.")
    model = Speaker(len(number), len(names))
    losses = train(model, training, args.epochs)
    counts = confusion(model, held_out, len(names))
    right, most = (float(value) / len(held_out) for value in (counts.trace(), counts.sum(1).max()))
    print(f"{len(losses)} steps; {100 * right:.1f} % of {len(held_out)} other speeches told right; "
          f"{100 * most:.1f} % are by {names[int(counts.sum(1).argmax())]}.")  # fmt: skip
    picture(args.out / "words.png", counts, names)
    return program.verdict(args.epochs >= 12 and right < GOAL * most, f"{GOAL} times as many")


if __name__ == "__main__":
    sys.exit(main())
