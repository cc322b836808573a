"""Sets that parameters and samples belong to: check(value) is True where they do.

`event_dim` trailing dimensions of the value make one event; check() gives one answer for each.
The classes have names of their own, with an underscore, where registries look constraints up by class.
"""

import flambeau
from flambeau import _core

from ..ops.core.arguments import every, is_plain
from .utils import borrowed

__all__ = [
    "Constraint", "MixtureSameFamilyConstraint", "boolean", "cat", "corr_cholesky", "dependent",
    "dependent_property", "greater_than", "greater_than_eq", "half_open_interval", "independent",
    "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky", "lower_triangular",
    "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite",
    "positive_integer", "positive_semidefinite", "real", "real_vector", "simplex", "square", "stack",
    "symmetric", "unit_interval",
]  # fmt: skip


class Constraint:
    """A set of values.

    Attributes:
        is_discrete (bool): whether it holds single points only.
        event_dim (int): how many trailing dimensions of a value make one event.
    """

    is_discrete = False
    event_dim = 0

    def check(self, value):
        """One bool for each event of `value`."""
        raise NotImplementedError(f"{type(self).__name__}.check")

    def _shown(self):
        """What repr() writes between the parentheses."""
        return ""

    def __repr__(self):
        return f"{type(self).__name__.lstrip('_')}({self._shown()})"


# -- sets that depend on other parameters


class _Dependent(Constraint):
    """A set that only an instance knows; what its class knows of it may be told.

    Raises:
        NotImplementedError: is_discrete or event_dim is asked and was not told.
        ValueError: by check().
    """

    def __init__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        self._is_discrete, self._event_dim = is_discrete, event_dim
        super().__init__()

    def _told(self, name):
        value = getattr(self, "_" + name)
        if value is NotImplemented:
            raise NotImplementedError(
                f"{name}: the class does not know it; ask an instance's constraint."
            )
        return value

    @property
    def is_discrete(self):
        return self._told("is_discrete")

    @property
    def event_dim(self):
        return self._told("event_dim")

    def __call__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        """A copy that is told more."""
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, value):
        raise ValueError("constraints.dependent: what it allows depends on an instance; ask that.")


class dependent_property(property, _Dependent):
    """A property of a distribution that gives a constraint; on the class, it is itself a dependent one.

    Used as `@dependent_property` or `@dependent_property(is_discrete=False, event_dim=0)`.
    """

    def __init__(self, fn=None, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        super().__init__(fn)
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def __call__(self, fn):
        return dependent_property(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


def is_dependent(constraint):
    """Whether `constraint` is known to instances only."""
    return isinstance(constraint, _Dependent)


def holds(constraint, value):
    """Whether all of `value` satisfies `constraint`."""
    if constraint is real_vector and value.dim():
        return every(value == value)
    while isinstance(constraint, _IndependentConstraint) and value.dim() >= constraint.event_dim:
        constraint = constraint.base_constraint
    # Not under a mode: one that records calls can expect a bool, but no number.
    if (
        type(constraint) is _IntegerInterval
        and value.dtype is flambeau.int64
        and not _core._is_overridden()
    ):
        low, high = constraint.lower_bound, constraint.upper_bound
        if type(low) is type(high) is int and value.numel() and is_plain(value):
            least, most = value.aminmax()  # say all of it
            return low <= least.item() and most.item() <= high
    return every(constraint.check(value))


# -- numbers


def _whole(value, inside):
    """`inside` where `value` has no fraction."""
    if isinstance(value, flambeau.Tensor) and not (value.is_floating_point() or value.is_complex()):
        return inside
    return (value % 1 == 0) & inside


class _Real(Constraint):
    """All numbers but NaN."""

    def check(self, value):
        return value == value


class _Boolean(Constraint):
    """0 and 1."""

    is_discrete = True

    def check(self, value):
        return (value == 0) | (value == 1)


class _FromBound(Constraint):
    """What is above lower_bound."""

    def __init__(self, lower_bound):
        self.lower_bound = lower_bound

    def _shown(self):
        return f"lower_bound={self.lower_bound}"


class _GreaterThan(_FromBound):
    """x > lower_bound."""

    def check(self, value):
        return self.lower_bound < value


class _GreaterThanEq(_FromBound):
    """x >= lower_bound."""

    def check(self, value):
        return self.lower_bound <= value


class _IntegerGreaterThan(_FromBound):
    """The integers from lower_bound on."""

    is_discrete = True

    def check(self, value):
        return _whole(value, value >= self.lower_bound)


class _LessThan(Constraint):
    """x < upper_bound."""

    def __init__(self, upper_bound):
        self.upper_bound = upper_bound

    def check(self, value):
        return value < self.upper_bound

    def _shown(self):
        return f"upper_bound={self.upper_bound}"


class _IntegerLessThan(_LessThan):
    """The integers up to upper_bound."""

    is_discrete = True

    def check(self, value):
        return _whole(value, value <= self.upper_bound)


class _Interval(Constraint):
    """[lower_bound, upper_bound]."""

    def __init__(self, lower_bound, upper_bound):
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value):
        return (self.lower_bound <= value) & (value <= self.upper_bound)

    def _shown(self):
        return f"lower_bound={self.lower_bound}, upper_bound={self.upper_bound}"


class _HalfOpenInterval(_Interval):
    """[lower_bound, upper_bound)."""

    def check(self, value):
        return (self.lower_bound <= value) & (value < self.upper_bound)


class _IntegerInterval(_Interval):
    """The integers from lower_bound to upper_bound."""

    is_discrete = True

    def check(self, value):
        return _whole(value, super().check(value))


# -- vectors


class _Simplex(Constraint):
    """Rows of numbers from 0 on whose sum is 1."""

    event_dim = 1

    def check(self, value):
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _OneHot(Constraint):
    """Rows of zeros with one 1."""

    is_discrete = True
    event_dim = 1

    def check(self, value):
        return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


class _Multinomial(Constraint):
    """Rows of counts whose sum is at most upper_bound."""

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound):
        self.upper_bound = upper_bound

    def check(self, value):
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)


# -- matrices


def _everywhere(matrices):
    """(*B, N, M) bools -> (*B), true where all are."""
    return matrices.flatten(-2).all(-1)


class _LowerTriangular(Constraint):
    """Matrices with zeros above the diagonal."""

    event_dim = 2

    def check(self, value):
        return _everywhere(value.tril() == value)


class _LowerCholesky(_LowerTriangular):
    """Lower triangular matrices with a positive diagonal."""

    def check(self, value):
        return super().check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _CorrCholesky(_LowerCholesky):
    """Cholesky factors of correlation matrices: rows of length 1 as well."""

    def check(self, value):
        # A row's sum of squares may be off by ten roundings a term.
        allowed = flambeau.finfo(value.dtype).eps * value.size(-1) * 10
        unit = ((value.detach().pow(2).sum(-1) - 1).abs() <= allowed).all(-1)
        return unit & super().check(value)


class _Square(Constraint):
    """Matrices with as many rows as columns."""

    event_dim = 2

    def check(self, value):
        return flambeau.full(
            value.shape[:-2], value.shape[-2] == value.shape[-1], dtype=flambeau.bool,
            device=value.device,
        )  # fmt: skip


class _Symmetric(_Square):
    """Square matrices that equal their transposes, to 1e-6."""

    def check(self, value):
        square = super().check(value)
        if value.shape[-2] != value.shape[-1]:
            return square
        return _everywhere(flambeau.isclose(value, value.mT, atol=1e-6))


class _PositiveSemidefinite(_Symmetric):
    """Symmetric matrices without a negative eigenvalue."""

    def check(self, value):
        symmetric = super().check(value)
        if not bool(symmetric.all()):
            return symmetric
        return flambeau.linalg.eigvalsh(value).ge(0).all(-1)


class _PositiveDefinite(_Symmetric):
    """Symmetric matrices with positive eigenvalues alone."""

    def check(self, value):
        symmetric = super().check(value)
        if not bool(symmetric.all()):
            return symmetric
        return flambeau.linalg.cholesky_ex(value).info.eq(0)


# -- of others


class _IndependentConstraint(Constraint):
    """`base_constraint`, with `reinterpreted_batch_ndims` more dimensions that belong to one event."""

    def __init__(self, base_constraint, reinterpreted_batch_ndims):
        if not isinstance(base_constraint, Constraint):
            raise TypeError(
                f"constraints.independent: takes a Constraint, not {type(base_constraint).__name__}."
            )
        if not isinstance(reinterpreted_batch_ndims, int) or reinterpreted_batch_ndims < 0:
            raise ValueError(
                f"constraints.independent: reinterpreted_batch_ndims is {reinterpreted_batch_ndims!r}; "
                "it must be an int of 0 or more."
            )
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    is_discrete = borrowed("base_constraint", "is_discrete")

    @property
    def event_dim(self):
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value):
        result, more = self.base_constraint.check(value), self.reinterpreted_batch_ndims
        if result.dim() < more:
            raise ValueError(
                f"{self!r}: a value of {value.dim()} dims lacks {self.event_dim - value.dim()} of the "
                f"{self.event_dim} dims of an event."
            )
        return result.flatten(result.dim() - more).all(-1) if more else result

    def _shown(self):
        return f"{self.base_constraint!r}, {self.reinterpreted_batch_ndims}"


class MixtureSameFamilyConstraint(Constraint):
    """What a mixture of components with support `base_constraint` may give."""

    def __init__(self, base_constraint):
        self.base_constraint = base_constraint

    is_discrete = borrowed("base_constraint", "is_discrete")
    event_dim = borrowed("base_constraint", "event_dim")

    def check(self, value):
        """True where every component's support holds the value."""
        events = self.event_dim
        inside = self.base_constraint.check(value.unsqueeze(-1 - events))
        return inside.flatten(value.dim() - events).all(-1)

    def _shown(self):
        return repr(self.base_constraint)


class _Joined(Constraint):
    """Several constraints, one for each part of a value along `dim`."""

    def __init__(self, cseq, dim):
        self.cseq, self.dim = list(cseq), dim
        if not all(isinstance(each, Constraint) for each in self.cseq):
            raise TypeError(f"constraints.{type(self).__name__[1:].lower()}: takes Constraints.")

    @property
    def is_discrete(self):
        return any(each.is_discrete for each in self.cseq)

    @property
    def event_dim(self):
        return max(each.event_dim for each in self.cseq)

    def _dim_of(self, value):
        if not -value.dim() <= self.dim < value.dim():
            raise ValueError(f"{self!r}: a value of {value.dim()} dims has no dim {self.dim}.")
        return self.dim


class _Cat(_Joined):
    """Pieces of `lengths` along `dim`, each with its constraint."""

    def __init__(self, cseq, dim=0, lengths=None):
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise ValueError(
                f"constraints.cat: {len(self.cseq)} constraints, but {len(self.lengths)} lengths."
            )

    def check(self, value):
        pieces = value.split(self.lengths, self._dim_of(value))
        checks = [each.check(piece) for each, piece in zip(self.cseq, pieces, strict=True)]
        return flambeau.cat(checks, self.dim)


class _Stack(_Joined):
    """Slices along `dim`, each with its constraint."""

    def __init__(self, cseq, dim=0):
        super().__init__(cseq, dim)

    def check(self, value):
        slices = value.unbind(self._dim_of(value))
        checks = [each.check(piece) for each, piece in zip(self.cseq, slices, strict=True)]
        return flambeau.stack(checks, self.dim)


dependent = _Dependent()
independent = _IndependentConstraint
boolean = _Boolean()
one_hot = _OneHot()
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
integer_interval = _IntegerInterval
real = _Real()
real_vector = independent(real, 1)
positive = _GreaterThan(0.0)
nonnegative = _GreaterThanEq(0.0)
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
multinomial = _Multinomial
unit_interval = _Interval(0.0, 1.0)
interval = _Interval
half_open_interval = _HalfOpenInterval
simplex = _Simplex()
lower_triangular = _LowerTriangular()
lower_cholesky = _LowerCholesky()
corr_cholesky = _CorrCholesky()
square = _Square()
symmetric = _Symmetric()
positive_semidefinite = _PositiveSemidefinite()
positive_definite = _PositiveDefinite()
cat = _Cat
stack = _Stack
