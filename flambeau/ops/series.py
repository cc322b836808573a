"""Series summed for many elements at once, several terms to a pass, each element for as long as it needs."""

from .. import _core
from .core import operators as fl
from .core.spec import PointwiseSpec

TERMS = 16  # to a pass over memory
_MOST_PASSES = 6_000


def fused(fn, n_in, name):
    """fn(*expressions) -> several expressions, as a kernel that `run` computes in one pass over float64."""
    made = []

    def kernel():
        if not made:
            from ..kernels import Map
            from ..kernels.expression import input as operand

            names = tuple(f"x{i}" for i in range(n_in))
            made_of = Map.of(list(fn(*map(operand, range(n_in)))), n_in, name)
            spec = PointwiseSpec(name, None, names, n_in, (...,) * n_in, n_in, map=made_of)
            made.append(_core._pointwise(spec))
        return made[0]

    return kernel


def run(kernel, outputs, inputs):
    """Writes a fused kernel's results into `outputs`, which may be among the inputs."""
    _core._map(kernel(), tuple(outputs), tuple(inputs), _core.float64)


def converge(kernel, state, fixed, pending):
    """Runs `kernel` on the tensors of `state`, (N,) each, until pending(*state) is false everywhere.

    The last of `state` is the sum. Elements that need more terms than most are gathered, so they alone go on.
    """
    sums = [(state[-1], None)]
    for _ in range(_MOST_PASSES):
        run(kernel, state, (*state, *fixed))
        places = pending(*state).nonzero().squeeze(1)
        if places.numel() == 0:
            break
        if 2 * places.numel() < state[-1].numel():
            state, fixed = ([one[places] for one in many] for many in (state, fixed))
            sums.append((state[-1], places))
    while len(sums) > 1:
        part, places = sums.pop()
        sums[-1][0].index_copy_(0, places, part)
    return sums[0][0]


def flat(*tensors):
    """Copies of tensors of one shape as float64 vectors, which may be written."""
    return [
        fl.empty(t.numel(), dtype=fl.float64, device=t.device).copy_(t.reshape(-1)) for t in tensors
    ]
