"""The first NaN or infinity of a program: which operator made it, in which module, on which line."""

import weakref

from .. import _core


class NonFiniteError(RuntimeError):
    """An operator, or the backward of one, gave the first NaN or infinity.

    Attributes:
        operator (str): the operator's name, or that of the node of the graph.
        module (str): the path of the module that ran, "" outside of modules.
        file, line: of the program's own frame; for a backward, of the forward call.
        backward (bool): whether it is a gradient.
    """

    def __init__(self, text, operator, module, file, line, backward):
        super().__init__(text)
        self.operator, self.module, self.backward = operator, module, backward
        self.file, self.line = file, line


def _place(place):
    """(" In module ..., file, line ...", module, file, line) of what the core noted."""
    module, code, line = place
    file = code.co_filename if code is not None else None
    said = [f"module {module}"] if module else []
    if file is not None:
        import linecache

        text = linecache.getline(file, line).strip()
        said.append(f"{file} line {line}" + (f": `{text}`" if text else ""))
    return (f" In {', '.join(said)}." if said else ""), module, file, line


def _first(tensor):
    """("NaN at (0, 1)") of the first element that is not finite."""
    import flambeau

    with flambeau.no_grad():
        bad = ~flambeau.isfinite(tensor)
        index = tuple(bad.nonzero()[0].tolist())
        value = tensor[index].item() if index else tensor.item()
    what = "a NaN" if value != value else f"an infinity ({value})"
    return f"{what} at {index}" if index else what


def _describe(tensor):
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


# What is not written yet, or is meant to be infinite.
_MADE_ANYHOW = ("empty", "new_empty", "resize_", "full", "new_full", "fill_", "tensor", "as_tensor")


class detect_nan:
    """While in force (`with`), the first NaN or infinity raises NonFiniteError and says where it was made.

    with flambeau.utils.nonfinite.detect_nan():
        loss = model(x).sum()
        loss.backward()

    Looked at are the results of operators and the gradients of nodes whose inputs were finite. For a
    gradient it names the forward call that it belongs to. What only hands on, as views, and what is
    told to be infinite (full(inf), masked_fill(-inf)) is not meant. In all threads.

    Args:
        inf (bool): False: only NaN counts.

    Example:
        >>> with torch.utils.nonfinite.detect_nan():
        ...     torch.tensor([1.0, -1.0]).log()
        Traceback (most recent call last):
        ...
        flambeau.utils.nonfinite.NonFiniteError: log: the first NaN or infinity ...
    """

    def __init__(self, inf=True):
        self.inf = inf
        self.path = ""  # of the module that runs; the core reads it
        self._stack = []
        self._names = weakref.WeakKeyDictionary()  # root module -> {module: its path}

    def __enter__(self):
        from ..nn.modules import module

        self._hooks = (
            module.register_module_forward_pre_hook(self._enter_module),
            module.register_module_forward_hook(self._leave_module, always_call=True),
        )
        self._before = _core._set_finder(self)
        return self

    def __exit__(self, *exception):
        _core._set_finder(self._before)
        for hook in self._hooks:
            hook.remove()

    def _enter_module(self, module, args):
        if self._stack:
            names = self._stack[0][1]
        else:
            names = self._names.get(module)
            if names is None or module not in names:
                names = {m: name for name, m in module.named_modules()}
                self._names[module] = names
        name = names.get(module) or type(module).__name__
        self._stack.append((name, names))
        self.path = name

    def _leave_module(self, module, args, result):
        if self._stack:
            self._stack.pop()
        self.path = self._stack[-1][0] if self._stack else ""

    def _counts(self, tensor):
        if self.inf:
            return True
        import flambeau

        return bool(flambeau.isnan(tensor).any())

    def found(self, operator, args, result, place):
        name = operator.__name__
        if name in _MADE_ANYHOW:
            return
        with _out_of_force():
            if not self._counts(result):
                return
            said, module, file, line = _place(place)
            text = (
                f"{name}: the first NaN or infinity: its result, {_describe(result)}, has "
                f"{_first(result)}, and its arguments have none.{said}"
            )
        raise NonFiniteError(text, name, module, file, line, False)

    def found_backward(self, node, index, gradient):
        with _out_of_force():
            if not self._counts(gradient):
                return
            noted = node.metadata.get("made_at")
            said, module, file, line = _place(noted) if noted else ("", "", None, None)
            text = (
                f"{node.name()}: the first NaN or infinity: its gradient number {index}, "
                f"{_describe(gradient)}, has {_first(gradient)}, and what came into it has none."
                f"{said.replace(' In ', ' The forward call was in ', 1)}"
            )
        raise NonFiniteError(text, node.name(), module, file, line, True)


class _out_of_force:
    def __enter__(self):
        self._finder = _core._set_finder(None)

    def __exit__(self, *exception):
        _core._set_finder(self._finder)
