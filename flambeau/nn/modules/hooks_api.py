"""The methods of Module that add hooks to it."""

from . import hooks
from .hooks import HookTable


def _table(name):
    """An attribute that shows one dict of the module's hook table, by PyTorch's name for it."""

    def forget(self):
        getattr(self._own_hooks(), name).clear()

    return property(lambda self: getattr(self._own_hooks(), name), None, forget)


class HooksApi:
    """The part of Module that registers hooks. Every method returns a handle with remove()."""

    _forward_pre_hooks = _table("forward_pre")
    _forward_pre_hooks_with_kwargs = _table("forward_pre_with_kwargs")
    _forward_hooks = _table("forward")
    _forward_hooks_with_kwargs = _table("forward_with_kwargs")
    _forward_hooks_always_called = _table("forward_always_called")
    _backward_pre_hooks = _table("backward_pre")
    _backward_hooks = _table("backward")
    _is_full_backward_hook = _table("backward_is_full")
    _state_dict_pre_hooks = _table("state_dict_pre")
    _state_dict_hooks = _table("state_dict_post")
    _load_state_dict_pre_hooks = _table("load_state_dict_pre")
    _load_state_dict_post_hooks = _table("load_state_dict_post")

    def _own_hooks(self):
        """This module's hook table, made now if it has none."""
        table = self.__dict__.get("_module_hooks")
        if table is None:
            table = self.__dict__["_module_hooks"] = HookTable()
        return table

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call hook(module, args) before forward; what it returns replaces the arguments.

        With `with_kwargs` it is hook(module, args, kwargs), returning None or (args, kwargs).
        """
        table = self._own_hooks()
        flags = [table.forward_pre_with_kwargs] * bool(with_kwargs)
        return hooks.add(table.forward_pre, hook, prepend, flags)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call hook(module, args, output) after forward; what it returns replaces the output.

        With `with_kwargs` it is hook(module, args, kwargs, output). With `always_call` it is called
        also when forward raises, with output None.
        """
        table = self._own_hooks()
        flags = [table.forward_with_kwargs] * bool(with_kwargs)
        flags += [table.forward_always_called] * bool(always_call)
        return hooks.add(table.forward, hook, prepend, flags)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call hook(module, grad_output) when gradients reach the outputs; it may replace them."""
        return hooks.add(self._own_hooks().backward_pre, hook, prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Call hook(module, grad_input, grad_output) when the gradients of the inputs are known.

        What it returns replaces grad_input. Only positional inputs take part.
        """
        return hooks.add(self._backward_hooks_that_are(full=True), hook, prepend)

    def register_backward_hook(self, hook):
        """As register_full_backward_hook, on the node of the output only; kept for old programs."""
        return hooks.add(self._backward_hooks_that_are(full=False), hook)

    def _backward_hooks_that_are(self, full):
        """This module's backward hooks, which are full ones from now on, or old ones."""
        table = self._own_hooks()
        if table.backward_is_full is (not full):
            raise RuntimeError(
                f"Module: has {'old' if full else 'full'} backward hooks, and old and full ones do "
                "not go together. Use register_full_backward_hook for all."
            )
        table.backward_is_full = full
        return table.backward

    def register_state_dict_pre_hook(self, hook):
        """Call hook(module, prefix, keep_vars) before state_dict."""
        return hooks.add(self._own_hooks().state_dict_pre, hook)

    def register_state_dict_post_hook(self, hook):
        """Call hook(module, state_dict, prefix, local_metadata) after state_dict, to edit it."""
        return hooks.add(self._own_hooks().state_dict_post, (hook, False))

    def _register_state_dict_hook(self, hook):
        """As register_state_dict_post_hook, but the hook may return another dict."""
        return hooks.add(self._own_hooks().state_dict_post, (hook, True))

    def register_load_state_dict_pre_hook(self, hook):
        """Call hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs) before this module's own tensors are loaded."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        bound = hooks.WithModule(hook, self) if with_module else hook
        return hooks.add(self._own_hooks().load_state_dict_pre, bound)

    def register_load_state_dict_post_hook(self, hook):
        """Call hook(module, incompatible_keys) after loading, to edit the two lists in place."""
        return hooks.add(self._own_hooks().load_state_dict_post, hook)
