"""How parameters of legacy modules begin."""

import math


def deviation(stdv, fan_in):
    """The bound of uniform numbers with this standard deviation; without one, 1 / sqrt(fan_in)."""
    return stdv * math.sqrt(3) if stdv is not None else 1.0 / math.sqrt(fan_in)


def uniform(bound, *parameters):
    """Draw the parameters that are there from (-bound, bound)."""
    for parameter in parameters:
        if parameter is not None:
            parameter.uniform_(-bound, bound)


def reset_by_fan_in(self, stdv=None):
    """Draw weight and bias anew; returns self."""
    uniform(deviation(stdv, self._fan_in), self.weight, self.bias)
    return self
