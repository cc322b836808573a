"""Products of several matrices of different sizes in one call, and products of scaled float8 matrices."""

import enum
import math

import flambeau

__all__ = ["ScalingType", "SwizzleType", "grouped_mm", "scaled_grouped_mm", "scaled_mm"]


class ScalingType(enum.IntEnum):
    """What one factor of a scaled matrix belongs to."""

    TensorWise = 0
    RowWise = 1
    BlockWise1x16 = 2
    BlockWise1x32 = 3
    BlockWise1x128 = 4
    BlockWise128x128 = 5


class SwizzleType(enum.IntEnum):
    """In which order factors lie in memory."""

    NO_SWIZZLE = 0
    SWIZZLE_32_4_4 = 1


def _ends(name, offs, size, count=None):
    """The ends of the groups, as ints."""
    if offs is None:
        raise RuntimeError(f"{name}: offs is needed, the end of each group, unless both are 3-D.")
    if offs.dim() != 1 or offs.dtype != flambeau.int32:
        raise RuntimeError(
            f"{name}: offs must be a vector of int32, not {offs.dtype} {tuple(offs.shape)}."
        )
    ends = offs.tolist()
    if count is not None and len(ends) != count:
        raise RuntimeError(f"{name}: offs has {len(ends)} ends for {count} matrices.")
    if any(a > b for a, b in zip([0, *ends], [*ends, size])):
        raise RuntimeError(f"{name}: offs {ends} must not fall, nor go beyond {size}.")
    return ends


def _groups(name, a, b, offs):
    """(pairs of matrices to be multiplied, how their products are joined)."""
    if a.dim() not in (2, 3) or b.dim() not in (2, 3):
        raise RuntimeError(
            f"{name}: both must have 2 or 3 dims, not {tuple(a.shape)} and {tuple(b.shape)}."
        )
    if a.size(-1) != b.size(-2):
        raise RuntimeError(
            f"{name}: inner dimensions differ ({a.size(-1)} != {b.size(-2)}): mat_a {tuple(a.shape)} @ mat_b "
            f"{tuple(b.shape)}."
        )
    if a.dim() == b.dim() == 3:
        if offs is not None:
            raise RuntimeError(f"{name}: with both of 3 dims each pair is a group; leave offs out.")
        if a.size(0) != b.size(0):
            raise RuntimeError(f"{name}: mat_a has {a.size(0)} matrices, mat_b {b.size(0)}.")
        return list(zip(a.unbind(0), b.unbind(0), strict=True)), "stack"
    if b.dim() == 3:  # rows of a, group by group
        ends = _ends(name, offs, a.size(0), b.size(0))
        parts = [a[i:j] for i, j in zip([0, *ends], ends)]
        return list(zip(parts, b.unbind(0), strict=True)), "rows"
    if a.dim() == 3:  # columns of b
        ends = _ends(name, offs, b.size(1), a.size(0))
        parts = [b[:, i:j] for i, j in zip([0, *ends], ends)]
        return list(zip(a.unbind(0), parts, strict=True)), "columns"
    ends = _ends(name, offs, a.size(1))
    return [(a[:, i:j], b[i:j]) for i, j in zip([0, *ends], ends)], "stack"


def _joined(products, how, a, b):
    if how == "stack":
        return flambeau.stack(products)
    dim = 0 if how == "rows" else 1
    size = a.size(0) if dim == 0 else b.size(1)
    left = size - sum(product.size(dim) for product in products)
    if left:  # beyond the last end nothing is computed
        shape = (left, b.size(-1)) if dim == 0 else (a.size(-2), left)
        products.append(products[0].new_zeros(shape))
    return flambeau.cat(products, dim)


def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None):
    """Products of groups of rows, of columns or of inner elements, one matrix each: mixtures of experts.

    Args:
        mat_a (Tensor): (M, K) or (G, M, K).
        mat_b (Tensor): (K, N) or (G, K, N).
        offs (Tensor, optional): (G,), int32, where each group ends: rows of a 2-D mat_a with a 3-D mat_b, columns
            of a 2-D mat_b with a 3-D mat_a, the inner dimension of two 2-D ones. Not with two 3-D ones.
        out_dtype (dtype, optional): of the result, if it is not that of mat_a.

    Returns:
        Tensor: (M, N) for groups of rows or columns, otherwise (G, M, N).

    Raises:
        RuntimeError: the shapes or offs do not fit. NotImplementedError: bias is given.

    Example:
        >>> import flambeau as torch
        >>> x, experts = torch.ones(3, 2), torch.stack([torch.eye(2), 2 * torch.eye(2)])
        >>> torch.nn.functional.grouped_mm(x, experts, offs=torch.tensor([1, 3], dtype=torch.int32))
        tensor([[1., 1.],
                [2., 2.],
                [2., 2.]])
    """
    if bias is not None:
        raise NotImplementedError("grouped_mm: bias is not offered. Add it to the result.")
    pairs, how = _groups("grouped_mm", mat_a, mat_b, offs)
    result = _joined([x @ y for x, y in pairs], how, mat_a, mat_b)
    return result if out_dtype is None else result.to(out_dtype)


def _unscaled(name, mat, scale, recipe, swizzle, dim):
    """`mat` in float32 times its factors; `dim` is the one that a factor of RowWise covers."""
    one = isinstance(scale, flambeau.Tensor)
    scales = [scale] if one else list(scale)
    recipes = [recipe] if isinstance(recipe, ScalingType) else list(recipe)
    if len(scales) != len(recipes):
        raise ValueError(f"{name}: {len(scales)} scales stand beside {len(recipes)} recipes.")
    swizzles = [swizzle] if swizzle is None or isinstance(swizzle, SwizzleType) else list(swizzle)
    if any(s not in (None, SwizzleType.NO_SWIZZLE) for s in swizzles):
        raise NotImplementedError(f"{name}: factors in swizzled order are not offered.")
    result = mat.float()
    for factor, kind in zip(scales, recipes, strict=True):
        if kind == ScalingType.TensorWise:
            if factor.numel() != 1:
                raise ValueError(f"{name}: TensorWise takes one factor, not {factor.numel()}.")
            result = result * factor.reshape(()).float()
        elif kind == ScalingType.RowWise:
            shape = [*mat.shape[:-2], 1, 1]
            shape[dim] = mat.size(dim)
            if factor.numel() != math.prod(shape):
                raise ValueError(
                    f"{name}: RowWise takes {math.prod(shape)} factors, not {factor.numel()}."
                )
            result = result * factor.float().reshape(shape)
        else:
            raise NotImplementedError(
                f"{name}: {ScalingType(kind).name} is not offered; TensorWise and RowWise are."
            )
    return result


def scaled_mm(
    mat_a, mat_b, scale_a, scale_recipe_a, scale_b, scale_recipe_b, swizzle_a=None, swizzle_b=None, bias=None,
    output_dtype=flambeau.bfloat16, contraction_dim=(), use_fast_accum=False,
):  # fmt: skip
    """(mat_a * scale_a) @ (mat_b * scale_b) + bias of matrices that are stored as float8, computed in float32.

    Args:
        mat_a (Tensor): (M, K).
        mat_b (Tensor): (K, N).
        scale_a, scale_b (Tensor, or list of one): one factor, or with ScalingType.RowWise one for each row of
            mat_a (M) and each column of mat_b (N).
        output_dtype (dtype, optional): of the result; that of mat_a if None.
        use_fast_accum (bool): sums are float32 either way.

    Returns:
        Tensor: (M, N).

    Dtype: float8 for the matrices, floating for factors and bias.

    Raises:
        NotImplementedError: another recipe, swizzled factors, or a contraction_dim.

    Example:
        >>> a, whole = torch.ones(2, 16).to(torch.float8_e4m3fn), F.ScalingType.TensorWise
        >>> F.scaled_mm(a, a.t(), torch.tensor(0.5), whole, torch.tensor(1.0), whole, output_dtype=torch.float32)
        tensor([[8., 8.],
                [8., 8.]])
    """
    if tuple(contraction_dim):
        raise NotImplementedError("scaled_mm: contraction_dim is not offered.")
    a = _unscaled("scaled_mm", mat_a, scale_a, scale_recipe_a, swizzle_a, -2)
    b = _unscaled("scaled_mm", mat_b, scale_b, scale_recipe_b, swizzle_b, -1)
    result = a @ b
    result = result if bias is None else result + bias.float()
    return result.to(mat_a.dtype if output_dtype is None else output_dtype)


def scaled_grouped_mm(
    mat_a, mat_b, scale_a, scale_recipe_a, scale_b, scale_recipe_b, swizzle_a=None, swizzle_b=None, bias=None,
    offs=None, output_dtype=flambeau.bfloat16, contraction_dim=(), use_fast_accum=False,
):  # fmt: skip
    """`grouped_mm` of scaled matrices; arguments as `scaled_mm` and `grouped_mm` take them.

    Shape: (G, M, K) and (G, K, N) to (G, M, N), or with `offs` as grouped_mm. Dtype: as scaled_mm.

    Example:
        >>> a, whole = torch.ones(3, 2, 16).to(torch.float8_e4m3fn), F.ScalingType.TensorWise
        >>> F.scaled_grouped_mm(a, a.mT, torch.tensor(0.5), whole, torch.tensor(1.0), whole).shape
        torch.Size([3, 2, 2])
    """
    if tuple(contraction_dim):
        raise NotImplementedError("scaled_grouped_mm: contraction_dim is not offered.")
    a = _unscaled("scaled_grouped_mm", mat_a, scale_a, scale_recipe_a, swizzle_a, -2)
    b = _unscaled("scaled_grouped_mm", mat_b, scale_b, scale_recipe_b, swizzle_b, -1)
    return grouped_mm(a, b, offs=offs, bias=bias, out_dtype=output_dtype or mat_a.dtype)
