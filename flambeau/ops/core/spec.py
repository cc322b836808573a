"""What the core asks of a pointwise operator (its kernels and its derivatives), and operators made of derivatives."""

from ... import _core
from .arguments import refuse_uncomputed

_HALVES = {"float16": "float32", "bfloat16": "float32", "complex32": "complex64"}
_WIDER = frozenset("float32 float64 complex64 complex128".split())


class PointwiseSpec:
    """What the core asks of a pointwise operator: its arguments, its kernels, its derivatives."""

    def __init__(
        self, name, fn, args, n_inputs, defaults, positional, *, keep=0, tensors=0,
        compute="promoted", result="same", differentiable=True, uses_index=False, map=None,
        casts_out=None, divisor=-1, float8=False, takes_bool=True, rounds=0, slope_rounds=None,
        by_hand=None, refuses=None, numbers=False, row_major="never",
        leaves_out_flat=False, unit=None,
    ):  # fmt: skip
        self.name = name
        self.fn = fn
        self.args = args
        self.n_inputs = n_inputs
        self.defaults = defaults  # ... where there is none
        # The first scalar parameter that is 1 if not given (alpha): where it is 1, kernels are joined without it.
        if unit is None:
            unit = next((i for i, d in enumerate(defaults) if type(d) is int and d == 1), -1)
        self.unit = unit
        self.positional = positional
        self.keep = keep
        self.tensors = tensors
        self.compute = compute
        self.result = result
        self.differentiable = differentiable
        # Of what promotes its arguments, out= may have any dtype that the result can be cast to.
        promotes = n_inputs > 1 or compute == "floating"
        self.casts_out = promotes if casts_out is None else casts_out
        self.uses_index = uses_index
        self.numbers = numbers
        self.row_major = row_major
        self.divisor = divisor
        self.float8 = float8  # whether results may be float8: of what only moves or picks
        self.takes_bool = takes_bool
        self.rounds = rounds
        self.slope_rounds = rounds if slope_rounds is None else slope_rounds
        self.by_hand = by_hand
        self.refuses = refuses
        self.leaves_out_flat = leaves_out_flat
        self.cuts_flat = False  # whether this is a derivative of such an operator
        self._map = map
        self._overrides = []
        self._derivatives = {}  # by argument; the operators in it stay in the core, so they are made once

    order = 0  # of differentiation

    @property
    def scales(self):
        """Whether it is a derivative that multiplies the gradient by its `unit`, and does nothing else."""
        from ...kernels.expression import input, node

        return self.unit == 1 and self.map.expressions[0] is input(0) * node("conj", input(1))

    @property
    def map(self):
        """The kernel, traced when first needed."""
        if self._map is None:
            from ...kernels import Map

            self._map = Map(self.fn, self.name, len(self.args))
            for i, fn in self._overrides:
                self._map.override(i, fn)
        return self._map

    def computed_as(self, i, dtype, compute):
        """The dtype in which argument i of `dtype` is computed with, where the operator computes in `compute`.

        What is wider than half precision is a number or a 0-dim tensor, or an optimizer's state: it joins in the
        dtype that half precision is computed in, but for `rounds`.
        """
        if compute not in _HALVES or self.rounds >> i & 1:
            return compute
        return _HALVES[compute] if dtype in _WIDER else compute

    def compile(self, in_dtypes, as_dtypes, out_dtypes, modes):
        self._refuse(in_dtypes, as_dtypes, out_dtypes)
        if self.by_hand and (address := self.by_hand(in_dtypes, out_dtypes, modes)):
            return address
        as_dtypes = [
            self.computed_as(i, *d) for i, d in enumerate(zip(in_dtypes, as_dtypes, strict=True))
        ]
        try:
            return self.map.compile(in_dtypes, as_dtypes, out_dtypes, modes)
        except TypeError as error:
            raise self._of_operator(error) from None

    def check(self, in_dtypes, as_dtypes, out_dtypes):
        """Raises what `compile` raises for dtypes that the operator does not take."""
        self._refuse(in_dtypes, as_dtypes, out_dtypes)
        try:
            self.map.ir(in_dtypes, as_dtypes, out_dtypes, "c" * (len(in_dtypes) + len(out_dtypes)))
        except TypeError as error:
            raise self._of_operator(error) from None

    def _refuse(self, in_dtypes, as_dtypes, out_dtypes):
        refuse_uncomputed(self.name, (*in_dtypes, *as_dtypes), out_dtypes, self.float8)
        if not self.takes_bool and "bool" in in_dtypes[: self.n_inputs]:
            from ...kernels.types import DtypeError

            masks = " For masks write x ^ y (logical_xor) or ~x (logical_not)."
            raise DtypeError(
                f"{self.name}: takes no bool.{masks if self.n_inputs > 1 else ''} To count, convert it "
                "with .int() first."
            )
        if self.refuses and (why := self.refuses(in_dtypes[: self.n_inputs])):
            from ...kernels.types import DtypeError

            raise DtypeError(f"{self.name}: {why}")

    def _of_operator(self, error):
        """What the language says of a dtype, said of the operator; of a user's kernel with the expression."""
        from ...kernels.types import DtypeError

        if not isinstance(error, DtypeError):
            return error
        ours = self.fn.__module__.startswith(__package__.partition(".")[0] + ".")
        return DtypeError(f"{self.name}: {error.reason if ours else error}")

    def override(self, i, fn):
        self._overrides.append((i, fn))
        self._derivatives.pop(i, None)
        if self._map is not None:
            self._map.override(i, fn)

    def derivative(self, i):
        """None (zero), "grad" (the gradient itself), or (operator of (grad, *used), used)."""
        if i not in self._derivatives:
            self._derivatives[i] = self._derived(i)
        return self._derivatives[i]

    def _derived(self, i):
        from ...kernels.expression import input

        found = self.map.derivative(i)
        if found is None:
            return None
        map, used = found
        if map.expressions[0] is input(0):
            return "grad"
        keep, rounds = (
            sum(1 << place for place, j in enumerate(used, 1) if j >= 0 and mask >> j & 1)
            for mask in (self.keep, self.slope_rounds)
        )
        name = f"{self.name}_backward_{self.args[i]}"
        order = self.order + 1
        large = order > 2 and map.size > FUSED_SIZE and not self.uses_index
        if map.n_in > _core.max_pointwise_args or large:
            if self.uses_index:
                raise NotImplementedError(f"{name}: it reads {map.n_in} tensors and the index.")
            return _Chain(map, name, keep, rounds), used
        by_hand = self.by_hand if self.by_hand and map.digest == self.map.digest else None
        cuts = self.leaves_out_flat or self.cuts_flat
        has_unit = order == 1 and self.unit >= 0 and self.unit in used
        unit = used.index(self.unit) + 1 if has_unit else -1
        operator = _derivative_operator(
            map, name, keep, order, self.uses_index, rounds, by_hand, cuts, unit
        )
        return operator, used


FUSED_SIZE = 16  # operations of a derivative of third or higher order; beyond, it becomes a chain
_shared = {}  # (text of the expression, inputs, keep, rounds, cuts_flat): equal derivatives of second order on are one


def _derivative_operator(
    map, name, keep, order, uses_index=False, rounds=0, by_hand=None, cuts_flat=False, unit=-1
):
    """The operator of a derivative: its first argument is the gradient."""
    key = map.digest, map.n_in, keep, rounds, cuts_flat
    if order > 1 and key in _shared:
        return _shared[key]
    args = ("grad_output", *(f"saved_{j}" for j in range(map.n_in - 1)))
    nothing, n = (...,) * len(args), len(args)
    spec = PointwiseSpec(
        name, None, args, n, nothing, n, keep=keep, uses_index=uses_index, map=map, rounds=rounds,
        by_hand=by_hand, unit=unit,
    )  # fmt: skip
    spec.order, spec.cuts_flat = order, cuts_flat
    operator = _core._pointwise(spec)
    return _shared.setdefault(key, operator) if order > 1 else operator


def _number_tensor(number, dtype):
    """A number as a tensor that rounds it no more than an operator of tensors of `dtype` would."""
    if isinstance(number, int):
        return _core.tensor(number, device="cpu")
    if isinstance(number, float):
        dtype = dtype.to_real()
    return _core.tensor(number, dtype=_core.float32 if dtype.itemsize < 4 else dtype, device="cpu")


class _Chain:
    """A large derivative as several operators with derivatives of their own."""

    def __init__(self, map, name, keep, rounds):
        from ...kernels import Map
        from ...kernels.schedules.parts import split

        self.steps = []
        for expression, places in split(
            map.expressions[0], map.n_in, _core.max_pointwise_args, keep
        ):
            part = Map.of([expression], len(places), name)
            masks = [
                sum(1 << k for k, j in enumerate(places) if mask >> j & 1)
                for mask in (keep, rounds)
            ]
            operator = _derivative_operator(part, name, masks[0], 2, rounds=masks[1])
            self.steps.append((operator, places))

    def __call__(self, *values):
        values = list(values)
        for operator, places in self.steps:
            args = [values[j] for j in places]
            if not any(isinstance(arg, _core.Tensor) for arg in args):
                args[0] = _number_tensor(args[0], values[0].dtype)
            values.append(operator(*args))
        return values[-1]
