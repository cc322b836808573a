"""Operands by chance: sizes from distributions, tensors of them, in some layouts."""

import itertools
import math
import random

import flambeau as torch

_MOST_TRIES = 10_000


class ParameterAlias:
    """In a FuzzedParameter's distribution: the value of another parameter."""

    def __init__(self, alias_to):
        self.alias_to = alias_to

    def __repr__(self):
        return f"ParameterAlias[{self.alias_to}]"


class FuzzedParameter:
    """A number to be drawn.

    Args:
        name (str).
        minval, maxval (number): its bounds, with distribution "uniform" or "loguniform".
        distribution (str or dict): one of these, or {value: probability}; values may be a ParameterAlias.
        strict (bool): redrawing must not skew this parameter. It never does here: all are drawn anew together.
    """

    def __init__(self, name, minval=None, maxval=None, distribution=None, strict=False):
        self.name, self.strict = name, strict
        self._minval, self._maxval = minval, maxval
        if isinstance(distribution, str) or distribution is None:
            distribution = distribution or "uniform"
            if distribution not in ("uniform", "loguniform"):
                raise ValueError(f"FuzzedParameter: unknown distribution {distribution!r}.")
            if minval is None or maxval is None:
                raise ValueError(f"FuzzedParameter: {distribution} needs minval and maxval.")
        elif minval is not None or maxval is not None:
            raise ValueError("FuzzedParameter: minval and maxval are for distributions by name.")
        else:
            total = sum(distribution.values())
            if not math.isclose(total, 1, abs_tol=1e-6):
                raise ValueError(f"FuzzedParameter: the probabilities sum to {total}, not to 1.")
        self._distribution = distribution

    def sample(self, state):
        """A value, drawn with a random.Random."""
        if isinstance(self._distribution, dict):
            values, weights = zip(*self._distribution.items())
            return state.choices(values, weights)[0]
        low, high = self._minval, self._maxval
        if self._distribution == "loguniform":
            value = math.exp(state.uniform(math.log(low), math.log(high)))
        else:
            value = state.uniform(low, high + (1 if isinstance(low, int) else 0))
        return min(int(value), high) if isinstance(low, int) else value


class FuzzedTensor:
    """A tensor whose sizes are numbers or names of parameters.

    Args:
        name (str).
        size (tuple): of int and str; steps (tuple, optional): of int and str, the strides of a view to take.
        probability_contiguous (float): how often the dimensions lie in memory in their own order.
        min_elements, max_elements, max_allocation_bytes (int, optional): draws beyond these are repeated.
        dim_parameter (str, optional): the parameter that says how many of the sizes to use.
        roll_parameter (str, optional): the parameter by which the order of dimensions in memory is rolled.
        dtype, cuda: as of tensors; cuda is refused without a GPU.
        tensor_constructor (callable, optional): makes it from (size, dtype, **parameters).
    """

    def __init__(
        self, name, size, steps=None, probability_contiguous=0.5, min_elements=None,
        max_elements=None, max_allocation_bytes=None, dim_parameter=None, roll_parameter=None,
        dtype=torch.float32, cuda=False, tensor_constructor=None,
    ):  # fmt: skip
        if cuda:
            raise NotImplementedError("FuzzedTensor: cuda=True needs a GPU, and there is none.")
        self.name = name
        self._size, self._steps = size, steps
        self._contiguous = probability_contiguous
        self._least, self._most, self._bytes = min_elements, max_elements, max_allocation_bytes
        self._dim, self._roll = dim_parameter, roll_parameter
        self._dtype = dtype
        self._make = tensor_constructor or self.default_tensor_constructor

    @staticmethod
    def default_tensor_constructor(size, dtype, **kwargs):
        """Numbers by chance: from 0 to 1, or integers below 127."""
        if dtype.is_floating_point or dtype.is_complex:
            return torch.rand(size, dtype=dtype)
        return torch.randint(0, 127, size, dtype=dtype)

    def sizes(self, params):
        """(sizes, steps, sizes of the memory) for drawn parameters."""
        resolve = lambda values: [params[v] if isinstance(v, str) else v for v in values]
        count = params[self._dim] if self._dim else len(self._size)
        size = resolve(self._size)[:count]
        steps = resolve(self._steps or ())[:count]
        steps += [1] * (count - len(steps))
        return tuple(size), tuple(steps), tuple(a * b for a, b in zip(size, steps))

    def fits(self, params):
        """Whether drawn parameters keep the bounds."""
        size, _, memory = self.sizes(params)
        count = math.prod(size)
        return (
            (self._least is None or count >= self._least)
            and (self._most is None or count <= self._most)
            and (self._bytes is None or math.prod(memory) * self._dtype.itemsize <= self._bytes)
        )

    def make(self, params, state):
        """(tensor, its properties) for drawn parameters."""
        size, steps, memory = self.sizes(params)
        order = list(range(len(size)))
        if state.random() > self._contiguous:
            if self._roll is not None and order:
                shift = params[self._roll] % len(order)
                order = order[shift:] + order[:shift]
            else:
                state.shuffle(order)
        raw = self._make(tuple(memory[dim] for dim in order), self._dtype, **params)
        tensor = raw.permute([order.index(dim) for dim in range(len(order))])
        tensor = tensor[tuple(slice(0, a * b, b) for a, b in zip(size, steps))]
        properties = {
            "numel": tensor.numel(),
            "order": order,
            "steps": steps,
            "is_contiguous": tensor.is_contiguous(),
            "dtype": str(self._dtype),
        }
        return tensor, properties


class Fuzzer:
    """Draws parameters and tensors.

    Args:
        parameters (list of FuzzedParameter, or of lists of them).
        tensors (list of FuzzedTensor, or of lists of them).
        constraints (list of callable, optional): called with the parameters; a False means to draw again.
        seed (int, optional).

    Example:
        >>> from flambeau.utils.benchmark import FuzzedParameter, FuzzedTensor, Fuzzer
        >>> fuzzer = Fuzzer([FuzzedParameter("n", 1, 9)], [FuzzedTensor("x", ("n", 2))], seed=0)
        >>> for tensors, properties, parameters in fuzzer.take(2):
        ...     assert tensors["x"].shape == (parameters["n"], 2)
    """

    def __init__(self, parameters, tensors, constraints=None, seed=None):
        flat = lambda things: list(
            itertools.chain.from_iterable(t if isinstance(t, list | tuple) else [t] for t in things)
        )
        self._parameters, self._tensors = flat(parameters), flat(tensors)
        self._constraints = constraints or []
        self._seed = random.randrange(2**32) if seed is None else seed
        self._drawn = self._refused = 0
        names = [thing.name for thing in (*self._parameters, *self._tensors)]
        if len(set(names)) != len(names):
            raise ValueError(f"Fuzzer: a name stands twice in {names}.")

    @property
    def rejection_rate(self):
        """How many draws were refused, of all."""
        return self._refused / self._drawn if self._drawn else 0.0

    def take(self, n):
        """n times (tensors, their properties, parameters), each a dict by name."""
        state = random.Random(self._seed)
        for _ in range(n):
            params = self._draw(state)
            made = {tensor.name: tensor.make(params, state) for tensor in self._tensors}
            tensors = {name: tensor for name, (tensor, _) in made.items()}
            yield tensors, {name: properties for name, (_, properties) in made.items()}, params

    def _draw(self, state):
        for _ in range(_MOST_TRIES):
            self._drawn += 1
            params = {parameter.name: parameter.sample(state) for parameter in self._parameters}
            params = {name: self._resolved(value, params) for name, value in params.items()}
            if all(check(**params) for check in self._constraints) and all(
                tensor.fits(params) for tensor in self._tensors
            ):
                return params
            self._refused += 1
        raise ValueError(f"Fuzzer: none of {_MOST_TRIES} draws kept all constraints.")

    def _resolved(self, value, params):
        seen = set()
        while isinstance(value, ParameterAlias):
            if value.alias_to in seen or value.alias_to not in params:
                raise ValueError(f"Fuzzer: {value} leads to no parameter.")
            seen.add(value.alias_to)
            value = params[value.alias_to]
        return value
