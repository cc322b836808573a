"""Rules of resampling: levels are more images."""

from ... import _core
from .values import folded, joint_levels, on_values, same_for, unfolded


@same_for(_core._resize)
def _(operator, input, dim, *rest):
    return on_values(operator, input, dim, *rest)


@same_for(_core._grid_sample, _core._grid_sample_backward)
def _(operator, *args):
    levels = joint_levels(*args)
    tensors = [folded(arg, levels) for arg in args if isinstance(arg, _core.Tensor)]
    count = len(tensors[0])
    made = operator(*(t.flatten(0, 1) for t in tensors), *args[len(tensors) :])

    def apart(value):
        return None if value is None else unfolded(value.unflatten(0, (count, -1)), levels)

    return apart(made) if isinstance(made, _core.Tensor) else tuple(map(apart, made))


@same_for(_core._unfold, _core._fold, _core._nearest, _core._nearest_backward, _core._affine_grid)
def _(operator, images, *rest):
    levels = joint_levels(images)
    own = folded(images, levels)
    made = operator(own.flatten(0, 1), *rest)
    return unfolded(made.unflatten(0, tuple(own.shape[:2])), levels)
