"""What hypothesis draws: tensors that are views, with the values at which operators end."""

import numpy as np
from hypothesis import strategies as st

import flambeau

_SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 3e38, -3e38, 1e-42, 0.5)

shapes = st.one_of(
    st.just(()),
    st.lists(st.sampled_from((0, 1, 2, 3, 5)), min_size=1, max_size=4).map(tuple),
    st.lists(st.sampled_from((1, 17, 33, 65)), min_size=1, max_size=2).map(tuple),
)

dtypes = st.sampled_from(
    ("float32", "float64", "float16", "bfloat16", "complex64", "int64", "int32", "int8", "uint8")
    + ("bool",)
)
floating = st.sampled_from(("float32", "float64"))


def _values(shape, dtype, seed, special):
    """Numbers of a dtype; some of them are infinite, NaN or the dtype's extremes."""
    random = np.random.default_rng(seed)
    if dtype == "bool":
        return random.random(shape) < 0.5
    if dtype in ("int64", "int32", "int8", "uint8"):
        info = np.iinfo(dtype)
        numbers = random.integers(max(info.min, -4), 5, shape).astype(dtype)
        ends = np.array((info.min, info.max, 0, 1), dtype)
    else:
        numbers = random.standard_normal(shape)
        if dtype.startswith("complex"):
            numbers = (numbers + 1j * random.standard_normal(shape)).astype(dtype)
        ends = np.array(_SPECIAL)
    if special and numbers.size:
        places = random.random(shape) < 0.2
        numbers = np.where(places, random.choice(ends, shape), numbers)
    return numbers


def _as_tensor(numbers, dtype):
    return flambeau.tensor(np.ascontiguousarray(numbers)).to(getattr(flambeau, dtype))


@st.composite
def views(draw, shape, dtype, special=False):
    """A tensor of this shape and dtype that is a view of a larger, turned, repeated or offset one."""
    kind = draw(st.sampled_from(("contiguous", "turned", "stepped", "expanded", "offset")))
    seed = draw(st.integers(0, 2**16))
    n = len(shape)
    if kind == "turned" and n > 1:
        order = draw(st.permutations(range(n)))
        base = _as_tensor(_values([shape[d] for d in order], dtype, seed, special), dtype)
        return base.permute([order.index(d) for d in range(n)])
    if kind == "stepped" and n:
        wide = _as_tensor(_values([2 * size + 1 for size in shape], dtype, seed, special), dtype)
        return wide[tuple(slice(1, None, 2) for _ in shape)]
    if kind == "expanded" and n:
        repeated = draw(st.sets(st.integers(0, n - 1), min_size=1))
        sizes = [min(size, 1) if d in repeated else size for d, size in enumerate(shape)]
        return _as_tensor(_values(sizes, dtype, seed, special), dtype).expand(shape)
    if kind == "offset":
        flat = _as_tensor(_values(int(np.prod(shape)) + 3, dtype, seed, special), dtype)
        return flat[3:].view(shape)
    return _as_tensor(_values(shape, dtype, seed, special), dtype)
