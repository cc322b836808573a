"""What several architectures share."""

from collections import OrderedDict

from ... import nn


def _make_divisible(v, divisor, min_value=None):
    """v rounded to a multiple of divisor, at least min_value, and never below 0.9 v."""
    rounded = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


def stage_indices(features):
    """The places of MobileNet's features after which the size is halved, with the first and the last."""
    halved = [i for i, block in enumerate(features) if getattr(block, "_is_cn", False)]
    return [0, *halved, len(features) - 1]


class IntermediateLayerGetter(nn.ModuleDict):
    """The first layers of a model, as far as the last one asked for; gives an OrderedDict of results.

    return_layers: child of model -> name of its result. Children are called in their order, one after
    another; ValueError where a child is not there.

    Example:
        >>> body = IntermediateLayerGetter(models.resnet18(), {"layer1": "a", "layer3": "b"})
        >>> [(name, tuple(x.shape)) for name, x in body(torch.zeros(1, 3, 64, 64)).items()]
        [('a', (1, 64, 16, 16)), ('b', (1, 256, 4, 4))]
    """

    _version = 2

    def __init__(self, model, return_layers):
        children = dict(model.named_children())
        wanted = {str(key): str(value) for key, value in return_layers.items()}
        missing = [name for name in wanted if name not in children]
        if missing:
            raise ValueError(
                f"IntermediateLayerGetter: {type(model).__name__} has no child {missing[0]!r}; it has "
                f"{', '.join(children)}."
            )
        last = max(list(children).index(name) for name in wanted)
        super().__init__(dict(list(children.items())[: last + 1]))
        self.return_layers = wanted

    def forward(self, x):
        results = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                results[self.return_layers[name]] = x
        return results
