"""Distribution, the base of all: shapes, validation, what follows from the rest."""

from operator import attrgetter

import flambeau

from .. import _core
from . import constraints
from .utils import lazy_property, tensors_for

__all__ = ["Distribution"]


def _defined_below(name, doc):
    """A property that subclasses define."""

    def read(self):
        raise NotImplementedError(f"{type(self).__name__}.{name}")

    read.__name__ = name
    return property(read, doc=doc)


_NONE = flambeau.Size()


def _size(shape):
    """flambeau.Size(shape), without a call for the usual ones."""
    if type(shape) is flambeau.Size:
        return shape
    return _NONE if type(shape) is tuple and not shape else flambeau.Size(shape)


class Distribution:
    """`batch_shape` independent distributions over events of `event_shape`.

    A subclass lists its parameters with their constraints in `arg_constraints`, the set of its
    samples in `support`, and defines sample or rsample, and log_prob.

    Args:
        batch_shape, event_shape (Size): of the distribution.
        validate_args (bool, optional): check parameters and samples; True unless Python runs with -O.

    Example:
        >>> from flambeau.distributions import Distribution, constraints
        >>> class Coin(Distribution):
        ...     arg_constraints = {"p": constraints.unit_interval}
        ...     support = constraints.boolean
        ...
        ...     def __init__(self, p):
        ...         self.p = torch.as_tensor(p)
        ...         super().__init__(self.p.shape)
        ...
        ...     def log_prob(self, value):
        ...         self._validate_sample(value)
        ...         return torch.where(value == 1, self.p, 1 - self.p).log()
        >>> Coin(0.25).log_prob(torch.tensor(1.0)).exp()
        tensor(0.2500)
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__

    @staticmethod
    def set_default_validate_args(value):
        """Whether distributions check their arguments when they are not told."""
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args: value is {value!r}; it must be a bool.")
        Distribution._validate_args = value

    def __init__(self, batch_shape=(), event_shape=(), validate_args=None):
        self._batch_shape = _size(batch_shape)
        self._event_shape = _size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            given, kind = self.__dict__, type(self)
            for name, constraint in self._constraints(warn=True).items():
                if name not in given and isinstance(getattr(kind, name, None), lazy_property):
                    continue  # computed from others when it is asked for
                if not constraints.is_dependent(constraint):
                    self._check_parameter(name, constraint)

    def _take(self, validate_args, **parameters):
        """Set parameters of one number an event, broadcast together."""
        for name, value in zip(
            parameters,
            tensors_for(type(self).__name__, *parameters.values()),
            strict=True,
        ):
            setattr(self, name, value)
        Distribution.__init__(self, value.shape, validate_args=validate_args)

    def _check_parameter(self, name, constraint):
        value = getattr(self, name)
        if not constraints.holds(constraint, value):
            raise ValueError(
                f"{type(self).__name__}: parameter {name} {tuple(value.shape)} does not satisfy "
                f"{constraint!r}: {value}"
            )

    batch_shape = property(
        attrgetter("_batch_shape"),
        doc="The shape of the parameters, less what belongs to one event.",
    )

    event_shape = property(attrgetter("_event_shape"), doc="The shape of one event.")

    arg_constraints = _defined_below("arg_constraints", "{name: Constraint} of the parameters.")
    support = _defined_below("support", "The Constraint that samples satisfy.")

    def _constraints(self, warn=False):
        try:
            return self.arg_constraints
        except NotImplementedError:
            if warn:
                self._cannot_check("arg_constraints")
            return {}

    def _cannot_check(self, name):
        _core._warn(
            f"{type(self).__name__} has no {name}: nothing is checked. Define it, or pass "
            "validate_args=False."
        )

    @property
    def _tensors(self):
        """The parameters there are, as arg_constraints names them."""
        return {name: self.__dict__[name] for name in self._constraints() if name in self.__dict__}

    def _extended_shape(self, sample_shape=()):
        own = self._batch_shape + self._event_shape
        return own if sample_shape == () else flambeau.Size(sample_shape) + own

    def expand(self, batch_shape, _instance=None):
        """The same distribution for a larger batch, without copies.

        Args:
            batch_shape (Size): that the present one broadcasts to.
            _instance (Distribution, optional): filled in place of a new instance.
        """
        new = self._get_checked_instance(type(self), _instance)
        batch_shape = flambeau.Size(batch_shape)
        for name, value in self._tensors.items():
            event_dim = self.arg_constraints[name].event_dim
            event = value.shape[value.dim() - event_dim :] if event_dim else ()
            setattr(new, name, value.expand((*batch_shape, *event)))
        self._keep(new, batch_shape)
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _keep(self, new, batch_shape):
        """Give `new`, an expanded copy, what arg_constraints does not name."""

    def _get_checked_instance(self, cls, _instance=None):
        return type(self).__new__(type(self)) if _instance is None else _instance

    # -- what a subclass defines

    def rsample(self, sample_shape=()):
        """Samples that gradients flow through, of shape sample_shape + batch_shape + event_shape."""
        raise NotImplementedError(f"{type(self).__name__}.rsample")

    def log_prob(self, value):
        """The logarithm of the density, or of the probability, at `value`."""
        raise NotImplementedError(f"{type(self).__name__}.log_prob")

    def cdf(self, value):
        """The probability of what is at most `value`."""
        raise NotImplementedError(f"{type(self).__name__}.cdf")

    def icdf(self, value):
        """The inverse of cdf."""
        raise NotImplementedError(f"{type(self).__name__}.icdf")

    def entropy(self):
        """The entropy, in nats."""
        raise NotImplementedError(f"{type(self).__name__}.entropy")

    def enumerate_support(self, expand=True):
        """Every possible event, along a new first dimension."""
        raise NotImplementedError(f"{type(self).__name__}.enumerate_support")

    mean = _defined_below("mean", "The expected value.")
    mode = _defined_below("mode", "The most probable value.")
    variance = _defined_below("variance", "The expected squared distance from the mean.")

    # -- what follows

    def sample(self, sample_shape=()):
        """Samples of shape sample_shape + batch_shape + event_shape, without gradient."""
        with flambeau.no_grad():
            return self.rsample(sample_shape)

    def sample_n(self, n):
        """n samples."""
        return self.sample((n,))

    @property
    def stddev(self):
        """The root of the variance."""
        return self.variance.sqrt()

    def perplexity(self):
        """exp(entropy)."""
        return self.entropy().exp()

    def _validate_sample(self, value):
        if not self._validate_args:
            return None
        if not isinstance(value, flambeau.Tensor):
            raise ValueError(f"log_prob: value must be a Tensor, not {type(value).__name__}.")
        if value.shape != (*self._batch_shape, *self._event_shape):
            self._check_shape(value)
        try:
            support = self.support
        except NotImplementedError:
            return self._cannot_check("support")
        if not constraints.holds(support, value):
            raise ValueError(
                f"log_prob: value {tuple(value.shape)} lies outside of the support "
                f"{support!r} of {self!r}: {value}"
            )

    def _check_shape(self, value):
        event_dim = len(self._event_shape)
        if value.shape[value.dim() - event_dim :] != self._event_shape:
            raise ValueError(
                f"log_prob: value {tuple(value.shape)} must end in the event's shape, "
                f"{tuple(self._event_shape)}."
            )
        for i, j in zip(reversed(value.shape), reversed(self._extended_shape()), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(
                    f"log_prob: value {tuple(value.shape)} does not broadcast with "
                    f"{tuple(self._extended_shape())}, the batch's and the event's shape."
                )

    def __repr__(self):
        shown = [
            f"{name}: {value if value.numel() == 1 else value.size()}"
            for name, value in self._tensors.items()
        ]
        return f"{type(self).__name__}({', '.join(shown)})"
