"""Names of models and of their published weights: get_model, list_models, weight enums.

The facts of the weights (addresses, sizes, measured accuracies) are data, facts/weights.json, read when
the first enum is asked for; so are the names of the classes. Nothing is downloaded before a builder is
called with weights=.
"""

import enum
import fnmatch
import functools
import importlib
import inspect
import json
import os
import sys
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from urllib.error import URLError

from ._names import BUILDERS

__all__ = [
    "Weights", "WeightsEnum", "get_model", "get_model_builder", "get_model_weights", "get_weight", "list_models",
    "register_model",
]  # fmt: skip

_PACKAGE = __name__.rpartition(".")[0]
_FACTS = Path(__file__).parent / "facts"
_registered = {}


# -- weights


class Meta(dict):
    """What is known of some weights; the names of the classes are read when they are asked for."""

    def __missing__(self, key):
        if key != "categories" or self._listed is None:
            raise KeyError(key)
        self["categories"] = list(_facts("categories")[self._listed])
        return self["categories"]

    def __contains__(self, key):
        return super().__contains__(key) or (key == "categories" and self._listed is not None)

    def get(self, key, default=None):
        return self[key] if key in self else default

    def __init__(self, known, listed=None):
        super().__init__(known)
        self._listed = listed


@dataclass
class Weights:
    """Published weights: their address, the transforms they expect, and what is known of them."""

    url: str
    transforms: object
    meta: dict

    def __eq__(self, other):
        if not isinstance(other, Weights):
            return NotImplemented
        return (self.url, self.meta) == (other.url, other.meta) and _same_call(
            self.transforms, other.transforms
        )

    __hash__ = object.__hash__


def _same_call(a, b):
    if isinstance(a, functools.partial) and isinstance(b, functools.partial):
        return (a.func, a.args, a.keywords) == (b.func, b.args, b.keywords)
    return a == b


class WeightsEnum(enum.Enum):
    """The published weights of one model; DEFAULT is the best of them."""

    @classmethod
    def verify(cls, obj):
        """obj as a member of this enum: a member itself, its name, or "Enum.NAME"; None stays None."""
        if obj is None or isinstance(obj, cls):
            return obj
        if isinstance(obj, str):
            return cls[obj.removeprefix(cls.__name__ + ".")]
        raise TypeError(
            f"{cls.__name__}: weights are {obj!r} ({type(obj).__name__}); give a member of {cls.__name__}, "
            "its name, or None."
        )

    def get_state_dict(self, *args, **kwargs):
        """The tensors of the file at `url`, from hub's cache or downloaded.

        Arguments are those of hub.load_state_dict_from_url. URLError: neither cached nor within reach.
        """
        from ... import hub

        try:
            return hub.load_state_dict_from_url(self.url, *args, **kwargs)
        except URLError as error:
            folder = kwargs.get("model_dir") or os.path.join(hub.get_dir(), "checkpoints")
            raise URLError(
                f"{self!r}: {self.url} cannot be fetched ({error.reason}). Without a network, copy the file to "
                f"{os.path.join(folder, os.path.basename(self.url))}."
            ) from error

    def __reduce_ex__(self, protocol):
        return getattr, (type(self), self._name_)

    def __repr__(self):
        return f"{type(self).__name__}.{self._name_}"

    __str__ = __repr__

    url = property(attrgetter("value.url"))
    transforms = property(attrgetter("value.transforms"))
    meta = property(attrgetter("value.meta"))


@functools.cache
def _facts(name):
    return json.loads((_FACTS / f"{name}.json").read_text(encoding="utf-8"))


def _preset(kind, chosen):
    from ..transforms import _presets

    chosen = {key: tuple(v) if isinstance(v, list) else v for key, v in chosen.items()}
    if "interpolation" in chosen:
        from ..transforms import InterpolationMode

        chosen["interpolation"] = InterpolationMode(chosen["interpolation"])
    made = getattr(_presets, kind)
    return functools.partial(made, **chosen) if chosen else made


def _member(known):
    meta = dict(known["meta"])
    if meta.get("min_size"):
        meta["min_size"] = tuple(meta["min_size"])
    if "unquantized" in meta:
        meta["unquantized"] = get_weight(meta["unquantized"])
    # VGG16's features have no classes: None, as published.
    listed = meta.pop("categories", None) if meta.get("categories") else None
    return Weights(known["url"], _preset(*known["transforms"]), Meta(meta, listed))


@functools.cache
def weights_enum(name):
    """The enum of that name."""
    known = _facts("weights")[name]
    members = {member: _member(facts) for member, facts in known["members"].items()}
    if known["default"]:
        members["DEFAULT"] = members[known["default"]]
    made = WeightsEnum(name, members)
    made.__module__ = importlib.import_module(f"{_PACKAGE}.{known['module']}").__name__
    made.__qualname__ = name
    return made


def lazy_weights(module):
    """The module-level __getattr__ of a file of models: its weight enums are made when asked for."""
    own = module.removeprefix(_PACKAGE + ".").partition("vision.models.")
    own = own[2] or own[0].removeprefix("torchvision.models.")

    def __getattr__(name):
        if name.endswith("Weights") and _facts("weights").get(name, {}).get("module") == own:
            found = weights_enum(name)
            setattr(sys.modules[module], name, found)
            return found
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return __getattr__


def get_weight(name):
    """The weights with the full name `name`, as "ResNet50_Weights.IMAGENET1K_V2".

    ValueError: the name is not of that form, or there is no such enum or member.

    Example:
        >>> get_weight("ResNet18_Weights.DEFAULT").meta["num_params"]
        11689512
    """
    enum_name, dot, member = name.partition(".")
    if not dot or "." in member:
        raise ValueError(f"get_weight: {name!r} is not of the form 'ResNet50_Weights.DEFAULT'.")
    if enum_name not in _facts("weights"):
        raise ValueError(f"get_weight: there are no weights {enum_name!r}.")
    found = weights_enum(enum_name)
    if member not in found.__members__:
        raise ValueError(
            f"get_weight: {enum_name} has no {member!r}; it has {', '.join(found.__members__)}."
        )
    return found[member]


def get_model_weights(name):
    """The enum of weights of a model, which is given by its name or as its builder."""
    builder = get_model_builder(name) if isinstance(name, str) else name
    found = getattr(builder, "weights_enum", None)
    if found is not None:
        return weights_enum(found)
    annotation = inspect.signature(builder).parameters.get("weights")
    kinds = [annotation.annotation] if annotation else []
    kinds += getattr(annotation and annotation.annotation, "__args__", ())
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, WeightsEnum):
            return kind
    raise ValueError(
        f"get_model_weights: {getattr(builder, '__name__', builder)} does not say which weights it takes; "
        "annotate its parameter weights with a WeightsEnum."
    )


# -- models


def register_model(name=None):
    """Decorator: makes a builder known to get_model and list_models, by `name` or its own."""

    def register(builder):
        key = name if name is not None else builder.__name__
        if key in _registered or key in BUILDERS:
            raise ValueError(f"register_model: there is a model {key!r} already.")
        _registered[key] = builder
        return builder

    return register


def _module_of(name):
    """The file of a model below this package, as "detection.fcos"."""
    if name in BUILDERS:
        return BUILDERS[name]
    return _registered[name].__module__.partition(".models.")[2]


def list_models(module=None, include=None, exclude=None):
    """The names of all models, sorted.

    module: only those of this module (or package, without those of its parts). include, exclude: patterns as
    in file names, one or several.

    Example:
        >>> list_models(include="resnet*", exclude="*50")
        ['resnet101', 'resnet152', 'resnet18', 'resnet34']
    """
    names = {*BUILDERS, *_registered}
    if module is not None:
        own = f".{module.__name__}".partition(".models")[2].strip(".")
        names = {name for name in names if _module_of(name).rpartition(".")[0] == own}
    patterns = {"include": include, "exclude": exclude}
    for key, value in patterns.items():
        patterns[key] = [value] if isinstance(value, str) else list(value or ())

    def fits(name, some):
        return any(fnmatch.fnmatch(name, pattern) for pattern in patterns[some])

    return sorted(
        name
        for name in names
        if (not patterns["include"] or fits(name, "include")) and not fits(name, "exclude")
    )


def get_model_builder(name):
    """The function that makes the model `name`; ValueError where there is none."""
    name = name.lower()
    if name in _registered:
        return _registered[name]
    if name not in BUILDERS:
        raise ValueError(f"get_model: there is no model {name!r}; list_models() names all.")
    module = importlib.import_module(f"{_PACKAGE}.{BUILDERS[name]}")
    return getattr(module, name.removeprefix("quantized_"))


def get_model(name, **config):
    """The model `name`, made with the arguments of its builder.

    Example:
        >>> get_model("squeezenet1_1", num_classes=3)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 3])
    """
    return get_model_builder(name)(**config)
