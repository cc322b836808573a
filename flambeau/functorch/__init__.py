"""functorch: what torch.func was called before PyTorch 2.0, with modules as functions of their parameters."""

import copy

from .. import func, nn
from ..func import functionalize, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp, vmap

__all__ = [
    "FunctionalModule", "FunctionalModuleWithBuffers", "combine_state_for_ensemble",
    "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
    "make_functional", "make_functional_with_buffers", "vjp", "vmap",
]  # fmt: skip


class FunctionalModuleWithBuffers(nn.Module):
    """A module without parameters and buffers of its own: called with those first, f(params, buffers, *args)."""

    def __init__(self, stateless_model, param_names, buffer_names):
        super().__init__()
        self.stateless_model = stateless_model
        self.param_names, self.buffer_names = param_names, buffer_names

    def forward(self, params, buffers, *args, **kwargs):
        state = dict(zip(self.param_names, params, strict=True))
        state.update(zip(self.buffer_names, buffers, strict=True))
        return func.functional_call(self.stateless_model, state, args, kwargs)


class FunctionalModule(FunctionalModuleWithBuffers):
    """The same of a module without buffers: f(params, *args)."""

    def forward(self, params, *args, **kwargs):
        return super().forward(params, (), *args, **kwargs)


def make_functional_with_buffers(model, disable_autograd_tracking=False):
    """(f, parameters, buffers) with f(parameters, buffers, *args) = model(*args), of a copy of model.

    Args:
        disable_autograd_tracking (bool): the parameters do not require grad.
    """
    params, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    stateless = FunctionalModuleWithBuffers(copy.deepcopy(model), tuple(params), tuple(buffers))
    return stateless, _values(params, disable_autograd_tracking), tuple(buffers.values())


def make_functional(model, disable_autograd_tracking=False):
    """(f, parameters) with f(parameters, *args) = model(*args), of a copy of model, which has no buffers.

    Raises:
        RuntimeError: the model has buffers.
    """
    if any(True for _ in model.buffers()):
        raise RuntimeError(
            "make_functional: the model has buffers. Use make_functional_with_buffers."
        )
    params = dict(model.named_parameters())
    stateless = FunctionalModule(copy.deepcopy(model), tuple(params), ())
    return stateless, _values(params, disable_autograd_tracking)


def _values(params, detached):
    return tuple(p.detach() if detached else p for p in params.values())


def combine_state_for_ensemble(models):
    """(f, parameters, buffers) of models of one form, each tensor stacked along a new first dimension, for vmap."""
    params, buffers = func.stack_module_state(models)
    stateless = FunctionalModuleWithBuffers(copy.deepcopy(models[0]), tuple(params), tuple(buffers))
    return stateless, tuple(params.values()), tuple(buffers.values())
