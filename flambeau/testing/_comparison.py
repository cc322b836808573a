"""What assert_close is made of: a pair of things to compare, for each kind of thing, and what it says of a difference.

originate_pairs walks through sequences and mappings down to pairs. A program may bring pairs of its own, classes
derived from Pair that refuse inputs by UnsupportedInputs.
"""

import cmath
import math
from collections.abc import Sequence

import flambeau

# (rtol, atol) of each dtype, PyTorch's defaults; everything else is compared exactly.
_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex128": (1e-7, 1e-7),
}


class ErrorMeta(Exception):
    """A difference: the type of the error, its message, and the item where it is."""

    def __init__(self, type, msg, *, id=()):
        super().__init__(msg)
        self.type, self.msg, self.id = type, msg, id

    def to_error(self, msg=None):
        """The error to raise; msg: its message instead, or a function that makes it of this one."""
        if callable(msg):
            return self.type(msg(self.msg))
        return self.type(msg or self.msg)


class UnsupportedInputs(Exception):
    """This kind of pair is not for these inputs."""


def default_tolerances(*inputs, dtype_precisions=None):
    """(rtol, atol) of dtypes, or of tensors': the largest of each."""
    known = _TOLERANCES
    if dtype_precisions:
        known = {**known, **{dtype.name: pair for dtype, pair in dtype_precisions.items()}}
    dtypes = [inpt.dtype if isinstance(inpt, flambeau.Tensor) else inpt for inpt in inputs]
    pairs = [known.get(dtype.name, (0.0, 0.0)) for dtype in dtypes]
    return max(rtol for rtol, _ in pairs), max(atol for _, atol in pairs)


def get_tolerances(*inputs, rtol, atol, id=()):
    """rtol and atol if both are given, the defaults if neither is."""
    if (rtol is None) != (atol is None):
        raise ErrorMeta(
            ValueError,
            f"assert_close: give rtol and atol both, or neither; they are {rtol} and {atol}.",
            id=id,
        )
    return (rtol, atol) if rtol is not None else default_tolerances(*inputs)


class Pair:
    """Two things that compare() compares; what differs is raised as an ErrorMeta."""

    def __init__(self, actual, expected, *, id=(), **unknown_parameters):
        self.actual, self.expected, self.id = actual, expected, id
        self._unknown_parameters = unknown_parameters

    @staticmethod
    def _inputs_not_supported():
        raise UnsupportedInputs

    @staticmethod
    def _check_inputs_isinstance(*inputs, cls):
        if not all(isinstance(inpt, cls) for inpt in inputs):
            Pair._inputs_not_supported()

    def _fail(self, type, msg, *, id=()):
        place = "".join(f"[{key!r}]" for key in self.id or id)
        raise ErrorMeta(
            type,
            f"{msg} The difference is in item {place}." if place else msg,
            id=self.id or id,
        )

    def compare(self):
        raise NotImplementedError(f"{type(self).__name__} does not say how it compares.")

    def __repr__(self):
        return f"{type(self).__name__}(id={self.id}, actual={self.actual!r}, expected={self.expected!r})"


class ObjectPair(Pair):
    """Anything, compared by ==."""

    def compare(self):
        if self.actual != self.expected:
            self._fail(
                AssertionError,
                f"assert_close: got {self.actual!r}, expected {self.expected!r}.",
            )


class NonePair(ObjectPair):
    """None, of which one is enough."""

    def __init__(self, actual, expected, **parameters):
        if not (actual is None or expected is None):
            self._inputs_not_supported()
        super().__init__(actual, expected, **parameters)


class BooleanPair(ObjectPair):
    """Two bools, Python's or NumPy's."""

    def __init__(self, actual, expected, *, id=(), **parameters):
        import numpy

        self._check_inputs_isinstance(actual, expected, cls=(bool, numpy.bool_))
        super().__init__(bool(actual), bool(expected), id=id, **parameters)


class _Text(ObjectPair):
    """Two strings."""

    def __init__(self, actual, expected, **parameters):
        self._check_inputs_isinstance(actual, expected, cls=str)
        super().__init__(actual, expected, **parameters)


class NumberPair(Pair):
    """Two numbers, Python's or NumPy's."""

    def __init__(
        self, actual, expected, *, id=(), rtol=None, atol=None, equal_nan=False, check_dtype=False,
        **parameters,
    ):  # fmt: skip
        import numpy

        self._check_inputs_isinstance(actual, expected, cls=(int, float, complex, numpy.number))
        actual, expected = (
            value.item() if isinstance(value, numpy.number) else value
            for value in (actual, expected)
        )
        super().__init__(actual, expected, id=id, **parameters)
        broad = any(isinstance(value, float | complex) for value in (actual, expected))
        kind = flambeau.float64 if broad else flambeau.int64
        self.rtol, self.atol = get_tolerances(kind, rtol=rtol, atol=atol, id=id)
        self.equal_nan, self.check_dtype = equal_nan, check_dtype

    def compare(self):
        actual, expected = self.actual, self.expected
        if self.check_dtype and type(actual) is not type(expected):
            self._fail(
                AssertionError,
                f"assert_close: the types are {type(actual).__name__} and {type(expected).__name__}.",
            )
        both_nan = actual != actual and expected != expected
        fine = actual == expected or (both_nan and self.equal_nan)
        if not fine and cmath.isfinite(actual) and cmath.isfinite(expected):
            fine = abs(actual - expected) <= self.atol + self.rtol * abs(expected)
        if not fine:
            kind = "equal" if self.rtol == self.atol == 0 else "close"
            self._fail(
                AssertionError,
                f"assert_close: Scalars are not {kind}: got {actual}, expected {expected}.",
            )


class TensorLikePair(Pair):
    """Two tensors, or two things of one kind that as_tensor takes."""

    def __init__(
        self, actual, expected, *, id=(), allow_subclasses=True, rtol=None, atol=None, equal_nan=False,
        check_device=True, check_dtype=True, check_layout=True, check_stride=False, **parameters,
    ):  # fmt: skip
        actual, expected = self._process_inputs(
            actual, expected, id=id, allow_subclasses=allow_subclasses
        )
        super().__init__(actual, expected, id=id, **parameters)
        self.rtol, self.atol = get_tolerances(actual, expected, rtol=rtol, atol=atol, id=id)
        self.equal_nan = equal_nan
        self.check_device, self.check_dtype = check_device, check_dtype
        self.check_layout, self.check_stride = check_layout, check_stride

    def _process_inputs(self, actual, expected, *, id, allow_subclasses):
        related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
        if not related or (not allow_subclasses and type(actual) is not type(expected)):
            self._inputs_not_supported()
        return self._to_tensor(actual), self._to_tensor(expected)

    def _to_tensor(self, tensor_like):
        if isinstance(tensor_like, flambeau.Tensor):
            return tensor_like
        try:
            return flambeau.as_tensor(tensor_like)
        except Exception:  # whatever its reason is, it is no tensor
            self._inputs_not_supported()

    def compare(self):
        actual, expected = self.actual, self.expected
        self._compare_attributes(actual, expected)
        if actual.is_meta or expected.is_meta:  # without values to compare
            return
        with flambeau.no_grad():
            self._compare_values(*self._equalize_attributes(actual, expected))

    def _compare_attributes(self, actual, expected):
        if actual.shape != expected.shape:
            self._fail(
                AssertionError,
                f"assert_close: the shapes are {tuple(actual.shape)} and {tuple(expected.shape)}.",
            )
        for name in ("dtype", "device", "layout"):
            one, other = getattr(actual, name), getattr(expected, name)
            if getattr(self, f"check_{name}") and one != other:
                self._fail(
                    AssertionError,
                    f"assert_close: {name} is {one} for one and {other} for the other.",
                )
        if self.check_stride and actual.stride() != expected.stride():
            self._fail(
                AssertionError,
                f"assert_close: the strides are {actual.stride()} and {expected.stride()}.",
            )

    def _equalize_attributes(self, actual, expected):
        dtype = flambeau.promote_types(actual.dtype, expected.dtype)
        return actual.to("cpu", dtype), expected.to("cpu", dtype)

    def _compare_values(self, actual, expected):
        rtol, atol = self.rtol, self.atol
        close = flambeau.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=self.equal_nan)
        if bool(close.all()):
            return
        if actual.dim() == 0:
            self._fail(
                AssertionError,
                f"assert_close: Scalars are not close: got {actual.item()}, expected {expected.item()}.",
            )
        wide = flambeau.complex128 if actual.dtype.is_complex else flambeau.float64
        difference = (actual.to(wide) - expected.to(wide)).abs()
        difference[close] = 0
        place = int(difference.nan_to_num(math.inf).argmax())
        index = tuple(int(i) for i in flambeau.unravel_index(flambeau.tensor(place), actual.shape))
        relative = float((difference / expected.to(wide).abs()).reshape(-1)[place])
        wrong = int((~close).sum())
        kind = "equal" if rtol == atol == 0 else "close"
        self._fail(
            AssertionError,
            f"assert_close: Tensor-likes are not {kind}: {wrong} of {close.numel()} elements "
            f"({wrong / close.numel():.1%}) differ. The largest difference is {float(difference.reshape(-1)[place])} at "
            f"{index} ({atol} allowed), or {relative} relative to what was expected ({rtol} "
            "allowed).",
        )


PAIR_TYPES = (NonePair, BooleanPair, NumberPair, _Text, TensorLikePair)


def originate_pairs(
    actual, expected, *, pair_types=PAIR_TYPES, sequence_types=Sequence, mapping_types=None, id=(), **options
):  # fmt: skip
    """The pairs in two sequences or mappings, or of two things, in order; options go to each pair.

    ErrorMeta: lengths or keys differ, or no kind of pair is for these inputs.
    """
    sequences = all(
        isinstance(side, sequence_types) and not isinstance(side, str)
        for side in (actual, expected)
    )
    if sequences and len(actual) != len(expected):
        raise ErrorMeta(
            AssertionError,
            f"assert_close: the sequences have {len(actual)} and {len(expected)} items.{_place(id)}",
            id=id,
        )
    walk = {
        "pair_types": pair_types,
        "sequence_types": sequence_types,
        "mapping_types": mapping_types,
        **options,
    }
    if sequences:
        return [
            pair
            for i, (one, other) in enumerate(zip(actual, expected))
            for pair in originate_pairs(one, other, id=(*id, i), **walk)
        ]
    if all(
        isinstance(side, mapping_types) if mapping_types else hasattr(side, "keys")
        for side in (actual, expected)
    ):
        if set(actual.keys()) != set(expected.keys()):
            raise ErrorMeta(
                AssertionError,
                f"assert_close: the keys are {list(actual)} and {list(expected)}.{_place(id)}",
                id=id,
            )
        return [
            pair
            for key in expected
            for pair in originate_pairs(actual[key], expected[key], id=(*id, key), **walk)
        ]
    for pair_type in pair_types:
        try:
            return [pair_type(actual, expected, id=id, **options)]
        except UnsupportedInputs:
            continue
    raise ErrorMeta(
        TypeError,
        f"assert_close: cannot compare {type(actual).__name__} with {type(expected).__name__}.{_place(id)}",
        id=id,
    )


def _place(id):
    return f" The difference is in item {''.join(f'[{key!r}]' for key in id)}." if id else ""


def not_close_error_metas(actual, expected, *, pair_types=PAIR_TYPES, **options):
    """What differs, as a list of ErrorMeta; options are those of assert_close and of the pairs."""
    try:
        pairs = originate_pairs(actual, expected, pair_types=pair_types, **options)
    except ErrorMeta as error:
        raise error.to_error() from None
    found = []
    for pair in pairs:
        try:
            pair.compare()
        except ErrorMeta as error:
            found.append(error)
    return found
