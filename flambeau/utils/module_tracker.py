"""Which modules a program is in, forwards and backwards."""

import weakref

from ..autograd.graph import register_multi_grad_hook
from ..nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from ._pytree import tree_flatten

__all__ = ["ModuleTracker"]


class ModuleTracker:
    """While in force (`with`), parents holds the names of the modules that are running, and "Global".

    is_bw tells whether that is in a backward. Names are those of the module that was entered first, and below it.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.utils.module_tracker import ModuleTracker
        >>> net = torch.nn.Sequential(torch.nn.ReLU())
        >>> with ModuleTracker() as tracker:
        ...     handle = net[0].register_forward_hook(lambda *_: print(sorted(tracker.parents)))
        ...     _ = net(torch.ones(1))
        ['Global', 'Sequential', 'Sequential.0']
    """

    def __init__(self):
        self.parents = {"Global"}
        self._names = weakref.WeakKeyDictionary()
        self._handles = []
        self._in_backward = 0

    @property
    def is_bw(self):
        """Whether a backward runs."""
        return self._in_backward > 0

    def _name(self, module):
        if module not in self._names:
            own = type(module).__name__
            for path, part in module.named_modules():
                self._names.setdefault(part, f"{own}.{path}" if path else own)
        return self._names[module]

    def _enter(self, name, backward=False):
        def hook(*_):
            self._in_backward += backward
            self.parents.add(name)

        return hook

    def _leave(self, name, backward=False):
        def hook(*_):
            self._in_backward -= backward
            self.parents.discard(name)

        return hook

    @staticmethod
    def _recorded(values):
        import flambeau

        return [
            value
            for value in tree_flatten(values)[0]
            if isinstance(value, flambeau.Tensor) and value.requires_grad
        ]

    def _before(self, module, inputs):
        name = self._name(module)
        self._enter(name)()
        tensors = self._recorded(inputs)
        if tensors:
            self._handles.append(register_multi_grad_hook(tensors, self._leave(name, True)))

    def _after(self, module, inputs, output):
        name = self._name(module)
        self._leave(name)()
        tensors = self._recorded(output)
        if tensors:
            hook = self._enter(name, True)
            self._handles.append(register_multi_grad_hook(tensors, hook, mode="any"))

    def __enter__(self):
        self._handles = [
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after, always_call=True),
        ]
        return self

    def __exit__(self, *exception):
        for handle in self._handles:
            handle.remove()
        self._handles = []
