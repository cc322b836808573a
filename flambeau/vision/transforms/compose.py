"""Transforms made of others, or of a function."""

from ... import multinomial, rand, randperm, tensor
from ...nn import Module, ModuleList


def shown(name, transforms, *before):
    """Transforms, one a line."""
    lines = "".join(f"\n    {line}" for line in (*before, *transforms))
    return f"{name}({lines}\n)"


class Compose:
    """One transform after the other."""

    def __init__(self, transforms):
        self.transforms = list(transforms)

    @property
    def takes_batches(self):
        """Whether every transform takes a batch at once."""
        return all(getattr(t, "takes_batches", False) for t in self.transforms)

    def __call__(self, img):
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self):
        return shown("Compose", self.transforms)


class Lambda:
    """A function as a transform; it sees one image at a time."""

    def __init__(self, lambd):
        if not callable(lambd):
            raise TypeError(f"Lambda: lambd must be callable, not {type(lambd).__name__}.")
        self.lambd = lambd

    def __call__(self, img):
        return self.lambd(img)

    def __repr__(self):
        return "Lambda()"


class RandomApply(Module):
    """All of some transforms with probability p, else none."""

    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms = transforms if isinstance(transforms, ModuleList) else list(transforms)
        self.p = p

    def forward(self, img):
        if float(rand(())) < self.p:
            for transform in self.transforms:
                img = transform(img)
        return img

    def __repr__(self):
        return shown("RandomApply", self.transforms, f"p={self.p}")


class RandomOrder:
    """All of some transforms, in a random order."""

    def __init__(self, transforms):
        self.transforms = list(transforms)

    def __call__(self, img):
        for i in randperm(len(self.transforms)).tolist():
            img = self.transforms[i](img)
        return img

    def __repr__(self):
        return shown("RandomOrder", self.transforms)


class RandomChoice:
    """One of some transforms; p: their weights, all alike without."""

    def __init__(self, transforms, p=None):
        if p is not None and len(p) != len(transforms):
            raise ValueError(
                f"RandomChoice: {len(p)} weights for {len(transforms)} transforms; there must be as many."
            )
        self.transforms = list(transforms)
        self.p = p

    def __call__(self, *args):
        weights = [1.0] * len(self.transforms) if self.p is None else self.p
        return self.transforms[int(multinomial(tensor(weights, dtype=float), 1))](*args)

    def __repr__(self):
        return shown("RandomChoice", self.transforms) + f"(p={self.p})"
