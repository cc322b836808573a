"""biject_to and transform_to: from the real line, or real vectors, to a constraint's set.

biject_to(constraint) is a bijection, for Hamiltonian Monte Carlo and the like, where volumes count;
transform_to(constraint) may be a cheaper map that is onto only, for unconstrained optimization.
"""

from . import constraints, transforms

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Makers of transforms, by the class of a constraint.

    Example:
        >>> from flambeau.distributions import constraints, transform_to
        >>> transform_to(constraints.unit_interval)
        SigmoidTransform()
    """

    def __init__(self):
        self._registry = {}
        super().__init__()

    def register(self, constraint, factory=None):
        """Teach a maker, factory(constraint) -> Transform, for a constraint's class; a decorator without it.

        Raises:
            TypeError: `constraint` is neither a Constraint nor a subclass of it.
        """
        kind = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, constraints.Constraint)):
            raise TypeError(f"register: takes a Constraint or a class of them, not {constraint!r}.")
        if factory is None:
            return lambda factory: self.register(kind, factory)
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint):
        """A transform onto the constraint's set.

        Raises:
            NotImplementedError: none is known.
        """
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(
                f"no transform to {type(constraint).__name__} constraints is known; register() teaches one."
            )
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(*kinds):
    def register(factory):
        for kind in kinds:
            biject_to.register(kind, factory)
            transform_to.register(kind, factory)
        return factory

    return register


@_both(constraints.real)
def _(constraint):
    return transforms.identity_transform


@biject_to.register(constraints.independent)
def _(constraint):
    base = biject_to(constraint.base_constraint)
    return transforms.IndependentTransform(base, constraint.reinterpreted_batch_ndims)


@transform_to.register(constraints.independent)
def _(constraint):
    base = transform_to(constraint.base_constraint)
    return transforms.IndependentTransform(base, constraint.reinterpreted_batch_ndims)


def _moved(transform, loc, scale):
    """`transform`, then loc + scale * y, for events of one number."""
    return transforms.ComposeTransform([transform, transforms.AffineTransform(loc, scale)])


@_both(constraints.greater_than, constraints.greater_than_eq)
def _(constraint):
    return _moved(transforms.ExpTransform(), constraint.lower_bound, 1)


@_both(constraints.less_than)
def _(constraint):
    return _moved(transforms.ExpTransform(), constraint.upper_bound, -1)


@_both(constraints.interval, constraints.half_open_interval)
def _(constraint):
    low, high = constraint.lower_bound, constraint.upper_bound
    plain = all(isinstance(bound, (int, float)) for bound in (low, high)) and (low, high) == (0, 1)
    sigmoid = transforms.SigmoidTransform()
    return sigmoid if plain else _moved(sigmoid, low, high - low)


# Constraints without numbers of their own, each with its transform.
for _register, _kind, _transform in (
    (biject_to.register, constraints.simplex, transforms.StickBreakingTransform),
    (transform_to.register, constraints.simplex, transforms.SoftmaxTransform),
    (
        transform_to.register,
        constraints.positive_semidefinite,
        transforms.PositiveDefiniteTransform,
    ),
    (transform_to.register, constraints.positive_definite, transforms.PositiveDefiniteTransform),
    (_both, constraints.lower_cholesky, transforms.LowerCholeskyTransform),
    (_both, constraints.corr_cholesky, transforms.CorrCholeskyTransform),
):
    _register(_kind)(lambda constraint, transform=_transform: transform())


@biject_to.register(constraints.cat)
def _(constraint):
    parts = [biject_to(each) for each in constraint.cseq]
    return transforms.CatTransform(parts, constraint.dim, constraint.lengths)


@transform_to.register(constraints.cat)
def _(constraint):
    parts = [transform_to(each) for each in constraint.cseq]
    return transforms.CatTransform(parts, constraint.dim, constraint.lengths)


@biject_to.register(constraints.stack)
def _(constraint):
    return transforms.StackTransform([biject_to(each) for each in constraint.cseq], constraint.dim)


@transform_to.register(constraints.stack)
def _(constraint):
    return transforms.StackTransform(
        [transform_to(each) for each in constraint.cseq], constraint.dim
    )
