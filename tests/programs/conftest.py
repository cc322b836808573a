"""Whole programs, written as for PyTorch and given the module to run on: flambeau, or PyTorch itself."""

import numpy
import pytest

import flambeau


class Start:
    """The same numbers for either library: initial weights and data."""

    def __init__(self, T):
        self.T = T
        self.rng = numpy.random.default_rng(0)

    def weights(self, module):
        """Fills the parameters of the module by their shape, and returns it."""
        values = {}
        for name, parameter in module.named_parameters():
            drawn = self.rng.normal(size=tuple(parameter.shape))
            if parameter.dim() > 1:
                drawn /= (parameter.numel() / parameter.shape[0]) ** 0.5
            else:
                drawn = 0.1 * drawn + name.endswith("weight")
            values[name] = self.T.from_numpy(numpy.asarray(drawn, "f4"))
        module.load_state_dict(values, strict=False)
        return module

    def step(self, optimizer, loss):
        """One step of the optimizer down the gradient of the loss."""
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def normal(self, *shape):
        return self.T.from_numpy(self.rng.normal(size=shape).astype("f4"))

    def uniform(self, *shape):
        return self.T.from_numpy(self.rng.random(shape).astype("f4"))

    def integers(self, low, high, shape):
        return self.T.from_numpy(self.rng.integers(low, high, shape))


def losses_of(T, program):
    T.manual_seed(0)
    return [float(loss.detach()) for loss in program(T, Start(T))]


@pytest.fixture
def follow():
    """follow(program): its losses, checked against PyTorch's where that is installed.

    With `falls_to` the last loss must be below that share of the first.

    program(T, start) trains with the library T and yields the loss of each step. float32 rounds
    differently in both, and training multiplies the differences: hence 1e-3.
    """

    def follow(program, rtol=1e-3, falls_to=None):
        losses = losses_of(flambeau, program)
        assert losses and numpy.isfinite(losses).all()
        assert falls_to is None or losses[-1] < falls_to * losses[0]
        try:
            import torch
        except ImportError:
            return losses
        numpy.testing.assert_allclose(losses, losses_of(torch, program), rtol=rtol, atol=1e-4)
        return losses

    return follow
