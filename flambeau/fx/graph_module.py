"""GraphModule, a module whose forward is a Graph."""

import copy
import itertools
import linecache
from operator import attrgetter

from ..nn import Module
from .graph import Graph

__all__ = ["GraphModule"]

_numbers = itertools.count()


def _compiled(code):
    """The function `forward` of a PythonCode; its source is shown in tracebacks."""
    name = f"<fx graph {next(_numbers)}>"
    linecache.cache[name] = (len(code.src), None, code.src.splitlines(keepends=True), name)
    names = dict(code.globals)
    exec(compile(code.src, name, "exec"), names)
    return names["forward"]


def _copy_attr(from_module, to_module, target):
    """Gives `to_module` what `target` names in `from_module`, with plain modules on the way there."""
    *path, name = target.split(".")
    for part in path:
        found = getattr(from_module, part)
        if found is getattr(to_module, part, None):
            return  # the whole of it is there
        if not hasattr(to_module, part):
            setattr(to_module, part, Module())
        from_module, to_module = found, getattr(to_module, part)
    _assign(getattr(from_module, name), to_module, name, from_module)


def _assign(value, module, name, source=None):
    from flambeau import Tensor
    from flambeau.nn import Parameter

    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        kept = source is None or name not in getattr(source, "_non_persistent_buffers_set", ())
        module.register_buffer(name, value, persistent=kept)
    else:
        setattr(module, name, value)


class GraphModule(Module):
    """A module that runs a graph, written as Python.

    Args:
        root (Module or dict): what the graph's targets name: a module whose parts are shared, or a dict from
            target to part.
        graph (Graph): the program.
        class_name (str): the name of the class that is shown.

    Attributes:
        code (str): the Python.
        graph (Graph): the program; after changes of it, recompile().
    """

    def __new__(cls, *args, **kwargs):
        # A class of its own for each: `forward` is the class's.
        own = next(
            c
            for c in cls.__mro__
            if c.__name__ != "GraphModuleImpl" and not c.__dict__.get("_is_impl")
        )
        return super().__new__(
            type(own.__name__, (own,), {"_is_impl": True, "__module__": own.__module__})
        )

    def __init__(self, root, graph, class_name="GraphModule"):
        super().__init__()
        type(self).__name__ = type(self).__qualname__ = class_name
        targets = [n.target for n in graph.nodes if n.op in ("get_attr", "call_module")]
        if isinstance(root, Module):
            self.training = root.training
            for target in targets:
                _copy_attr(root, self, target)
        elif isinstance(root, dict):
            self._from_dict(root, targets)
        else:
            raise RuntimeError(
                f"GraphModule: root must be a Module or a dict, not {type(root).__name__}."
            )
        self.graph = graph
        self.meta = {}

    def _from_dict(self, root, targets):
        missing = [target for target in targets if target not in root]
        if missing:
            raise RuntimeError(
                f"GraphModule: the graph names {missing[0]}, but root has no such key."
            )
        for target in sorted(set(targets), key=lambda t: t.count(".")):
            *path, name = target.split(".")
            owner = self
            for part in path:
                if not hasattr(owner, part):
                    setattr(owner, part, Module())
                owner = getattr(owner, part)
            _assign(root[target], owner, name)

    @property
    def graph(self):
        """The program."""
        return self._graph

    @graph.setter
    def graph(self, graph):
        if not isinstance(graph, Graph):
            raise AssertionError(f"GraphModule: graph must be a Graph, not {type(graph).__name__}.")
        self._graph = graph
        graph.owning_module = self
        self.recompile()

    def recompile(self):
        """Writes `forward` anew from the graph; gives the PythonCode."""
        code = self._graph.python_code("self")
        self._code = code.src
        forward = _compiled(code)
        type(self).forward = forward
        return code

    code = property(attrgetter("_code"), doc="`forward` as Python.")

    def print_readable(self, print_output=True, **options):
        """The code with the class around it, printed unless print_output is False."""
        wanted = [name for name, value in options.items() if value]
        if wanted:
            raise NotImplementedError(f"print_readable: {', '.join(wanted)} is not offered.")
        body = "".join(
            f"    {line}\n" if line else "\n" for line in self._code.strip("\n").split("\n")
        )
        text = f"class {type(self).__name__}(torch.nn.Module):\n{body}"
        if print_output:
            print(text)
        return text

    def add_submodule(self, target, m):
        """Sets a submodule by its path, with plain modules on the way; False where something else stands there."""
        *path, name = target.split(".")
        owner = self
        for part in path:
            if not hasattr(owner, part):
                setattr(owner, part, Module())
            owner = getattr(owner, part)
            if not isinstance(owner, Module):
                return False
        owner.add_module(name, m)
        return True

    def delete_submodule(self, target):
        """Removes a submodule by its path; False if there is none."""
        *path, name = target.split(".")
        owner = self
        for part in path:
            owner = owner._modules.get(part)
            if owner is None:
                return False
        return owner._modules.pop(name, None) is not None

    def delete_all_unused_submodules(self):
        """Removes the submodules that no node uses, directly or through a part of them."""
        used = set()
        for node in self._graph.nodes:
            if node.op in ("call_module", "get_attr"):
                parts = node.target.split(".")
                used.update(".".join(parts[:i]) for i in range(1, len(parts) + 1))
                if node.op == "call_module":
                    inner = self.get_submodule(node.target).named_modules()
                    used.update(f"{node.target}.{name}" for name, _ in inner if name)
        for name in [name for name, _ in self.named_modules() if name and name not in used]:
            self.delete_submodule(name)

    def to_folder(self, folder, module_name="FxModule"):
        """Not offered: save the module itself, which pickles."""
        raise NotImplementedError(
            "GraphModule.to_folder: not offered. torch.save(gm) keeps the graph."
        )

    def _rest(self):
        return {k: v for k, v in self.__dict__.items() if k not in ("_graph", "_code")}

    def __deepcopy__(self, memo):
        new = _made(type(self), copy.deepcopy(self._rest(), memo), copy.deepcopy(self._graph, memo))
        memo[id(self)] = new
        return new

    def __copy__(self):
        return _made(type(self), dict(self._rest()), copy.deepcopy(self._graph))

    def __reduce__(self):
        base = next(c for c in type(self).__mro__ if not c.__dict__.get("_is_impl"))
        return _made, (base, self._rest(), self._graph, type(self).__name__)

    __reduce_ex__ = lambda self, protocol: self.__reduce__()

    def __str__(self):
        return f"{super().__str__()}\n\n{self._code}"


def _made(cls, state, graph, class_name=None):
    """A GraphModule of its parts, without tracing anything."""
    new = cls.__new__(cls)
    Module.__init__(new)
    type(new).__name__ = type(new).__qualname__ = class_name or cls.__name__
    new.__dict__.update(state)
    new.graph = graph
    return new
