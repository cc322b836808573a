"""Images at another size."""

import flambeau

from . import rule


@rule("interpolate", "upsample")
def interpolate(g, input, size=None, scale_factor=None, mode="nearest", align_corners=None,
                recompute_scale_factor=None, antialias=False):  # fmt: skip
    kinds = {"nearest": "nearest", "nearest-exact": "nearest", "bicubic": "cubic"}
    kind = kinds.get(mode, "linear")
    if mode == "area":
        raise NotImplementedError(
            "onnx.export: interpolate with mode='area'; use adaptive_avg_pool."
        )
    if antialias and g.opset < 18:
        raise NotImplementedError(
            "onnx.export: interpolate with antialias=True needs opset_version 18 or more."
        )
    if kind == "nearest":
        place = "half_pixel" if mode == "nearest-exact" else "asymmetric"
    else:
        place = (
            "align_corners"
            if align_corners
            else "half_pixel"
            if mode == "bicubic"
            else "pytorch_half_pixel"
        )
    options = dict(
        mode=kind, coordinate_transformation_mode=place, cubic_coeff_a=-0.75 if kind == "cubic" else None,
        nearest_mode="floor" if mode != "nearest-exact" else "round_prefer_ceil", antialias=int(antialias) or None,
    )  # fmt: skip
    n = input.ndim - 2
    if size is not None:
        sizes = list(size) if isinstance(size, (tuple, list)) else [size] * n
        return g.op(
            "Resize",
            input,
            None,
            None,
            g.ints([g.size(input, 0), g.size(input, 1), *sizes]),
            **options,
        )
    factors = list(scale_factor) if isinstance(scale_factor, (tuple, list)) else [scale_factor] * n
    factors = [float(g.number(f, "scale_factor")) for f in factors]
    return g.op(
        "Resize", input, None, g.constant([1.0, 1.0, *factors], flambeau.float32), **options
    )


@rule("upsample_nearest")
def _(g, input, size=None, scale_factor=None):
    return interpolate(g, input, size, scale_factor)


@rule("upsample_bilinear")
def _(g, input, size=None, scale_factor=None):
    return interpolate(g, input, size, scale_factor, "bilinear", True)


@rule("grid_sample")
def _(g, input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    if input.ndim != 4 and g.opset < 20:
        raise NotImplementedError(
            "onnx.export: grid_sample of volumes needs opset_version 20 or more."
        )
    if g.opset >= 20:
        mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    return g.op(
        "GridSample",
        input,
        grid,
        mode=mode,
        padding_mode=padding_mode,
        align_corners=int(bool(align_corners)),
    )


@rule("affine_grid")
def _(g, theta, size, align_corners=None):
    spatial = [int(g.number(n, "size")) for n in size[2:]]
    identity = flambeau.eye(len(spatial), len(spatial) + 1).unsqueeze(0)
    points = flambeau.nn.functional.affine_grid(identity, (1, 1, *spatial), align_corners).reshape(
        1, -1, len(spatial)
    )
    points = flambeau.cat((points, flambeau.ones(1, points.size(1), 1)), 2).to(theta.dtype)
    flat = g.op("MatMul", g.constant(points), g.op("Transpose", theta, perm=[0, 2, 1]))
    return g.op("Reshape", flat, g.ints([0, *spatial, len(spatial)]))
