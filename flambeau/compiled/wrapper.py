"""What torch.compile gives: a function that runs its programs, and makes one where none fits."""

import functools
import gc
import sys
import threading
import weakref

import flambeau
from flambeau import _core

from ..utils import _pytree as pytree
from . import report, stance
from .additions import settle_additions
from .graph import Break, Differs, each_ref
from .groups import grouped, length_ranges
from .own import is_one_call, joins_nothing, own_lines
from .program import Program
from .state import State, is_ours
from .trace import Tracer

__all__ = ["Compiled", "MOST_PROGRAMS"]

MOST_DIFFERING = 8  # calls of one program that read another bool; then it is given up
MOST_PROGRAMS = 32  # of one function; beyond, calls that no program fits run eagerly
MOST_BROKEN = (
    256  # kinds of calls of one function that stay eager; beyond, all that no program fits do
)
_PLAIN = (flambeau.Tensor, flambeau.nn.Parameter, flambeau.nn.Buffer)
_RUN = 6  # the place of what runs in an entry, with its program behind it
_Module = flambeau.nn.Module
_running = threading.local()  # depth of traces
every = weakref.WeakSet()  # what torch.compiler.reset() empties


def is_tracing():
    """Whether this thread records a call."""
    return getattr(_running, "depth", 0) > 0


def _settings():
    """Modes that a program depends on, or None where calls are to run eagerly."""
    if _core._is_overridden() or flambeau.is_autocast_enabled("cpu") or is_tracing():
        return None
    if _core._has_saved_tensors_hooks():
        return None  # they see what an eager call saves
    batching = sys.modules.get("flambeau.ops.batching")  # loaded by the first vmap
    if batching is not None and batching.active():
        return None
    checkpointing = sys.modules.get("flambeau.utils.checkpoint")
    if checkpointing is not None and checkpointing.is_running():
        return None  # a program saves other tensors than an eager call: both computations are eager
    return (
        flambeau.is_grad_enabled(), flambeau.is_inference_mode_enabled(), flambeau.get_default_dtype(),
        flambeau.is_anomaly_enabled(),
    )  # fmt: skip


def _global_hooks():
    """Whether all modules have hooks, which no program knows of."""
    table = flambeau.nn.Module._module_hooks
    return any(
        (
            table.forward_pre,
            table.forward,
            table.forward_always_called,
            table.backward_pre,
            table.backward,
        )
    )


def _entry(state, program, tensors, outside, sized, ranges):
    """A program with what must hold for it, as `_core.CompiledFunction` reads it.

    (layouts of the arguments where the program read sizes, tensors beside the arguments, their layouts, whether sizes
    are part of these, Python values, ranges of sizes, and then what runs and the program.)
    """
    layouts = _core._describe_layouts(tensors, True) if sized else None
    facts = _core._describe_layouts(outside, sized)
    return layouts, outside, facts, sized, state.lists(), ranges, program.run, program


def _holds(entry, tensors):
    """Whether the program may run for arguments that `_core.CompiledFunction` does not know."""
    layouts, outside, facts, sized, lists, ranges, *_ = entry
    for k, d, least, most in zip(*[iter(ranges)] * 4):
        if not least <= tensors[k].shape[d] <= most:
            return False
    if layouts is not None and _core._describe_layouts(tensors, True) != layouts:
        return False
    if outside and _core._describe_layouts(outside, sized) != facts:
        return False
    return stance.skip_guards or lists is None or _core._unchanged(lists)


class Compiled:
    """Calls of `function` through programs.

    Args:
        function (callable): what is compiled.
        strict (bool): whether a break raises (fullgraph=True).
        static (bool): whether a program is made for each size.
        most (int, optional): how many programs are made, MOST_PROGRAMS without it.
        name (str, optional): what messages call it.
    """

    def __init__(self, function, strict=False, static=False, most=None, name=None):
        self.function, self.strict, self.static = function, strict, static
        self.most = MOST_PROGRAMS if most is None else most
        self.name = name or report.name_of(function)
        self.programs = {}  # key -> [_Entry]
        self.broken = {}  # key -> Break
        self.made = 0
        self.plain = False  # whether calls are the function's own from now on, with any arguments
        self.seen = set()  # keys, for a stance
        every.add(self)

    def __call__(self, *args, **kwargs):
        return self.callable()(*args, **kwargs)

    def callable(self):
        """What users call: it finds the program that fits, and asks the methods below where there is none."""
        return _core.CompiledFunction(self.function, self.programs, self)

    def _unusual(self, args, kwargs):
        if stance.name == "force_eager" or _Module._module_hooks is not None and _global_hooks():
            return self.function(*args, **kwargs)
        if self.plain and stance.name == "default":
            return self.function(*args, **kwargs)
        return self._general(args, kwargs)

    def _general(self, args, kwargs):
        """Calls with arguments of any kind, in any mode."""
        found = _core._call_key(args, kwargs)
        if found is not None:
            key, leaves = found
        else:
            settings = _settings()
            if settings is None:
                return self.function(*args, **kwargs)
            leaves, key = _key(args, kwargs, settings)
            if key is None:
                return self.function(*args, **kwargs)
        tensors = [v for v in leaves if isinstance(v, flambeau.Tensor)]
        for entry in self.programs.get(key, ()):
            if _holds(entry, tensors):
                if entry[_RUN] is None:
                    return self.function(*args, **kwargs)
                try:
                    return entry[_RUN](*tensors)
                except Exception as error:
                    return self._failed(key, entry, error, args, kwargs)
        return self._missed(key, leaves, args, kwargs)

    def _missed(self, key, leaves, args, kwargs):
        """No program fits the call."""
        if key in self.broken or len(self.broken) > MOST_BROKEN and not self.strict:
            # What stands around its breaks runs as few kernels all the same: operators wait.
            return self.function(*args, **kwargs)
        return self._trace(key, leaves, args, kwargs)

    def forget(self):
        """Drops all programs."""
        for entries in self.programs.values():
            entries.clear()  # whoever has looked them up keeps the list
        self.programs.clear()
        self.broken.clear()
        self.seen.clear()
        self.made = 0

    def _failed(self, key, entry, error, args, kwargs):
        """The program's own line raises, or none does: without lasting writes the call is free of effects so far."""
        program = entry[_RUN + 1]
        if isinstance(error, Differs):
            program.differed += 1
            if program.differed == MOST_DIFFERING:
                entries = self.programs.get(key, [])
                entries[:] = [e for e in entries if e is not entry]
                self._break(key, Break("a bool is read that differs from call to call"))
        elif program.lasting:
            raise error
        return self.function(*args, **kwargs)

    def _trace(self, key, leaves, args, kwargs):
        if not stance.may_trace(self, key):
            return self.function(*args, **kwargs)
        tensors = [v for v in leaves if isinstance(v, flambeau.Tensor)]
        if self.made >= self.most:
            self._break(key, Break(f"{self.most} programs have been made of it; no more are"))
            return self.function(*args, **kwargs)
        try:
            state = State(
                [self.function, *(v for v in leaves if not isinstance(v, flambeau.Tensor))]
            )
        except Break as reason:
            self._break(key, reason)
            return self.function(*args, **kwargs)
        tracer, given = Tracer(tensors, self.strict), _containers((args, kwargs))
        profile, collecting = sys.getprofile(), gc.isenabled()
        _running.depth = 1
        gc.disable()  # what the collector runs (finalizers, callbacks) is no part of the function
        try:
            with tracer:
                _core._watch_calls(tracer.profile)
                try:
                    result = self.function(*args, **kwargs)
                finally:
                    _set_profile(profile)
        except Break as reason:
            self._break(key, reason)
            raise
        finally:
            _running.depth = 0
            if collecting:
                gc.enable()
        try:
            tracer.check()
            if tracer.broken is None:
                _check_containers(given, result)
                entry = self._entry(tracer, state, tensors, result)
                self.programs.setdefault(key, []).append(entry)
                self.made += 1
                report.made(self.name, entry[_RUN + 1])
            else:
                raise tracer.broken
        except Break as reason:
            self._break(key, reason)
        return result

    def _break(self, key, reason):
        self.broken[key] = reason
        report.broken(self.name, reason)
        if self.strict:
            from .._dynamo.exc import Unsupported

            place = f" at {reason.source}" if reason.source else ""
            raise Unsupported(
                f"compile: {self.name} does not become one graph: {reason.reason}{place}. "
                "Without fullgraph=True it runs as it is."
            ) from None

    def _entry(self, tracer, state, tensors, result):
        stray = tracer.executed - state.codes
        stray = [c for c in stray if not is_ours(c)]
        if stray:
            raise Break(
                f"{stray[0].co_name} runs, which cannot be reached by name from the function"
            )
        changed = state.changed()
        if changed is not None:
            raise Break(f"the call changes {changed}, which outlives it")
        names = {n for c in tracer.executed for n in (*c.co_names, *c.co_freevars, *c.co_varnames)}
        for name, kind in state.opaque.items():
            if not name or name in names:
                name = name or "an argument"
                raise Break(f"{name} is read, of which a {kind} cannot be looked into")
        for tensor in tracer.outside.values():
            if id(tensor) not in state.tensors:
                raise Break("a tensor is used that neither an operator gave nor a variable holds")
        structure, rebuild = _structure(result, tracer)
        order = _order(tracer.nodes, tracer.values, [r.index for r in each_ref(structure)])
        inputs = [tracer.number(t) for t in tensors]
        if len(set(inputs)) != len(inputs):
            inputs = [i if inputs.index(i) == k else f"_{k}" for k, i in enumerate(inputs)]
        reads = any(n.expects is not None for n in tracer.nodes)
        rewinds = reads and flambeau.default_generator._calls != tracer.draws
        program = Program(
            order, tracer.values, inputs, tracer.outside, structure, rebuild, rewinds, tracer.foretold.active
        )  # fmt: skip
        program.lasting = tracer.lasting
        program.nodes = tracer.nodes
        sized, ranges = tracer.sized or self.static, length_ranges(tracer, tensors)
        own = not self.strict and own_lines(self.function, program, tracer.executed)
        one_call = not self.strict and is_one_call(self.function, program, tracer.executed)
        if own == "straight" or one_call:
            self.plain = one_call or joins_nothing(program)
            layouts = _core._describe_layouts(tensors, True) if sized else None
            return layouts, [], None, False, None, ranges, None, program
        state.seal()
        entry = _entry(state, program, tensors, list(tracer.outside.values()), sized, ranges)
        return (*entry[:_RUN], None, program) if own else entry


def _containers(value):
    """Lists and dicts among arguments, each with what it holds."""
    if type(value) not in (tuple, list, dict):
        return []
    items = list(value.values() if type(value) is dict else value)
    found = [] if type(value) is tuple else [(value, list(value), items)]
    for item in items:
        found += _containers(item)
    return found


def _check_containers(given, result):
    """A program gives its caller nothing but results: a call that changes or gives back a list is none."""
    for container, keys, items in given:
        now = list(container.values() if type(container) is dict else container)
        same = len(now) == len(items) and all(a is b for a, b in zip(now, items))
        if not same or type(container) is dict and list(container) != keys:
            raise Break(f"the call changes a {type(container).__name__} among its arguments")
    held = {id(container) for container, _, _ in _containers([result])}
    if any(id(container) in held for container, _, _ in given):
        raise Break("the call gives back a container that was an argument")


def _set_profile(profile):
    """sys.setprofile with what sys.getprofile gave: of cProfile an object, which has to be switched on again."""
    if profile is None or callable(profile):
        sys.setprofile(profile)
    else:
        sys.setprofile(None)
        profile.enable()


def _order(nodes, values, results):
    """The steps of a program, so that gradients are added up as in eager mode."""
    apart = set()
    while True:
        order = grouped(nodes, values, results, apart)
        wrong = settle_additions(order, nodes, values, results)
        if wrong <= apart:
            return order
        apart |= wrong


def _structure(result, tracer):
    """The result with Refs in place of tensors, and what puts it together again (None: nothing is to be done)."""
    if _is_plain(result):
        return tracer._take(result), None
    leaves, spec = pytree.tree_flatten(result)
    if any(not _is_plain(leaf) for leaf in leaves):
        kind = next(type(leaf).__name__ for leaf in leaves if not _is_plain(leaf))
        raise Break(f"the function gives a {kind}, which cannot be put together again")
    return tracer._take(list(leaves)), functools.partial(_unflatten, spec)


def _unflatten(spec, leaves):
    return pytree.tree_unflatten(leaves, spec)


def _is_plain(value):
    kind = type(value)
    if (
        isinstance(value, flambeau.Tensor)
        or value is None
        or kind in (bool, int, float, str, complex)
    ):
        return True
    if kind in (tuple, list):
        return all(map(_is_plain, value))
    if kind is dict:
        return all(type(k) is str for k in value) and all(map(_is_plain, value.values()))
    return kind in (_core.dtype, flambeau.device, flambeau.Size)


# -- keys


def _key(args, kwargs, settings):
    """(leaves, key) of a call; key None where it is to run eagerly."""
    leaves, parts = [], [settings]
    for value in args:
        if not _add(value, leaves, parts):
            return leaves, None
    for name, value in kwargs.items():
        parts.append(name)
        if not _add(value, leaves, parts):
            return leaves, None
    return leaves, tuple(parts)


def _add(value, leaves, parts):
    kind = type(value)
    if kind in _PLAIN and not vars(value):
        shape = value.shape
        device = value.device
        if device.type not in ("cpu", "cuda") or value.numel() == 0:
            return False
        if value.layout is not flambeau.strided:
            return False
        if device.type == "cuda":
            if flambeau.is_autocast_enabled("cuda"):
                return False
            parts.append(device)
        for k, other in enumerate(leaves):
            if other is value:
                parts.append(k)
                break
        leaves.append(value)
        contiguous = value.is_contiguous()
        parts.append((value.dtype, value.requires_grad, contiguous or (value.stride(), shape), kind,
                      value.is_inference(), *[n == 1 for n in shape]))  # fmt: skip
        return True
    if isinstance(value, flambeau.Tensor):
        return False
    if kind in (tuple, list):
        parts.append((kind, len(value)))
        return all(_add(v, leaves, parts) for v in value)
    if kind is dict:
        parts.append((kind, len(value)))
        for name, item in value.items():
            if not isinstance(name, (str, int, bool)):
                return False
            parts.append(name)
            if not _add(item, leaves, parts):
                return False
        return True
    if kind is float:
        parts.append((kind, value if value else str(value)))
        return value == value
    if kind is complex:
        parts.append((kind, repr(value)))  # tells the zeros apart, and NaN equals itself
        return True
    if kind in (
        bool,
        int,
        str,
        bytes,
        type(None),
        type(Ellipsis),
        _core.dtype,
        flambeau.device,
    ):
        parts.append((kind, value))
        return True
    if kind is slice:
        parts.append(kind)
        return all(_add(v, leaves, parts) for v in (value.start, value.stop, value.step))
    leaves.append(value)  # looked into by State
    parts.append(id(value))
    return True
