"""Modules among pure functions: ensembles, and what they must not keep."""

import flambeau

from ..nn.utils import stateless

__all__ = [
    "functional_call",
    "functionalize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
]


def functional_call(
    module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """module(*args, **kwargs) computed with the given tensors in the place of its own.

    Args:
        parameter_and_buffer_dicts (dict, or sequence of dicts): path -> tensor.
        args, kwargs, tie_weights, strict: as nn.utils.stateless.functional_call takes them.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> weights = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
        >>> torch.func.functional_call(layer, weights, torch.tensor([[3.0, 4.0]]))
        tensor([[7.]])
    """
    return stateless.functional_call(
        module, parameter_and_buffer_dicts, args, kwargs, tie_weights=tie_weights, strict=strict
    )


def functionalize(func, *, remove="mutations"):
    """func itself: derivatives and vmap follow writes in place, so none needs rewriting.

    remove="mutations_and_views" is the same.

    Example:
        >>> torch.func.functionalize(lambda x: x.clone().add_(1))(torch.zeros(2))
        tensor([1., 1.])
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(
            f"functionalize: remove is {remove!r}; it must be 'mutations' or 'mutations_and_views'."
        )
    return func


def stack_module_state(models):
    """(parameters, buffers) of models of one form, each stacked along a new first dimension.

    With functional_call and vmap the models are called together:

        parameters, buffers = torch.func.stack_module_state(models)
        torch.func.vmap(lambda p, b, x: torch.func.functional_call(models[0], (p, b), x), (0, 0, None))

    Raises:
        RuntimeError: there are no models, they differ in class or in training mode.

    Example:
        >>> parameters, _ = torch.func.stack_module_state([nn.Linear(2, 3) for _ in range(4)])
        >>> parameters["weight"].shape
        torch.Size([4, 3, 2])
    """
    if not models:
        raise RuntimeError("stack_module_state: needs one module or more; the list is empty.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError(
            "stack_module_state: some models are in training mode and some are not. Call train() or "
            "eval() on all."
        )
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: the models must all be of one class.")

    def stacked(named):
        each = [dict(named(model)) for model in models]
        return {
            name: flambeau.stack([one[name] for one in each])
            .detach()
            .requires_grad_(value.requires_grad)
            for name, value in each[0].items()
        }

    return stacked(lambda m: m.named_parameters()), stacked(lambda m: m.named_buffers())


def replace_all_batch_norm_modules_(root):
    """root with running statistics taken out of its batch normalizations.

    Example:
        >>> model = torch.func.replace_all_batch_norm_modules_(nn.Sequential(nn.BatchNorm1d(2)))
        >>> model[0].running_mean is None
        True
    """
    for module in root.modules():
        if isinstance(module, flambeau.nn.modules.batchnorm._BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
