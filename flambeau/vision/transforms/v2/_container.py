"""Transforms made of others."""

from .... import multinomial, rand, randperm, tensor
from ....nn import ModuleList
from ..compose import shown
from ._transform import Transform


def _several(name, transforms):
    if not isinstance(transforms, list | tuple | ModuleList):
        raise TypeError(f"{name}: takes a sequence of transforms, not {type(transforms).__name__}.")
    if not len(transforms):
        raise ValueError(f"{name}: there are no transforms.")
    return transforms


class Compose(Transform):
    """One transform after the other, each a transform or any callable."""

    def __init__(self, transforms):
        super().__init__()
        self.transforms = _several("Compose", transforms)

    def forward(self, *inputs):
        for transform in self.transforms:
            outputs = transform(*inputs)
            inputs = outputs if len(inputs) > 1 else (outputs,)
        return outputs

    def __repr__(self):
        return shown("Compose", self.transforms)


class RandomApply(Transform):
    """All of some transforms with probability p, else none."""

    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms = _several("RandomApply", transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"RandomApply: p is {p}; it must lie in [0, 1].")
        self.p = p

    def forward(self, *inputs):
        outputs = inputs if len(inputs) > 1 else inputs[0]
        if float(rand(())) >= self.p:
            return outputs
        for transform in self.transforms:
            outputs = transform(*inputs)
            inputs = outputs if len(inputs) > 1 else (outputs,)
        return outputs

    def __repr__(self):
        return shown("RandomApply", self.transforms, f"p={self.p}")


class RandomChoice(Transform):
    """One of some transforms; p: their weights, all alike without."""

    def __init__(self, transforms, p=None):
        super().__init__()
        self.transforms = _several("RandomChoice", transforms)
        weights = [1.0] * len(transforms) if p is None else list(p)
        if len(weights) != len(transforms):
            raise ValueError(
                f"RandomChoice: {len(weights)} weights for {len(transforms)} transforms; there must be as many."
            )
        self.p = [weight / sum(weights) for weight in weights]

    def forward(self, *inputs):
        chosen = int(multinomial(tensor(self.p, dtype=float), 1))
        return self.transforms[chosen](*inputs)

    def __repr__(self):
        return shown("RandomChoice", self.transforms, f"p={self.p}")


class RandomOrder(Transform):
    """All of some transforms, in a random order."""

    def __init__(self, transforms):
        super().__init__()
        self.transforms = _several("RandomOrder", transforms)

    def forward(self, *inputs):
        outputs = inputs if len(inputs) > 1 else inputs[0]
        for i in randperm(len(self.transforms)).tolist():
            outputs = self.transforms[i](*inputs)
            inputs = outputs if len(inputs) > 1 else (outputs,)
        return outputs

    def __repr__(self):
        return shown("RandomOrder", self.transforms)
