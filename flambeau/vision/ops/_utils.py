"""What training programs import from torchvision.ops._utils."""

from ... import Tensor, nn
from ._roi import regions

_NORMS = (
    nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm, nn.LocalResponseNorm
)  # fmt: skip


def check_roi_boxes_shape(boxes):
    """AssertionError unless boxes are (K, 5), the image of each first, or a list of (L, 4)."""
    if not isinstance(boxes, Tensor | list | tuple):
        raise AssertionError(f"boxes: {type(boxes).__name__}; they must be a Tensor or a list.")
    several = boxes if isinstance(boxes, list | tuple) else [boxes]
    numbers = 4 if isinstance(boxes, list | tuple) else 5
    for own in several:
        if own.ndim != 2 or own.shape[1] != numbers:
            raise AssertionError(f"boxes: {tuple(own.shape)}; they must be (K, {numbers}).")


def convert_boxes_to_roi_format(boxes):
    """A list of boxes (L, 4) an image as (K, 5), the number of the image first."""
    return regions("convert_boxes_to_roi_format", boxes[0].new_empty(1, 1, 1, 1), list(boxes))


def split_normalization_params(model, norm_classes=None):
    """(parameters of layers that normalize, all others) that are trained; norm_classes: which layers, or the usual ones."""
    kinds = tuple(norm_classes) if norm_classes is not None else _NORMS
    if not all(isinstance(kind, type) and issubclass(kind, nn.Module) for kind in kinds):
        raise ValueError(
            f"split_normalization_params: norm_classes are {norm_classes}; they must be classes of layers."
        )
    norms, others = [], []
    for module in model.modules():
        into = norms if isinstance(module, kinds) else others
        into += [p for p in module.parameters(recurse=False) if p.requires_grad]
    return norms, others
