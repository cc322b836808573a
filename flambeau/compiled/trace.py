"""One eager run of a function, with every operator recorded as it passes the door.

The run computes what an eager call computes; beside it a list of nodes is written. Whatever the list would not
say (a number read from a tensor, a write that no operator did, Python that changes what outlives the call) is a
Break: the run goes on, and nothing is compiled.
"""

import builtins
import functools
import itertools
import os
import sys
import types

import flambeau
from flambeau import _core

from ..ops.core.arguments import tensors_in
from ..overrides import TorchFunctionMode
from . import stance
from .foretell import Foretold
from .graph import Break, Node, Ref, Value
from .reductions import mark, reduction_of
from .state import is_ours, writes_outside

__all__ = ["Tracer", "break_here"]

# Attributes that arguments' dtypes, ranks and modes settle; those that tell sizes or strides; those that are tensors.
_FACTS = set(
    "dtype device ndim requires_grad layout is_cuda is_sparse is_meta is_mkldnn is_quantized is_nested is_mps "
    "is_xpu itemsize is_cpu is_sparse_csr names dim ndimension is_floating_point is_complex is_signed get_device "
    "element_size result_type can_cast promote_types is_tensor is_inference type is_conj is_neg has_names is_contiguous "
    "is_nonzero_rank broadcast_shapes is_storage is_grad_enabled is_inference_mode_enabled".split()
)
_SIZES = set("shape size numel nelement nbytes __len__ stride strides sym_size sym_numel".split())
_GIVEN = set("_all_reversed T mT H mH real imag data".split())
# Operators that are made of pointwise ones, and are recorded as those.
_TAKEN_APART = set(
    "relu silu gelu elu selu celu mish hardtanh relu6 leaky_relu hardswish hardsigmoid softsign tanhshrink softshrink "
    "hardshrink threshold pow div divide where clamp clip clamp_min clamp_max square rsub maximum minimum "
    "logical_and logical_or logical_not masked_fill lerp addcmul "
    "addcdiv sigmoid tanh softplus round".split()
)
# Losses of pointwise operators and a sum or mean of them, which warn or fail where sizes differ.
_LOSSES = set(
    "l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div poisson_nll_loss "
    "soft_margin_loss hinge_embedding_loss".split()
)
# Operators that give a bool, which a program may read as long as it is the same each time.
_TRUTHS = set("__bool__ equal allclose is_nonzero".split())
_REFUSED = set(
    "backward register_hook register_post_accumulate_grad_hook retain_grad requires_grad_ set_ resize_ resize_as_ "
    "detach_ data_ptr storage untyped_storage storage_offset allclose equal is_nonzero item tolist numpy".split()
)
_BY_DATA = set(
    "nonzero argwhere unique unique_consecutive masked_select repeat_interleave bincount histc histogram one_hot "
    "tensor_split combinations unique_dim nonzero_static to_sparse coalesce pack_padded_sequence".split()
)
_SLOTS = {"__rsub__": lambda a, b: (b, a)}
_COUNTED = frozenset(
    "unbind split chunk tensor_split unsafe_split unsafe_chunk hsplit vsplit dsplit".split()
)
_KINDS = (list, dict, tuple, str, set, frozenset, int, float, bool, bytes, range, slice, types.GeneratorType,
          type({}.keys()), type({}.values()), type({}.items()), types.SimpleNamespace, complex)  # fmt: skip
_MODULES = {
    "math",
    "cmath",
    "_operator",
    "itertools",
    "_functools",
    "_collections",
    "_abc",
    "sys",
    None,
}
_PURE_CLASSES = {"builtins", "flambeau", "collections", "itertools", "abc", "typing", "enum"}
_BUILTINS = set(dir(builtins)) - set(
    "print input open exec eval compile __import__ id hash breakpoint globals locals setattr delattr".split()
)
_WITH_EFFECT = set(
    "manual_seed seed set_rng_state fork_rng set_default_dtype set_default_device set_num_threads backward grad save "
    "load enable_grad_ set_detect_anomaly register_forward_hook register_buffer register_parameter add_module "
    "train eval apply zero_grad step vmap jvp vjp jacrev jacfwd hessian checkpoint linearize functional_call "
    # answers that no guard compares
    "are_deterministic_algorithms_enabled is_deterministic_algorithms_warn_only_enabled get_deterministic_debug_mode "
    "is_warn_always_enabled".split()
)


def _is_of_elements(args, kwargs):
    """Whether a loss treats all elements alike, and no size is a number of it."""
    alike = len({t.shape for t in tensors_in((args, kwargs))}) == 1
    words = [v for v in (*args[2:], kwargs.get("reduction")) if type(v) is str]
    return alike and "batchmean" not in words


def _is_by_data(name, args):
    """Whether the sizes of an operator's result may depend on what its arguments hold."""
    if name in ("__getitem__", "index"):
        return any(t.dtype in (flambeau.bool, flambeau.uint8) for t in tensors_in(args[1:]))
    return name in _BY_DATA or (name == "where" and len(args) == 1)


def _is_single(args, kwargs, result):
    """Whether a call left one node for backward, so that each argument gets one gradient of it."""
    node = next((t.grad_fn for t in tensors_in(result) if t.requires_grad), None)
    if node is None:
        return False
    given = {id(t) for t in tensors_in(result)}
    read = [t for t in tensors_in((args, kwargs)) if t.requires_grad]
    kept = [t for t in read if id(t) not in given]  # others were written
    edges = [edge for edge, _ in node.next_functions if edge is not None]
    reached = {id(edge) for edge in edges} | {id(getattr(edge, "variable", None)) for edge in edges}
    return len(edges) <= len(read) and all(
        id(t if t.grad_fn is None else t.grad_fn) in reached for t in kept
    )


def _version(tensor):
    try:
        return tensor._version
    except RuntimeError:  # an inference tensor
        return 0


class Tracer(TorchFunctionMode):
    """Records what runs under it.

    Attributes:
        nodes (list of Node), values (list of Value).
        outside (dict): number -> tensor, of those that were neither arguments nor computed.
        sized (bool): whether the program read sizes or strides: then the nodes hold for those only.
        broken (Break): why there is no use in the nodes, or None.
    """

    def __init__(self, inputs, strict=False):
        self.nodes, self.values, self.outside = [], [], {}
        self.sized, self.broken, self.strict = False, None, strict
        self.by_data = False  # whether a size depends on what a tensor holds
        self.executed = set()
        self._known = {}  # id -> number
        self._alive, self._versions = [], {}
        self._grad = flambeau.is_grad_enabled()
        self.lasting = False  # whether something was written that outlives the call
        self._counted = False  # whether sizes say how many results an operator gives
        self._drew = False  # whether a generator of the program's own was used
        self.draws = flambeau.default_generator._calls
        self.foretold = Foretold()
        for tensor in inputs:
            self.number(tensor)
        self._n_inputs = len(self.values)

    # -- values

    def number(self, tensor):
        """The number of a tensor that is known already, else one of the new."""
        found = self._known.get(id(tensor))
        if found is None:
            found = self._known[id(tensor)] = len(self.values)
            # Whether it has subclasses, lies elsewhere or is batched: then no group may have it.
            plain = type(tensor) in (flambeau.Tensor, flambeau.nn.Parameter, flambeau.nn.Buffer)
            self.values.append(Value(tensor, plain))
            self._alive.append(tensor)
            self._versions[found] = _version(tensor)
        return found

    def _take(self, value):
        """An argument with Refs in place of tensors."""
        if isinstance(value, flambeau.Tensor):
            if id(value) not in self._known:
                self.outside[self.number(value)] = value
            return Ref(self._known[id(value)])
        if type(value) in (list, tuple):
            return type(value)([self._take(v) for v in value])
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*[self._take(v) for v in value])
        if type(value) is dict:
            return {k: self._take(v) for k, v in value.items()}
        if type(value) is slice:
            return slice(self._take(value.start), self._take(value.stop), self._take(value.step))
        return value

    def fail(self, reason):
        if self.broken is None:
            self.broken = Break(reason, source())
            if self.strict:
                raise self.broken

    # -- the mode

    def __torch_function__(self, func, types, args=(), kwargs=None):
        try:
            return self._see(func, args, kwargs or {})
        except Break:
            raise
        except Exception:
            self.fail(
                f"{_name(func)} raises"
            )  # which the program may catch, and other sizes may not
            raise

    def _see(self, func, args, kwargs):
        if self.broken is None:
            self._check_modes()
        if self.broken is not None:
            return func(*args, **kwargs)
        name = _name(func)
        place = _place(func)
        if place == "__get__":
            if name in _GIVEN:
                return self._record(func, name, args, kwargs)
            if name in _SIZES:
                self.sized = True
            elif name[0] == "_" and name not in ("_version", "_base", "_grad"):
                return self._record(func, name, args, kwargs)  # a view by a name of our own
            elif name not in _FACTS:
                self.fail(f"Tensor.{name} is read")
            return func(*args, **kwargs)
        if func is flambeau.autograd.grad:
            return self._record_grad(func, args, kwargs)
        if place is not None or name in _REFUSED:
            self.fail(f"{name} is called" if place is None else f"Tensor.{name} is assigned")
            return func(*args, **kwargs)
        if name in _SIZES or name in _FACTS and name != "type":
            self.sized |= name in _SIZES or name == "is_contiguous"
            return func(*args, **kwargs)
        if name in _SLOTS and len(args) == 2:
            return self._record_pointwise(
                _OPERATORS[name](), _SLOTS[name](*args), {}, lambda: func(*args)
            )
        spec = getattr(func, "spec", None)
        if spec is not None and not name.endswith("_") and kwargs.get("out") is None:
            return self._record_pointwise(func, args, kwargs, lambda: func(*args, **kwargs))
        if not getattr(func, "is_native", True) and (
            (name in _TAKEN_APART and not kwargs.get("inplace"))
            or (name in _LOSSES and _is_of_elements(args, kwargs))
        ):
            return self._take_apart(func, name, args, kwargs)
        return self._record(func, name, args, kwargs)

    def _check_modes(self):
        """Modes that no step tells of, as no program runs while they are on, are entered by the function itself."""
        if flambeau.is_autocast_enabled("cpu"):
            self.fail("autocast is entered")
        elif _core._has_saved_tensors_hooks():
            self.fail("saved_tensors_hooks is entered")

    def _take_apart(self, func, name, args, kwargs):
        """An operator made of others: those, if it called pointwise ones and summed all they gave; else itself."""
        before, sized, outside = len(self.nodes), self.sized, dict(self.outside)
        known, strict = len(self.values), self.strict
        self.strict = False
        try:
            with self:
                result = (
                    func.implementation(*args, **kwargs)
                    if callable(func.implementation)
                    else func(*args, **kwargs)
                )
        finally:
            self.strict = strict
        inner, whole = self.nodes[before:], self.broken is not None
        self.broken = None  # what it reads of its arguments is read by each call of it
        if (
            not whole
            and isinstance(result, flambeau.Tensor)
            and all(n.operator is not None or n.total is not None for n in inner)
        ):
            if id(result) in self._known and (inner or self._known[id(result)] < known):
                self.sized = sized  # what it looked at, rank and dtype, is guarded
                return result
        del self.nodes[before:]
        self.sized, self.outside = sized, outside
        return self._note(func, name, args, kwargs, result, None)

    def _record_grad(self, func, args, kwargs):
        """autograd.grad as a call: the graph that it walks is that of the program's own calls."""
        kept = kwargs.get("create_graph") or kwargs.get("retain_graph")
        if not kept or kwargs.get("is_grads_batched"):
            self.fail("grad is called, and the graph is not kept")
            return func(*args, **kwargs)
        given = {k: v for k, v in kwargs.items() if v is not None and v is not False}
        given.pop("only_inputs", None)
        return self._record(func, "grad", args, given)

    def _record(self, func, name, args, kwargs):
        written = {}
        for tensor in tensors_in((args, kwargs)):
            written[id(tensor)] = (tensor, _version(tensor))
        result = func(*args, **kwargs)
        return self._note(func, name, args, kwargs, result, written)

    def _note(self, func, name, args, kwargs, result, written):
        if result is None or not any(True for _ in tensors_in(result)):
            changed = any(_version(t) != v for t, v in (written or {}).values())
            if name in _TRUTHS and type(result) is bool and not changed and not self.strict:
                return self._expect(func, name, args, kwargs, result)
            if not changed:
                self.fail(f"{name} gives a Python value of what a tensor holds")
                return result
        if name in _CASTS and args and result is args[0] and "memory_format" not in kwargs:
            return result  # it has that dtype already, which is guarded
        node = self._node(func, args, kwargs)
        self._drew |= isinstance(kwargs.get("generator"), flambeau.Generator)
        self.by_data |= _is_by_data(name, args)
        for tensor, version in (written or {}).values():
            if _version(tensor) != version:
                node.writes = True
                self.lasting |= self._outlives(tensor)
                self._follow(tensor)
        self._name_results(node, result)
        node.single = _is_single(args, kwargs, result)
        word = reduction_of(func)
        if word is not None:
            mark(node, word, args, kwargs, result, self)
            if args:
                self.foretold.reduced(func, word, args[0], result)
        elif name in _CASTS:
            _as_cast(node, args, kwargs, result, self)
        self.nodes.append(node)
        return result

    def _expect(self, func, name, args, kwargs, result):
        """A bool is read: the program goes another way where it differs, so it must be free of effects so far."""
        if self.lasting:
            self.fail(f"{name} is read after a write to what outlives the call")
        elif self._drew or any(value.device.type != "cpu" for value in self.values):
            self.fail(f"{name} is read after a generator was called that cannot be called again")
        node = self._node(func, args, kwargs)
        node.results, node.expects = (), result
        self.nodes.append(node)
        return result

    def _follow(self, tensor):
        """Notes the versions of what shares memory with a tensor that has been written."""
        self._versions[self._known[id(tensor)]] = _version(tensor)
        storage = self.values[self._known[id(tensor)]].storage
        for other in self._alive:
            number = self._known[id(other)]
            if storage is not None and self.values[number].storage == storage:
                self._versions[number] = _version(other)

    def _outlives(self, tensor):
        """Whether a tensor shares memory with one that was there before the call."""
        storage = self.values[self.number(tensor)].storage
        before = itertools.chain(range(self._n_inputs), self.outside)
        return storage is None or any(self.values[k].storage == storage for k in before)

    def _node(self, func, args, kwargs):
        return Node(
            func, self._take(args), self._take(kwargs), None, flambeau.is_grad_enabled(), source()
        )

    def _name_results(self, node, result):
        if isinstance(result, flambeau.Tensor):
            node.results = self.number(result)
        elif result is None:
            node.results = ()
        elif isinstance(result, (tuple, list)):
            if any(isinstance(item, (tuple, list, dict)) for item in result):
                self.fail(f"{_name(node.function)} gives nested tensors")
            self._counted |= _name(node.function) in _COUNTED
            node.results = tuple(
                self.number(t) if isinstance(t, flambeau.Tensor) else -1 for t in result
            )
        else:
            self.fail(f"{_name(node.function)} gives {type(result).__name__}")

    def _record_pointwise(self, operator, args, kwargs, call):
        result = call()
        node = self._node(operator, args, kwargs)
        node.results = self.number(result)
        self.nodes.append(node)
        spec = operator.spec
        slots = list(node.args) + [None] * (len(spec.args) - len(args))
        for k in range(len(args), len(spec.args)):
            name = spec.args[k]
            slots[k] = node.kwargs[name] if name in node.kwargs else spec.defaults[k]
        if len(slots) == len(spec.args) and all(type(s) in (Ref, bool, int, float) for s in slots):
            node.operator, node.operands = operator, slots
            self.foretold.pointwise(operator, self._given(slots), result)
        return result

    def _given(self, slots):
        """The values of operands: tensors for Refs."""
        return [self._alive[s.index] if type(s) is Ref else s for s in slots]

    def check(self):
        """After the run: whether all writes were seen, and modes are as they were."""
        # A program that meets another number of results than it names is left for the function, from its start on.
        self.sized |= self.lasting and self._counted
        if self.by_data and self.sized:
            self.fail("sizes are read, and one depends on what a tensor holds")
        if flambeau.is_grad_enabled() != self._grad:
            self.fail("the gradient mode is left changed")
        for tensor in self._alive:
            if _version(tensor) != self._versions[self._known[id(tensor)]]:
                self.fail("a tensor was written by what no operator did")

    # -- Python

    def profile(self, frame, event, argument):
        """For sys.setprofile: which code runs, and which functions of C it calls."""
        code = frame.f_code
        if is_ours(code):
            if code in stance.disabled:
                self.fail(f"{code.co_name} is disabled")
            if code.co_name not in _WITH_EFFECT or code is _GRAD:
                return code not in stance.disabled
            outside = frame.f_back and not is_ours(frame.f_back.f_code)
            if event == "call" and (code is _APPLY or outside):
                self.fail(f"{code.co_name} is called")
        elif event == "call":
            if code in stance.disabled:
                self.fail(f"{code.co_name} is disabled")
            if code not in self.executed and not _serves_us(frame):
                self.executed.add(code)
                effect = writes_outside(code)
                if effect:
                    self.fail(f"{code.co_name} {effect}")
        elif not _is_pure(argument) and not _serves_us(frame):
            self.fail(f"{getattr(argument, '__qualname__', argument)} is called")
        return False


_LIBRARY = os.path.dirname(os.__file__) + os.sep


def _serves_us(frame):
    """Whether a frame of Python's own library runs for flambeau, or for an import, rather than for the program."""
    owner = frame.f_globals.get("__name__") or ""  # of what named tuples and data classes generate
    if frame.f_code.co_filename == "<string>" and owner.startswith(("namedtuple_", "flambeau.")):
        return True
    outer = frame
    while outer is not None and _is_library(outer.f_code.co_filename):
        outer = outer.f_back
    if outer is not None and is_ours(outer.f_code):
        return True
    while frame is not None and not is_ours(frame.f_code):
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@functools.cache
def _is_library(path):
    """Whether a file belongs to Python or to what flambeau computes with."""
    if "site-packages" in path:
        return any(f"{os.sep}{name}{os.sep}" in path for name in ("llvmlite", "numpy"))
    return path.startswith((_LIBRARY, "<frozen"))


def break_here(reason):
    """Ends the recording that is going on in this thread, if one is."""
    from ..overrides import _modes

    for mode in _modes():
        if isinstance(mode, Tracer):
            mode.fail(reason)


def _is_pure(function):
    owner = getattr(function, "__self__", None)
    if owner is None or isinstance(owner, types.ModuleType):
        module = getattr(function, "__module__", None)
        if module == "builtins":
            return function.__name__ in _BUILTINS
        return module in _MODULES or str(module).partition(".")[0] == "flambeau"
    if isinstance(owner, type):  # a method of a class: whose it is says what it may read
        home = next((c for c in owner.__mro__ if function.__name__ in vars(c)), type)
        return home.__module__.partition(".")[0] in _PURE_CLASSES
    return isinstance(owner, _KINDS) or (
        type(owner).__module__.partition(".")[0] in ("flambeau", "collections", "itertools")
    )


def source():
    """Where the program called: the innermost frame that is not of this package."""
    frame = sys._getframe(1)
    while frame is not None and (
        is_ours(frame.f_code) or frame.f_code.co_filename.startswith("<frozen")
    ):
        frame = frame.f_back
    if frame is None:
        return ""
    return f'File "{frame.f_code.co_filename}", line {frame.f_lineno}, in {frame.f_code.co_name}'


_APPLY = flambeau.autograd.Function.apply.__func__.__code__
_GRAD = flambeau.autograd.grad.__code__
_names = {}


def _name(func):
    name = _names.get(func)
    if name is None:
        owner = getattr(func, "__self__", None)
        if (
            getattr(func, "__name__", "") in ("__get__", "__set__", "__delete__")
            and owner is not None
        ):
            name = getattr(owner, "__name__", None) or getattr(
                getattr(owner, "fget", None), "__name__", "?"
            )
            if name == "<lambda>":
                name = next((n for n, v in vars(flambeau.Tensor).items() if v is owner), name)
        else:
            name = getattr(func, "__name__", None) or type(func).__name__
        _names[func] = name
    return name


def _place(func):
    name = getattr(func, "__name__", "")
    return name if name in ("__get__", "__set__", "__delete__") else None


_CASTS = set("float double half bfloat16 int long bool short to type type_as".split())


def _as_cast(node, args, kwargs, result, tracer):
    """Marks a conversion to another dtype and nothing else: the pointwise operator `copy`."""
    if not isinstance(result, flambeau.Tensor) or not isinstance(args[0], flambeau.Tensor):
        return
    to, was = tracer.values[tracer.number(result)], tracer.values[tracer.number(args[0])]
    if to.dtype != was.dtype and to.plain and was.plain and not node.writes:
        node.operator, node.operands = flambeau.ops.pointwise.copy, [Ref(tracer.number(args[0]))]


_OPERATORS = {"__rsub__": lambda: flambeau.sub}
