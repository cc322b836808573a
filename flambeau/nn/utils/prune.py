"""Pruning: entries of a parameter held at zero by a mask.

A pruned parameter `weight` is kept as the parameter `weight_orig` and the buffer `weight_mask`;
`weight` itself is their product, computed anew before each forward by a hook, which is the pruning
method. Pruned again, the parts that are left are pruned further. remove() makes it permanent.
"""

import abc
import numbers

import flambeau

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured",
    "PruningContainer", "RandomStructured", "RandomUnstructured", "custom_from_mask",
    "global_unstructured", "identity", "is_pruned", "l1_unstructured", "ln_structured",
    "random_structured", "random_unstructured", "remove",
]  # fmt: skip


class BasePruningMethod(abc.ABC):
    """What decides which entries are kept: a subclass defines compute_mask and PRUNING_TYPE.

    PRUNING_TYPE tells what a second pruning sees: "unstructured" the entries that are left,
    "structured" the channels that are left, "global" everything.
    """

    _tensor_name: str
    PRUNING_TYPE = "unstructured"

    def __call__(self, module, inputs):
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abc.abstractmethod
    def compute_mask(self, t, default_mask):
        """A mask of zeros and ones for the importance scores `t`, on top of `default_mask`."""

    def apply_mask(self, module):
        """The masked tensor: mask * original."""
        original = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(original.dtype) * original

    @classmethod
    def apply(cls, module, name, *args, importance_scores=None, **kwargs):
        """Prune `name` of the module by cls(*args, **kwargs); returns the hook that was registered."""
        method = cls(*args, **kwargs)
        method._tensor_name = name
        tensor = getattr(module, name)
        scores = tensor if importance_scores is None else importance_scores
        if scores.shape != tensor.shape:
            raise AssertionError(
                f"prune: importance_scores {tuple(scores.shape)} must have the shape of '{name}', "
                f"{tuple(tensor.shape)}."
            )
        earlier = _hook(module, name)
        if earlier is None:
            mask = method.compute_mask(scores, default_mask=flambeau.ones_like(tensor))
            del module._parameters[name]
            module.register_parameter(name + "_orig", tensor)
        else:
            earlier = earlier if isinstance(earlier, PruningContainer) else (earlier,)
            method = PruningContainer(*earlier, method)
            kept = getattr(module, name + "_mask").detach().clone()
            mask = method.compute_mask(scores, default_mask=kept)
            _forget_hook(module, name)
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t, default_mask=None, importance_scores=None):
        """`t` with the entries set to zero that this method would prune."""
        scores = t if importance_scores is None else importance_scores
        mask = flambeau.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=mask)

    def remove(self, module):
        """Make the zeros of `name` permanent and forget mask and original."""
        name = self._tensor_name
        masked = self.apply_mask(module)
        original = module._parameters[name + "_orig"]
        original.data = masked.data
        del module._parameters[name + "_orig"], module._buffers[name + "_mask"]
        if hasattr(module, name):
            delattr(module, name)
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several methods for one tensor, one after the other; the last prunes what the others left."""

    PRUNING_TYPE = "container"

    def __init__(self, *args):
        self._pruning_methods = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method):
        """Append a method for the same tensor."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"prune: {type(method).__name__} is not a BasePruningMethod.")
        if self._tensor_name != method._tensor_name:
            raise ValueError(
                f"prune: this container prunes '{self._tensor_name}', and the method "
                f"'{method._tensor_name}'. They must be the same parameter."
            )
        self._pruning_methods += (method,)

    def __len__(self):
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, index):
        return self._pruning_methods[index]

    def compute_mask(self, t, default_mask):
        method = self._pruning_methods[-1]
        mask = default_mask.to(t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            left = mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()
            others = [d for d in range(t.dim()) if d != dim]
            left = [slice(None)] * t.dim()
            left[dim] = mask.sum(others) != 0
            left = tuple(left)
        elif method.PRUNING_TYPE == "global":
            left = (slice(None),) * t.dim()
        else:
            raise ValueError(
                f"prune: PRUNING_TYPE is {method.PRUNING_TYPE!r}; it must be 'unstructured', "
                "'structured' or 'global'."
            )
        combined = mask.clone()
        combined[left] = method.compute_mask(t[left], default_mask=mask[left])
        return combined


class Identity(BasePruningMethod):
    """Prunes nothing, but makes mask and original."""

    def compute_mask(self, t, default_mask):
        return default_mask


def _validate_pruning_amount_init(amount):
    """TypeError or ValueError unless it is a number of units, or a part in [0, 1]."""
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"prune: amount must be an int or a float, not {amount!r}.")
    whole = isinstance(amount, numbers.Integral)
    if (whole and amount < 0) or (not whole and not 0.0 <= amount <= 1.0):
        raise ValueError(
            f"prune: amount is {amount}; it must be a float from 0 to 1, or an int of 0 or more."
        )


def _validate_pruning_amount(amount, tensor_size):
    """ValueError if more units are to be pruned than there are."""
    if isinstance(amount, numbers.Integral) and amount > tensor_size:
        raise ValueError(f"prune: amount is {amount}, but there are only {tensor_size} to prune.")


def _compute_nparams_toprune(amount, tensor_size):
    """How many of so many units are pruned; halves are rounded to the even number."""
    return int(amount) if isinstance(amount, numbers.Integral) else round(amount * tensor_size)


class _WithAmount(BasePruningMethod):
    """A method that prunes a number of units: an int, or a part of them as a float in [0, 1]."""

    def __init__(self, amount):
        _validate_pruning_amount_init(amount)
        self.amount = amount

    def count(self, units):
        """How many of so many units are to be pruned."""
        _validate_pruning_amount(self.amount, units)
        return _compute_nparams_toprune(self.amount, units)


class _Unstructured(_WithAmount):
    """Prunes the single entries of the lowest scores."""

    def compute_mask(self, t, default_mask):
        mask = default_mask.clone(memory_format=flambeau.contiguous_format)
        if count := self.count(t.numel()):
            mask.view(-1)[self.scores(t).reshape(-1).topk(count, largest=False).indices] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Prunes entries at random."""

    def scores(self, t):
        """Random numbers."""
        return flambeau.rand_like(t)


class L1Unstructured(_Unstructured):
    """Prunes the entries of the smallest magnitude."""

    def scores(self, t):
        """Magnitudes."""
        return t.detach().abs()


class _Structured(_WithAmount):
    """Prunes the whole channels, along dimension `dim`, of the lowest scores."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim=-1):
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t, default_mask):
        if t.dim() <= 1:
            raise ValueError(
                f"prune: tensor {tuple(t.shape)} must have 2 dims or more to be pruned by channels."
            )
        if not -t.dim() <= self.dim < t.dim():
            raise IndexError(f"prune: dim {self.dim} is out of range for tensor {tuple(t.shape)}.")
        count = self.count(t.size(self.dim))
        kept = flambeau.ones(t.size(self.dim), dtype=default_mask.dtype, device=t.device)
        if count:
            kept[self.scores(t).topk(count, largest=False).indices] = 0
        sizes = [1] * t.dim()
        sizes[self.dim] = -1
        return default_mask * kept.view(sizes)


class RandomStructured(_Structured):
    """Prunes channels at random."""

    def scores(self, t):
        """Random numbers."""
        return flambeau.rand(t.size(self.dim), device=t.device)


class LnStructured(_Structured):
    """Prunes the channels of the smallest L-`n` norm."""

    def __init__(self, amount, n, dim=-1):
        super().__init__(amount, dim)
        self.n = n

    def scores(self, t):
        """The norm of each channel."""
        dims = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        return flambeau.norm(t.detach(), p=self.n, dim=dims)


class CustomFromMask(BasePruningMethod):
    """Prunes where a given mask is zero."""

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        return default_mask * self.mask.to(default_mask.dtype)


# ------------------------------------------------------------------------------------- what users call


def identity(module, name):
    """Make mask and original of a parameter without pruning it; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module, name, amount):
    """Prune `amount` entries (or that part of them) at random; returns the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module, name, amount, importance_scores=None):
    """Prune the `amount` entries (or that part of them) of the smallest magnitude; returns the module."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module, name, amount, dim):
    """Prune `amount` channels along `dim` (or that part of them) at random; returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module, name, amount, n, dim, importance_scores=None):
    """Prune the `amount` channels along `dim` of the smallest L-n norm; returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module, name, mask):
    """Prune where `mask` is zero; returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs):
    """Prune several parameters as if they were one vector.

    Args:
        parameters (iterable of (Module, str)): whose, and the parameter's name.
        pruning_method (type): an unstructured method; kwargs are its arguments.
        importance_scores (dict, optional): (module, name) -> scores; the parameter's values if absent.
    """
    if not isinstance(parameters, (list, tuple)):
        parameters = list(parameters)
    importance_scores = {} if importance_scores is None else importance_scores
    if not isinstance(importance_scores, dict):
        raise TypeError(
            "global_unstructured: importance_scores must be a dict, not "
            f"{type(importance_scores).__name__}."
        )
    tensors = [getattr(module, name) for module, name in parameters]
    scores = flambeau.cat(
        [
            importance_scores.get(place, tensor).detach().reshape(-1)
            for place, tensor in zip(parameters, tensors, strict=True)
        ]
    )
    masks = flambeau.cat(
        [
            getattr(module, name + "_mask", flambeau.ones_like(tensor)).reshape(-1)
            for (module, name), tensor in zip(parameters, tensors, strict=True)
        ]
    )
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f"global_unstructured: takes methods of PRUNING_TYPE 'unstructured'; {pruning_method} "
            f"is {method.PRUNING_TYPE!r}."
        )
    method._tensor_name = "all"
    mask = PruningContainer(method).compute_mask(scores, masks)
    pieces = mask.split([tensor.numel() for tensor in tensors])
    for (module, name), tensor, piece in zip(parameters, tensors, pieces, strict=True):
        custom_from_mask(module, name, piece.view_as(tensor))


def remove(module, name):
    """Make the pruning of a parameter permanent: it is a plain parameter again, with zeros."""
    method = _hook(module, name)
    if method is None:
        raise ValueError(
            f"prune: '{name}' of {type(module).__name__} is not pruned, so there is nothing to "
            "remove."
        )
    _forget_hook(module, name)
    method.remove(module)
    return module


def is_pruned(module):
    """Whether the module, or one inside it, is pruned."""
    return any(
        isinstance(hook, BasePruningMethod)
        for one in module.modules()
        for hook in one._forward_pre_hooks.values()
    )


def _hook(module, name, forget=False):
    """The pruning method of a tensor, None if it is not pruned."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            if forget:
                del module._forward_pre_hooks[key]
            return hook
    return None


def _forget_hook(module, name):
    """Let the module compute the tensor no more."""
    _hook(module, name, forget=True)
