"""Affine maps."""

import math

from ..._core import linear

__all__ = ["bilinear", "linear"]


def bilinear(input1, input2, weight, bias=None):
    """out[..., k] = input1 @ weight[k] @ input2 + bias[k].

    Shape: input1 (*B, I), input2 (*B, J), weight (N, I, J), bias (N,) to (*B, N).
    """
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            f"bilinear: input1 {tuple(input1.shape)} and input2 {tuple(input2.shape)} must agree "
            "in all dims but the last."
        )
    if input1.shape[-1] != weight.shape[1] or input2.shape[-1] != weight.shape[2]:
        raise RuntimeError(
            f"bilinear: weight {tuple(weight.shape)} must be (features out, {input1.size(-1)}, "
            f"{input2.size(-1)}) for input1 {tuple(input1.shape)} and input2 {tuple(input2.shape)}."
        )
    if bias is not None and bias.shape[:1] != weight.shape[:1]:
        raise RuntimeError(
            f"bilinear: bias {tuple(bias.shape)} must be ({weight.size(0)},), one for each row of "
            f"weight {tuple(weight.shape)}."
        )
    batch = input1.shape[:-1]
    count = math.prod(batch)
    first = input1.reshape(count, 1, 1, input1.shape[-1])  # (B, 1, 1, I)
    partial = (first @ weight).squeeze(2)  # (B, N, J)
    output = (partial * input2.reshape(count, 1, input2.shape[-1])).sum(
        -1, dtype=partial.dtype
    )  # (B, N)
    if bias is not None:
        output = output + bias
    return output.reshape(*batch, weight.shape[0])
