"""Walking a tree of modules: submodules, parameters and buffers by name."""


class Traversal:
    """The part of Module that finds things in it."""

    def get_submodule(self, target):
        """The submodule at the dotted path `target`; the empty path is the module itself."""
        module = self
        if target == "":
            return module
        for name in target.split("."):
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()}: has no submodule '{name}'.")
            module = getattr(module, name)
            if not isinstance(module, Traversal):
                raise AttributeError(f"{module._get_name()}: '{name}' is not an nn.Module.")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put `module` at the dotted path `target`; with `strict` there must be one already."""
        if target == "":
            raise ValueError(
                "set_submodule: target is empty; give the path of a submodule, such as 'layers.0'."
            )
        path, _, name = target.rpartition(".")
        if not isinstance(module, Traversal):
            raise ValueError(f"set_submodule: takes an nn.Module, not {type(module).__name__}.")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()}: has no submodule '{name}'.")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Traversal):
            raise AttributeError(f"{parent._get_name()}: '{name}' is not an nn.Module.")
        setattr(parent, name, module)

    def get_parameter(self, target):
        """The parameter at the dotted path `target`."""
        return self._get_registered(target, "_parameters", "an nn.Parameter")

    def get_buffer(self, target):
        """The buffer at the dotted path `target`."""
        return self._get_registered(target, "_buffers", "a buffer")

    def _get_registered(self, target, kind, what):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()}: has no attribute '{name}'.")
        if getattr(module, kind).get(name) is None:
            raise AttributeError(f"{module._get_name()}: '{name}' is not {what}.")
        return getattr(module, kind)[name]

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """(path, module) for this module and everything below it, each module once."""
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate=True):
        """This module and everything below it, each module once."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self):
        """(name, module) for the direct submodules."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self):
        """The direct submodules."""
        for _, module in self.named_children():
            yield module

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(path, parameter) for the parameters of this module and, with `recurse`, below it."""
        yield from self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def parameters(self, recurse=True):
        """The parameters of this module and, with `recurse`, below it."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(path, buffer) for the buffers of this module and, with `recurse`, below it."""
        yield from self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse=True):
        """The buffers of this module and, with `recurse`, below it."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        seen = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, value in get_members_fn(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def apply(self, fn):
        """fn(module) for everything below this module, then for the module itself; returns it."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self
