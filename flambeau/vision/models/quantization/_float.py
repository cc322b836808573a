"""The classes and builders of this package, made of those of floating models."""

import sys

from .._api import weights_enum
from .._builder import builder

_NOT_HERE = "{name}: flambeau has no quantised kernels. {instead}"


class Quantizable:
    """Beside a floating model: what quantisation would add, said to be missing."""

    def fuse_model(self, is_qat=None):
        raise NotImplementedError(
            _NOT_HERE.format(
                name=f"{type(self).__name__}.fuse_model",
                instead="The floating model runs as it is.",
            )
        )


def quantizable_builder(name, weights_name, float_weights, make, *fixed, **further):
    """The public function `name` with quantize=False; weights are those of the floating model."""
    floating = builder(f"quantized_{name}", float_weights, make, *fixed, **further)

    def build(weights=None, progress=True, quantize=False, **arguments):
        quantised = isinstance(weights, weights_enum(weights_name))
        if quantize or quantised:
            raise NotImplementedError(
                _NOT_HERE.format(
                    name=f"quantization.{name}",
                    instead=f"Call it with quantize=False, and weights of {float_weights}.",
                )
            )
        return floating(weights, progress, **arguments)

    build.__name__ = build.__qualname__ = name
    build.__module__ = sys._getframe(1).f_globals["__name__"]
    build.weights_enum = weights_name
    build.__doc__ = floating.__doc__ + "    quantize: only False, the floating model.\n"
    return build
