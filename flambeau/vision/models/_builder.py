"""From a row of a table of variants to the public function that makes the model."""

import sys

from ... import _core
from ._api import weights_enum

_OLD = "{name}: pretrained= is torchvision's old spelling; write weights={chosen}."


def chosen_weights(name, kind, weights, arguments):
    """The member of the enum `kind` that a call asks for; takes the old pretrained= out of the arguments."""
    pretrained = arguments.pop("pretrained", None)
    if isinstance(weights, bool):
        weights, pretrained = None, weights
    if pretrained is not None:
        chosen = next(iter(weights_enum(kind))) if pretrained else None
        _core._warn(_OLD.format(name=name, chosen=chosen))
        return chosen
    return None if weights is None else weights_enum(kind).verify(weights)


def fix(name, arguments, key, value):
    """Sets an argument that the weights decide; ValueError where the call asks for another value."""
    if arguments.get(key, value) != value:
        raise ValueError(
            f"{name}: {key} is {arguments[key]!r}, but the weights are those of a model with {value!r}."
        )
    arguments[key] = value


def fix_classes(name, arguments, weights, key="num_classes"):
    fix(name, arguments, key, len(weights.meta["categories"]))


def load(model, weights, progress, adapt=None):
    """The model with the tensors of the published file, whose old keys `adapt` makes today's."""
    state = weights.get_state_dict(progress=progress, check_hash=True)
    model.load_state_dict(adapt(state) if adapt else state)
    return model


def _named(build, name, weights_name, others):
    """`build` as the public function `name` of the module that asks for it."""
    build.__name__ = build.__qualname__ = name
    build.__module__ = sys._getframe(2).f_globals["__name__"]
    build.weights_enum = weights_name
    build.__doc__ = (
        f"{name.removeprefix('quantized_')} with random weights, or with those of {weights_name}.\n\n"
        "    weights: a member of that enum, its name, or None; fetched by hub, checked, and kept in its cache.\n"
        + others
    )
    return build


def builder(name, weights_name, make, *fixed, prepare=None, finish=None, adapt=None, **defaults):
    """The public function `name`: make(*fixed, **defaults), with the weights of the enum `weights_name`.

    prepare(weights, arguments) adapts the arguments to the weights (None without) and says what
    finish(model, prepared) is to do once they are loaded. adapt(state_dict) gives old files today's keys.
    """

    def build(weights=None, progress=True, **arguments):
        weights = chosen_weights(name, weights_name, weights, arguments)
        arguments = {**defaults, **arguments}
        if weights is not None and weights.meta.get("categories"):
            fix_classes(name, arguments, weights)
        prepared = prepare(weights, arguments) if prepare else None
        model = make(*fixed, **arguments)
        if weights is not None:
            load(model, weights, progress, adapt)
        if finish:
            finish(model, prepared)
        return model

    return _named(
        build, name, weights_name,
        f"    progress: show the download. Further arguments are those of {make.__name__}.\n",
    )  # fmt: skip


def backbone_builder(
    name, weights_name, backbone_name, make, classes, *fixed, start="IMAGENET1K_V1", **defaults
):
    """The public function `name` of a model that stands on another one.

    It calls make(*fixed, weights=, weights_backbone=, progress=, num_classes=, ...) with members of the two
    enums or None. start: the weights of the backbone where a call names none; None without.
    """

    def build(weights=None, progress=True, num_classes=None, weights_backbone=start, **arguments):
        weights = chosen_weights(name, weights_name, weights, arguments)
        backbone = {"pretrained": arguments.pop("pretrained_backbone", None)}
        arguments = {**defaults, **arguments}
        if weights is not None:
            weights_backbone = None  # they hold the backbone's, too
            known = {} if num_classes is None else {"num_classes": num_classes}
            fix_classes(name, known, weights)
            num_classes = known["num_classes"]
        else:
            weights_backbone = chosen_weights(name, backbone_name, weights_backbone, backbone)
            num_classes = classes if num_classes is None else num_classes
        model = make(
            *fixed,
            weights=weights,
            weights_backbone=weights_backbone,
            progress=progress,
            num_classes=num_classes,
            **arguments,
        )
        return model if weights is None else load(model, weights, progress)

    return _named(
        build, name, weights_name,
        f"    weights_backbone: of {backbone_name}, for the part that sees the image, where weights is None.\n"
        f"    num_classes: {classes} where None. progress: show the download.\n",
    )  # fmt: skip
