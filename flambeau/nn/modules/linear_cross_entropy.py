"""LinearCrossEntropyLoss: a linear layer and the cross entropy of its scores."""

import math
from dataclasses import dataclass

from .. import functional as F
from .homes import settle
from .linear import Linear
from .loss import _WeightedLoss


@dataclass
class LinearCrossEntropyOptions:
    """How PyTorch cuts the work into pieces; accepted, and without effect here.

    Example:
        >>> options = nn.LinearCrossEntropyOptions(batch_chunk_size=64)
        >>> loss = nn.LinearCrossEntropyLoss(8, 4, options=options)
        >>> loss(torch.zeros(2, 8), torch.tensor([0, 3])).item()
        1.3862943649291992
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str = "auto"
    acc_policy: str = "auto"
    acc_dtype: object = None


class LinearCrossEntropyLoss(_WeightedLoss):
    """cross_entropy(linear(input), target); see functional.linear_cross_entropy.

    Args:
        in_features, num_classes (int): of the linear map.
        out_features (tuple of int): sizes between batch and classes.
        bias (bool): whether one is added.
        device, dtype: of the parameters.
        reduction, weight, ignore_index, label_smoothing: as of CrossEntropyLoss.
        options (LinearCrossEntropyOptions, optional): without effect.

    Example:
        >>> nn.LinearCrossEntropyLoss(8, 10)(torch.randn(4, 8), torch.tensor([1, 2, 3, 4])).shape
        torch.Size([])
    """

    __constants__ = [
        "in_features", "num_classes", "out_features", "reduction", "ignore_index",
        "label_smoothing",
    ]  # fmt: skip

    def __init__(
        self, in_features, num_classes, *, out_features=(), bias=False, device=None, dtype=None,
        reduction="mean", weight=None, ignore_index=None, label_smoothing=0.0, options=None,
    ):  # fmt: skip
        super().__init__(weight, reduction=reduction)
        if num_classes <= 0:
            raise ValueError(
                f"LinearCrossEntropyLoss: num_classes is {num_classes}; it must be 1 or more."
            )
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(
                f"LinearCrossEntropyLoss: weight {tuple(weight.shape)} must be {(num_classes,)}, "
                "one for each class."
            )
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(
                f"LinearCrossEntropyLoss: label_smoothing is {label_smoothing}; it must be from 0 "
                "to 1."
            )
        self.in_features = in_features
        self.num_classes = num_classes
        self.out_features = tuple(out_features)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self.options = options
        out = num_classes * math.prod(self.out_features)
        self.linear = Linear(in_features, out, bias=bias, device=device, dtype=dtype)

    def forward(self, input, target):
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input, self.linear.weight.reshape(*shape, self.in_features), target,
            linear_bias=None if bias is None else bias.reshape(shape), weight=self.weight,
            reduction=self.reduction, ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing, options=self.options,
        )  # fmt: skip

    def extra_repr(self):
        return (
            f"in_features={self.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


settle("loss", LinearCrossEntropyLoss)
