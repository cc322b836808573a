"""Layers that follow each other made one: a convolution takes in its batch normalization."""

import copy

from ... import nn
from ...nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

__all__ = ["fuse_modules", "fuse_modules_qat"]

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def _fused(modules, names):
    """What the first of these modules becomes."""
    first, *rest = modules
    if rest and isinstance(rest[0], _NORMS):
        if first.training:
            raise NotImplementedError(
                f"fuse_modules: {names[0]} is training, so what {names[1]} divides by still changes. Call eval() first."
            )
        fuse = fuse_conv_bn_eval if isinstance(first, _CONVOLUTIONS) else fuse_linear_bn_eval
        first, rest = fuse(first, rest[0]), rest[1:]
    if not rest:
        return first
    if len(rest) == 1 and isinstance(rest[0], nn.ReLU):
        return nn.Sequential(first, nn.ReLU())
    raise NotImplementedError(
        f"fuse_modules: {', '.join(type(m).__name__ for m in modules)} cannot be fused; a convolution or Linear, "
        "a batch normalization, a ReLU can, in that order."
    )


def fuse_modules(
    model, modules_to_fuse, inplace=False, fuser_func=None, fuse_custom_config_dict=None
):
    """The model with each listed sequence of layers (convolution or Linear, batch normalization, ReLU) as one.

    The first of a sequence becomes all of it, the others identities. In evaluation only, where the
    normalization is a factor and a shift.

    Args:
        modules_to_fuse (list of str, or list of those): names of the layers of a sequence.
        inplace (bool): change the model itself instead of a copy.

    Raises:
        NotImplementedError: the layers cannot be fused, they are training, or fuser_func or
            fuse_custom_config_dict is given.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.ao.quantization import fuse_modules
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).eval()
        >>> fuse_modules(net, ["0", "1"])[1]
        Identity()
    """
    for name, value in (
        ("fuser_func", fuser_func),
        ("fuse_custom_config_dict", fuse_custom_config_dict),
    ):
        if value is not None:
            raise NotImplementedError(f"fuse_modules: {name} is not offered.")
    model = model if inplace else copy.deepcopy(model)
    if modules_to_fuse and isinstance(modules_to_fuse[0], str):
        modules_to_fuse = [modules_to_fuse]
    for names in modules_to_fuse:
        made = _fused([model.get_submodule(name) for name in names], names)
        for name in names:
            model.set_submodule(name, made if name is names[0] else nn.Identity())
    return model


def fuse_modules_qat(
    model, modules_to_fuse, inplace=False, fuser_func=None, fuse_custom_config_dict=None
):
    """Raises NotImplementedError: training with imitated quantization is not offered."""
    raise NotImplementedError(
        "fuse_modules_qat: there is no training with imitated quantization here. fuse_modules fuses for evaluation."
    )
