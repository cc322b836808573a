"""What several architectures share."""

import functools
import inspect
from collections import OrderedDict

from ... import _core, nn


def _make_divisible(v, divisor, min_value=None):
    """v rounded to a multiple of divisor, at least min_value, and never below 0.9 v."""
    rounded = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


def kwonly_to_pos_or_kw(fn):
    """Decorator: arguments that are keywords alone may come by position, too, which warns."""
    parameters = inspect.signature(fn).parameters.values()
    keywords = [p.name for p in parameters if p.kind == p.KEYWORD_ONLY]
    if not keywords:
        raise TypeError(
            f"kwonly_to_pos_or_kw: {fn.__name__} has no argument that is a keyword alone."
        )
    first = [p.name for p in parameters].index(keywords[0])

    @functools.wraps(fn)
    def call(*args, **kwargs):
        given = dict(zip(keywords, args[first:]))
        if given:
            _core._warn(
                f"{fn.__name__}: {', '.join(given)} by position is torchvision's old way; write {next(iter(given))}=."
            )
        return fn(*args[:first], **given, **kwargs)

    return call


def handle_legacy_interface(**weights):
    """Decorator: weights=("pretrained", value) lets a builder take its old argument pretrained=True for weights=value.

    value may be a function of the arguments.
    """

    def decorate(fn):
        @kwonly_to_pos_or_kw
        @functools.wraps(fn)
        def build(*args, **kwargs):
            for name, (old, value) in weights.items():
                if isinstance(kwargs.get(name), bool):
                    kwargs[old] = kwargs.pop(name)
                if old not in kwargs:
                    continue
                chosen = value(kwargs) if callable(value) and kwargs[old] else value
                kwargs[name] = chosen if kwargs.pop(old) else None
                _core._warn(
                    f"{fn.__name__}: {old}= is torchvision's old spelling; write {name}={kwargs[name]}."
                )
            return fn(*args, **kwargs)

        return build

    return decorate


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


def check_setting(name, setting, kind):
    """ValueError where a list of stages is empty, TypeError where one of them is not of their kind."""
    if not setting:
        raise ValueError(f"{name} is empty; it must have a {kind.__name__} for each stage.")
    if not isinstance(setting, list | tuple) or not all(isinstance(s, kind) for s in setting):
        raise TypeError(f"{name} must be a list of {kind.__name__}.")


def initialise_layers(model, kinds, draw):
    """draw(weight) for each layer of `kinds`, a type or several; biases are 0."""
    for module in model.modules():
        if isinstance(module, kinds):
            draw(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
