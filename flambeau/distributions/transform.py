"""Transform, a map whose volume change is known, and what is made of others: inverses, chains, more dimensions."""

import functools
import math
import operator
import weakref
from operator import attrgetter

import flambeau

from . import constraints
from .utils import borrowed, sum_rightmost

__all__ = ["ComposeTransform", "IndependentTransform", "ReshapeTransform", "Transform", "identity_transform"]  # fmt: skip


class Transform:
    """A map from `domain` to `codomain`; bijective ones have an inverse.

    A subclass defines _call(x), _inverse(y) and log_abs_det_jacobian(x, y). With cache_size=1 the last
    input and output are kept, so that inv(t(x)) is x itself.

    Attributes:
        domain, codomain (Constraint): the sets that it maps from and to.
        bijective (bool): whether it has an inverse in the strict sense.
        sign (int or Tensor): +1 where it increases, -1 where it decreases; for one-dimensional ones.

    Example:
        >>> from flambeau.distributions import ExpTransform
        >>> t = ExpTransform()
        >>> t.inv(t(flambeau.tensor([1.0, 2.0])))
        tensor([1., 2.])
    """

    bijective = False
    domain = None
    codomain = None

    def __init__(self, cache_size=0):
        if cache_size not in (0, 1):
            raise ValueError(
                f"{type(self).__name__}: cache_size is {cache_size!r}; it must be 0 or 1."
            )
        self._cache_size = cache_size
        self._last = None, None
        self._inverse_reference = None
        super().__init__()

    def __getstate__(self):
        return {**self.__dict__, "_inverse_reference": None}

    @property
    def event_dim(self):
        """How many dimensions make one event, where domain and codomain agree on that."""
        if self.domain.event_dim != self.codomain.event_dim:
            raise ValueError(
                f"{type(self).__name__}: events have {self.domain.event_dim} dims before and "
                f"{self.codomain.event_dim} after; ask domain.event_dim or codomain.event_dim."
            )
        return self.domain.event_dim

    @property
    def inv(self):
        """The inverse; its own inverse is this transform."""
        inverse = self._inverse_reference and self._inverse_reference()
        if inverse is None:
            inverse = self._make_inverse()
            self._inverse_reference = weakref.ref(inverse)
        return inverse

    def _make_inverse(self):
        return _InverseTransform(self)

    @property
    def sign(self):
        raise NotImplementedError(f"{type(self).__name__}.sign")

    def with_cache(self, cache_size=1):
        """The same transform with another cache_size."""
        if self._cache_size == cache_size:
            return self
        return self._again(cache_size)

    def _again(self, cache_size):
        if type(self).__init__ is Transform.__init__:
            return type(self)(cache_size=cache_size)
        raise NotImplementedError(f"{type(self).__name__}.with_cache")

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return not self == other

    __hash__ = object.__hash__

    def __call__(self, x):
        """y = f(x)."""
        if not self._cache_size:
            return self._call(x)
        if x is not self._last[0]:
            self._last = x, self._call(x)
        return self._last[1]

    def _inv_call(self, y):
        if not self._cache_size:
            return self._inverse(y)
        if y is not self._last[1]:
            self._last = self._inverse(y), y
        return self._last[0]

    def _call(self, x):
        raise NotImplementedError(f"{type(self).__name__}._call")

    def _inverse(self, y):
        raise NotImplementedError(f"{type(self).__name__}._inverse")

    def log_abs_det_jacobian(self, x, y):
        """log |det(dy / dx)| of each event, for y = f(x)."""
        raise NotImplementedError(f"{type(self).__name__}.log_abs_det_jacobian")

    def forward_shape(self, shape):
        """The shape of f(x) for x of `shape`."""
        return shape

    def inverse_shape(self, shape):
        """The shape of x for f(x) of `shape`."""
        return shape

    def __repr__(self):
        return f"{type(self).__name__}()"


class _InverseTransform(Transform):
    """The inverse of another transform, whose cache it uses."""

    def __init__(self, transform):
        super().__init__(cache_size=transform._cache_size)
        self._inv = transform

    domain = property(attrgetter("_inv.codomain"), doc="The Constraint of x.")
    codomain = property(attrgetter("_inv.domain"), doc="The Constraint of y.")
    bijective = borrowed("_inv", "bijective")
    sign = borrowed("_inv", "sign")
    inv = property(attrgetter("_inv"), doc="The transform that was inverted.")

    def with_cache(self, cache_size=1):
        return self.inv.with_cache(cache_size).inv

    def __eq__(self, other):
        return isinstance(other, _InverseTransform) and self._inv == other._inv

    __hash__ = object.__hash__

    def __call__(self, x):
        return self._inv._inv_call(x)

    def log_abs_det_jacobian(self, x, y):
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape):
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape):
        return self._inv.forward_shape(shape)

    def __repr__(self):
        return f"{type(self).__name__}({self._inv!r})"


def _widened(constraint, event_dim):
    """`constraint` with events of event_dim dimensions, not fewer than its own."""
    more = event_dim - constraint.event_dim
    return constraints.independent(constraint, more) if more > 0 else constraint


class ComposeTransform(Transform):
    """parts[0], then parts[1], and so on.

    Args:
        parts (list of Transform): in the order in which they are applied; none is the identity.

    Example:
        >>> from flambeau.distributions import ComposeTransform, ExpTransform, AffineTransform
        >>> ComposeTransform([AffineTransform(0.0, 2.0), ExpTransform()])(torch.tensor([0.0, 0.5]))
        tensor([1.0000, 2.7183])
    """

    def __init__(self, parts, cache_size=0):
        if cache_size:
            parts = [part.with_cache(cache_size) for part in parts]
        super().__init__(cache_size=cache_size)
        self.parts = list(parts)

    def _event_dims(self):
        """Dimensions of an event before each part and after the last."""
        needed = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            needed = max(
                needed + part.domain.event_dim - part.codomain.event_dim, part.domain.event_dim
            )
        dims = [needed]
        for part in self.parts:
            dims.append(dims[-1] + part.codomain.event_dim - part.domain.event_dim)
        return dims

    @constraints.dependent_property
    def domain(self):
        return (
            _widened(self.parts[0].domain, self._event_dims()[0])
            if self.parts
            else constraints.real
        )

    @constraints.dependent_property
    def codomain(self):
        return (
            _widened(self.parts[-1].codomain, self._event_dims()[-1])
            if self.parts
            else constraints.real
        )

    @property
    def bijective(self):
        return all(part.bijective for part in self.parts)

    @property
    def sign(self):
        return functools.reduce(operator.mul, (part.sign for part in self.parts), 1)

    def _make_inverse(self):
        inverse = ComposeTransform([part.inv for part in reversed(self.parts)])
        inverse._inverse_reference = weakref.ref(self)
        inverse._kept_alive = self  # inv.inv is this one, for as long as the inverse lives
        return inverse

    def _again(self, cache_size):
        return ComposeTransform(self.parts, cache_size)

    def __eq__(self, other):
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = object.__hash__

    def __call__(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def log_abs_det_jacobian(self, x, y):
        if not self.parts:
            return flambeau.zeros_like(x)
        values = [x]
        for part in self.parts[:-1]:
            values.append(part(values[-1]))
        values.append(y)
        total = 0
        for part, before, after, dims in zip(
            self.parts, values[:-1], values[1:], self._event_dims()[:-1], strict=True
        ):
            term = part.log_abs_det_jacobian(before, after)
            total = total + sum_rightmost(term, dims - part.domain.event_dim)
        return total

    def forward_shape(self, shape):
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape):
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self):
        inner = ",\n    ".join(map(repr, self.parts))
        return f"{type(self).__name__}(\n    {inner}\n)"


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """`base_transform` on events of `reinterpreted_batch_ndims` more dimensions: the volume changes multiply.

    Example:
        >>> from flambeau.distributions import ExpTransform, IndependentTransform
        >>> IndependentTransform(ExpTransform(), 1).log_abs_det_jacobian(torch.ones(3), torch.ones(3).exp())
        tensor(3.)
    """

    def __init__(self, base_transform, reinterpreted_batch_ndims, cache_size=0):
        super().__init__(cache_size=cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    def _again(self, cache_size):
        return IndependentTransform(self.base_transform, self.reinterpreted_batch_ndims, cache_size)

    @constraints.dependent_property
    def domain(self):
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @constraints.dependent_property
    def codomain(self):
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    bijective = borrowed("base_transform", "bijective")
    sign = borrowed("base_transform", "sign")

    def _enough(self, value, constraint):
        if value.dim() < constraint.event_dim:
            raise ValueError(
                f"IndependentTransform: the value has {value.dim()} dims, an event {constraint.event_dim}."
            )
        return value

    def _call(self, x):
        return self.base_transform(self._enough(x, self.domain))

    def _inverse(self, y):
        return self.base_transform.inv(self._enough(y, self.codomain))

    def log_abs_det_jacobian(self, x, y):
        each = self.base_transform.log_abs_det_jacobian(x, y)
        return sum_rightmost(each, self.reinterpreted_batch_ndims)

    def forward_shape(self, shape):
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape):
        return self.base_transform.inverse_shape(shape)

    def __repr__(self):
        return f"{type(self).__name__}({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class ReshapeTransform(Transform):
    """Events of in_shape as events of out_shape, with as many elements.

    Example:
        >>> torch.distributions.ReshapeTransform((4,), (2, 2))(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        tensor([[1., 2.],
                [3., 4.]])
    """

    bijective = True

    def __init__(self, in_shape, out_shape, cache_size=0):
        self.in_shape, self.out_shape = flambeau.Size(in_shape), flambeau.Size(out_shape)
        if math.prod(self.in_shape) != math.prod(self.out_shape):
            raise ValueError(
                f"ReshapeTransform: in_shape {tuple(in_shape)} and out_shape {tuple(out_shape)} differ "
                "in their number of elements."
            )
        super().__init__(cache_size=cache_size)

    @constraints.dependent_property
    def domain(self):
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self):
        return constraints.independent(constraints.real, len(self.out_shape))

    def _again(self, cache_size):
        return ReshapeTransform(self.in_shape, self.out_shape, cache_size)

    def _call(self, x):
        return x.reshape(x.shape[: x.dim() - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y):
        return y.reshape(y.shape[: y.dim() - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x, y):
        return x.new_zeros(x.shape[: x.dim() - len(self.in_shape)])

    def _exchange(self, shape, old, new):
        cut = len(shape) - len(old)
        if cut < 0 or tuple(shape[cut:]) != tuple(old):
            raise ValueError(
                f"ReshapeTransform: shape {tuple(shape)} does not end in {tuple(old)}."
            )
        return shape[:cut] + new

    def forward_shape(self, shape):
        return self._exchange(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape):
        return self._exchange(shape, self.out_shape, self.in_shape)
