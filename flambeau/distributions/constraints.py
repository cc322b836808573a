"""Sets that parameters and samples belong to: check(value) is True where they do.

`event_dim` trailing dimensions of the value make one event; check() gives one answer for each.
"""


class Constraint:
    """A set of values."""

    is_discrete = False
    event_dim = 0

    def __init__(self, name, test, is_discrete=False, event_dim=0):
        self.name, self.test = name, test
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def check(self, value):
        """One bool for each event of `value`."""
        return self.test(value)

    def __repr__(self):
        return self.name


class interval(Constraint):
    """[lower_bound, upper_bound]; integers only for integer_interval."""

    def __init__(self, lower_bound, upper_bound):
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value):
        return (self.lower_bound <= value) & (value <= self.upper_bound)

    def __repr__(self):
        name = type(self).__name__.title().replace("_", "")
        return f"{name}(lower_bound={self.lower_bound}, upper_bound={self.upper_bound})"


class integer_interval(interval):
    """The integers from lower_bound to upper_bound."""

    is_discrete = True

    def check(self, value):
        return (value % 1 == 0) & super().check(value)


class independent(Constraint):
    """`base`, with more dimensions that belong to one event."""

    def __init__(self, base, reinterpreted_batch_ndims):
        self.base = base
        self.more = reinterpreted_batch_ndims
        self.is_discrete = base.is_discrete
        self.event_dim = base.event_dim + reinterpreted_batch_ndims

    def check(self, value):
        result = self.base.check(value)
        return result.flatten(result.dim() - self.more).all(-1) if self.more else result

    def __repr__(self):
        return f"IndependentConstraint({self.base}, {self.more})"


def _one_hot(value):
    return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


def _lower_cholesky(value):
    lower = (value.tril() == value).flatten(-2).all(-1)
    return lower & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


def _positive_definite(value):
    import flambeau

    symmetric = flambeau.isclose(value, value.mT, atol=1e-6).flatten(-2).all(-1)
    return symmetric & (flambeau.linalg.cholesky_ex(value).info == 0)


real = Constraint("Real()", lambda value: value == value)
real_vector = independent(real, 1)
positive = Constraint("GreaterThan(lower_bound=0.0)", lambda value: value > 0)
nonnegative = Constraint("GreaterThanEq(lower_bound=0.0)", lambda value: value >= 0)
unit_interval = interval(0.0, 1.0)
boolean = Constraint("Boolean()", lambda value: (value == 0) | (value == 1), is_discrete=True)
nonnegative_integer = Constraint(
    "IntegerGreaterThan(lower_bound=0)", lambda value: (value % 1 == 0) & (value >= 0), True
)
simplex = Constraint(
    "Simplex()",
    lambda value: (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6),
    event_dim=1,
)
one_hot = Constraint("OneHot()", _one_hot, is_discrete=True, event_dim=1)
lower_cholesky = Constraint("LowerCholesky()", _lower_cholesky, event_dim=2)
positive_definite = Constraint("PositiveDefinite()", _positive_definite, event_dim=2)
