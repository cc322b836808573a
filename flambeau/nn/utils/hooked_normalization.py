"""Weight and spectral normalization by a forward pre-hook, as before there were parametrizations."""

import flambeau

from ... import _core
from ..parameter import Parameter, is_lazy
from . import normalizations


def _weight_with_shape(module, name, operator):
    """The parameter to normalize, which must have a shape."""
    weight = getattr(module, name)
    if is_lazy(weight):
        raise ValueError(
            f"{operator}: {type(module).__name__}.{name} has no shape yet. "
            "Call the module once, then normalize it."
        )
    return weight


class WeightNorm:
    """The hook that computes `name` from `name`_g and `name`_v before each forward."""

    def __init__(self, name, dim):
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module):
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return normalizations.weight_of(v, g, self.dim)

    @staticmethod
    def apply(module, name, dim):
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm) and hook.name == name:
                raise RuntimeError(f"weight_norm: parameter '{name}' has it already.")
        hook = WeightNorm(name, dim)
        weight = _weight_with_shape(module, name, "weight_norm")
        del module._parameters[name]
        norms = normalizations.norm_except_dim(weight.detach(), hook.dim)
        module.register_parameter(name + "_g", Parameter(norms))
        module.register_parameter(name + "_v", Parameter(weight.detach()))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module):
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"], module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.detach()))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module))


class SpectralNorm:
    """The hook that divides `name`_orig by its largest singular value before each forward."""

    def __init__(self, name="weight", n_power_iterations=1, dim=0, eps=1e-12):
        if n_power_iterations <= 0:
            raise ValueError(
                f"spectral_norm: n_power_iterations is {n_power_iterations}; it must be 1 or more."
            )
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def compute_weight(self, module, do_power_iteration):
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = normalizations.as_matrix(weight, self.dim)
        if do_power_iteration:
            normalizations.power_iterations(
                matrix.detach(), u, v, self.n_power_iterations, self.eps
            )
            u, v = u.clone(), v.clone()
        return weight / u.dot(matrix.mv(v))

    @staticmethod
    def apply(module, name, n_power_iterations, dim, eps):
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm) and hook.name == name:
                raise RuntimeError(f"spectral_norm: parameter '{name}' has it already.")
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = _weight_with_shape(module, name, "spectral_norm")
        with flambeau.no_grad():
            u, v = normalizations.start_vectors(
                normalizations.as_matrix(weight.detach(), dim), eps, steps=1
            )
        del module._parameters[name]
        module.register_parameter(name + "_orig", weight)
        setattr(module, name, weight.detach())
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(hook._note_version)
        module._register_load_state_dict_pre_hook(hook._complete_state)
        return hook

    def _note_version(self, module, state_dict, prefix, local_metadata):
        local_metadata.setdefault("spectral_norm", {})[self.name + ".version"] = 1

    def _complete_state(
        self, state_dict, prefix, local_metadata, strict, missing, unexpected, errors
    ):
        """Files of before PyTorch 1.1 hold the weight in place of v, which follows from it."""
        version = local_metadata.get("spectral_norm", {}).get(self.name + ".version")
        key = prefix + self.name
        if version is not None or (key not in state_dict and key + "_v" in state_dict):
            return
        if any(key + end not in state_dict for end in ("_orig", "", "_u")):
            if strict and key not in state_dict:
                missing.append(key)  # the others are noticed anyway
            return
        with flambeau.no_grad():
            original, weight = state_dict[key + "_orig"], state_dict.pop(key)
            matrix, u = normalizations.as_matrix(original, self.dim), state_dict[key + "_u"]
            # u is normalize(matrix @ v), and u @ matrix @ v the value that the weight was divided by.
            v = flambeau.linalg.pinv(matrix) @ u
            state_dict[key + "_v"] = v * ((original / weight).mean() / u.dot(matrix.mv(v)))

    def remove(self, module):
        with flambeau.no_grad():
            weight = self.compute_weight(module, False)
        delattr(module, self.name)
        delattr(module, self.name + "_u")
        delattr(module, self.name + "_v")
        delattr(module, self.name + "_orig")
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module, module.training))


def weight_norm(module, name="weight", dim=0):
    """Let the weight's norm along `dim` and its direction be learned apart; returns the module.

    Source: Salimans, Kingma, 2016, arXiv:1602.07868.

    Example:
        >>> layer = nn.utils.weight_norm(nn.Linear(2, 3))  # warns: parametrizations.weight_norm is today's
        >>> sorted(name for name, _ in layer.named_parameters())
        ['bias', 'weight_g', 'weight_v']
    """
    _core._warn(
        "weight_norm: is an old form. Use nn.utils.parametrizations.weight_norm.", FutureWarning
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module, name="weight"):
    """Make the weight an ordinary parameter again.

    Example:
        >>> layer = nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(2, 3)))
        >>> sorted(name for name, _ in layer.named_parameters())
        ['bias', 'weight']
    """
    return _remove(module, name, WeightNorm, "weight_norm")


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide the weight by its largest singular value; returns the module.

    Source: Miyato et al., 2018, arXiv:1802.05957.

    Example:
        >>> layer = nn.utils.spectral_norm(nn.Linear(2, 2), n_power_iterations=20)
        >>> _ = layer(torch.ones(2))
        >>> bool((torch.linalg.matrix_norm(layer.weight, 2) - 1).abs() < 1e-3)
        True
    """
    dim = normalizations.default_dim(module) if dim is None else dim
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module, name="weight"):
    """Make the weight an ordinary parameter again.

    Example:
        >>> layer = nn.utils.remove_spectral_norm(nn.utils.spectral_norm(nn.Linear(2, 3)))
        >>> sorted(name for name, _ in layer.named_parameters())
        ['bias', 'weight']
    """
    return _remove(module, name, SpectralNorm, "spectral_norm")


def _drop_state_hooks(module, hook):
    for registered in (module._state_dict_hooks, module._load_state_dict_pre_hooks):
        for key, entry in list(registered.items()):
            function = entry[0] if isinstance(entry, tuple) else entry
            if getattr(function, "__self__", None) is hook:
                del registered[key]


def _remove(module, name, kind, what):
    hooks = module._forward_pre_hooks
    for key, hook in hooks.items():
        if isinstance(hook, kind) and hook.name == name:
            hook.remove(module)
            del hooks[key]
            _drop_state_hooks(module, hook)
            return module
    raise ValueError(f"{what}: there is none of '{name}' in {type(module).__name__}.")
