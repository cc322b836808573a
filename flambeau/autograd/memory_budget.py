"""memory_budget: what backward needs is kept up to a number of bytes, the rest is computed again.

While it is in force it sees each call of an operator (an observer at the door) and each tensor that is saved (a pair of
saved_tensors_hooks). What a cheap operator gave is remembered with how it was made. When the bytes kept pass the
budget, tensors are let go, those first whose bytes are cheapest to make again; the idea of evicting online is that of
Kirisame et al., "Dynamic Tensor Rematerialization", ICLR 2021.
"""

import threading
import weakref
from collections import deque

from .. import _core
from ..amp import autocast_mode
from ..ops.core import observers
from ..ops.core.arguments import tensors_in
from ..ops.core.declare import METHODS, NAMESPACES
from .graph import saved_tensors_hooks

__all__ = ["memory_budget"]

# What an element costs, in passes over memory, of operators that are cheap beside products and convolutions.
_VIEWS = set(
    "view reshape transpose permute flatten unsqueeze squeeze expand t select narrow swapaxes movedim unflatten "
    "view_as expand_as chunk detach".split()
)
_COST = {
    **dict.fromkeys(_VIEWS, 0.01),
    **dict.fromkeys("relu relu6 hardtanh leaky_relu threshold clamp where add sub mul div masked_fill cat".split(), 1),
    **dict.fromkeys("contiguous clone to float double half bfloat16 dropout pad pow".split(), 1.5),
    **dict.fromkeys("gelu silu elu selu celu mish hardswish hardsigmoid softplus sigmoid tanh softsign".split(), 2),
    **dict.fromkeys("batch_norm layer_norm rms_norm group_norm instance_norm softmax log_softmax normalize".split(), 3),
    **dict.fromkeys("max_pool2d avg_pool2d adaptive_avg_pool2d upsample interpolate".split(), 4),
}  # fmt: skip
_RANDOM = {"dropout"}
_IN_PLACE = {"relu", "sigmoid", "tanh"}  # of one tensor and nothing else
_FRESH = {
    "batch_norm",
    "layer_norm",
    "group_norm",
    "conv2d",
    "add",
}  # whose results share no memory
_PRODUCTS = set(
    "conv1d conv2d conv3d linear".split()
)  # their elements are sums over a row of the weight
_MULTIPLICATIONS = 16  # in the time of a pass over memory
_LONGEST = 16  # operators in a row that are run for one value; at most one is a product
_RECENT = 3  # values that were computed again and that other nodes want too


class _Value:
    """One tensor's contents: kept in `tensor`, alive elsewhere (`ref`), or to be computed again by `recipe`."""

    __slots__ = (
        "__weakref__",
        "again",
        "block",
        "bytes",
        "key",
        "load",
        "recipe",
        "ref",
        "tensor",
        "version",
        "wanted",
    )

    def __init__(self, tensor, key):
        self.tensor = self.ref = self.recipe = self.block = None
        self.again = None  # the contents that were computed again, while other nodes want them
        self.wanted = 0  # nodes that have not asked for it yet
        self.key, self.version, self.bytes = key, tensor._version, tensor.nbytes
        self.load = 0, 0  # products and operators that what was let go runs behind this value

    def present(self):
        """The contents, if they are somewhere, else None."""
        tensor = self.tensor
        if tensor is None and self.ref is not None:
            tensor = self.ref()
        return tensor if tensor is not None and tensor._version == self.version else None

    def price(self):
        """(bytes written, products, operators, the kept values it begins with) of computing it again.

        None where it cannot be, or would run too much in a row.
        """
        total = products = operators = 0
        todo, seen, first = [self], {id(self)}, []
        while todo:
            value = todo.pop()
            if value.recipe is None:
                return None
            total += value.recipe.cost * value.bytes
            products += value.recipe.is_product
            operators += 1
            for source in value.recipe.sources:
                if id(source) not in seen:
                    seen.add(id(source))
                    (todo if source.tensor is None else first).append(source)
        if products + self.load[0] > 1 or operators + self.load[1] > _LONGEST:
            return None
        return total, products, operators, first


class _Recipe:
    """A call that gives a value: function(*args, **kwargs), with _Values in place of tensors."""

    __slots__ = (
        "args",
        "autocast",
        "cost",
        "function",
        "is_product",
        "kwargs",
        "random",
        "sources",
    )

    def __init__(self, function, args, kwargs, sources, random, cost, is_product):
        self.function, self.args, self.kwargs = function, args, kwargs
        self.sources, self.random = sources, random
        self.autocast = autocast_mode.state_of_all()
        self.cost, self.is_product = cost, is_product  # passes over the result


class _Block:
    """The memory behind kept values."""

    __slots__ = ("bytes", "values")

    def __init__(self, nbytes):
        self.bytes, self.values = nbytes, weakref.WeakSet()


def _key(tensor):
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor._version


def _is_followed(tensor):
    """Whether a tensor has memory of its own whose writes are counted."""
    return not (
        tensor.is_sparse
        or tensor.device.type != "cpu"
        or _core._is_batched(tensor)
        or tensor.is_inference()
    )


def _address(tensor):
    return tensor.untyped_storage().data_ptr()


class memory_budget:
    """While in force, tensors saved for backward take at most `bytes`, as far as that is worth it.

    What is cheap for its bytes is let go when the budget is passed (results of pointwise operators, normalizations,
    poolings, then of small convolutions and products) and computed again in backward from what is kept: the same
    operators on the same values, so gradients are the same bits. No value is made through more than one product, so
    a small budget may be passed. Random operators draw the numbers again that they drew; statistics that a
    normalization keeps of its batches change once.

    Args:
        bytes (int): of saved tensors; parameters and other leaves do not count.

    Attributes:
        kept (int): bytes kept at present. peak (int): at most. recomputed (int): how many values were computed
            again.

    Raises:
        ValueError: bytes is negative or NaN. TypeError: it is no number.

    Example:
        >>> x = torch.randn(1000, requires_grad=True)
        >>> with torch.autograd.memory_budget(0) as budget:
        ...     y = (x * 2).exp().sin().sum()
        >>> y.backward()
        >>> budget.kept
        0

    Source: Kirisame et al., "Dynamic Tensor Rematerialization", 2021, arXiv:2006.09616.
    """

    def __init__(self, bytes):
        if isinstance(bytes, bool) or not isinstance(bytes, (int, float)):
            raise TypeError(f"memory_budget: bytes must be a number, not {type(bytes).__name__}.")
        if not bytes >= 0:
            raise ValueError(f"memory_budget: bytes is {bytes}; it must be 0 or more.")
        self.bytes = bytes
        self.kept = self.peak = self.recomputed = 0
        self._values = weakref.WeakValueDictionary()  # key -> _Value
        self._live = {}  # id of a weak reference to a tensor -> (it, its _Value)
        self._blocks = {}  # address -> _Block
        self._leaves = set()  # addresses
        self._recent = deque()  # weak references to _Values that hold `again`
        self._depth, self._call, self._thread = 0, None, None
        self._hooks = None

    def __enter__(self):
        if self._hooks is not None:
            raise RuntimeError(
                "memory_budget: it is in force already; make another one for an inner block."
            )
        self._thread = threading.get_ident()
        self._hooks = saved_tensors_hooks(self._pack, self._unpack)
        self._hooks.__enter__()
        observers.add(self)
        return self

    def __exit__(self, *exception):
        observers.remove(self)
        self._hooks.__exit__(*exception)
        self._hooks, self._depth, self._call = None, 0, None
        self._live.clear()

    # -- what the core tells

    def enter(self, operator, args, kwargs):
        if threading.get_ident() != self._thread:
            return
        self._depth += 1
        if self._depth > 1:
            return
        self._note_leaves((args, kwargs))
        self._call = None
        name = operator.__name__
        plain = name.removesuffix("_")
        product = plain in _PRODUCTS
        if plain in _COST or product or hasattr(operator, "spec"):
            function, args, kwargs = _out_of_place(operator, name, args, kwargs)
            if function is None:
                return
            sources = []
            try:
                made = self._sources(args, sources), self._sources(kwargs, sources)
            except LookupError:
                return
            random = _state() if plain in _RANDOM else None
            cost = _COST.get(plain, 1.5)
            if product:
                weight = args[1] if len(args) > 1 else kwargs["weight"]
                cost = max(1, weight.numel() / weight.shape[0] / _MULTIPLICATIONS)
            self._call = _Recipe(function, *made, sources, random, cost, product)

    def leave(self, operator, result):
        if threading.get_ident() != self._thread or self._depth == 0:
            return
        self._depth -= 1
        if self._depth or self._call is None:
            return
        recipe, self._call = self._call, None
        if any(source.tensor is None and source.recipe is None for source in recipe.sources):
            return  # nothing would keep what it was made of
        if type(result) is not _core.Tensor or not _is_followed(result):
            return
        key = _key(result)
        value = self._known(key)
        if value is None or value in recipe.sources:
            if value is not None:
                return  # an argument given back
            value = self._values[key] = _Value(result, key)
        if value.recipe is None:
            value.recipe = recipe
        self._follow(value, result)

    # -- values

    def _known(self, key):
        value = self._values.get(key)
        return value if value is not None and value.present() is not None else None

    def _follow(self, value, tensor):
        """Remembers the value as long as the tensor lives."""
        live = self._live

        def forget(ref):
            live.pop(id(ref), None)

        value.ref = weakref.ref(tensor, forget)
        live[id(value.ref)] = value.ref, value

    def _note_leaves(self, arguments):
        for tensor in tensors_in(arguments):
            if tensor.is_leaf and _is_followed(tensor):
                self._leaves.add(_address(tensor))

    def _of(self, tensor):
        """(its _Value, whether it had none before)."""
        key = _key(tensor)
        value = self._known(key)
        if value is not None:
            return value, False
        value = self._values[key] = _Value(tensor, key)
        return value, True

    def _sources(self, value, found):
        """Arguments with _Values in place of tensors."""
        if isinstance(value, _core.Tensor):
            if not _is_followed(value):
                raise LookupError
            source, new = self._of(value)
            if new:
                if value.is_leaf:
                    source.tensor = value
                else:
                    self._follow(source, value)  # this call may save it
            found.append(source)
            return source
        if type(value) in (tuple, list):
            return type(value)([self._sources(v, found) for v in value])
        if type(value) is dict:
            return {k: self._sources(v, found) for k, v in value.items()}
        return value

    def _pack(self, tensor):
        if not _is_followed(tensor):
            return tensor
        value, _ = self._of(tensor)
        value.wanted += 1
        if value.tensor is None:
            self._keep(value, tensor)
            while self.kept > self.bytes and self._let_go():
                pass
            self.peak = max(self.peak, self.kept)
        return value

    def _keep(self, value, tensor):
        value.tensor = (
            tensor.detach()
        )  # of an input the graph before it, with its values, would stay
        address = _address(tensor)
        if address in self._leaves:
            return
        block = self._blocks.get(address)
        if block is None:
            block = self._blocks[address] = _Block(tensor.untyped_storage().nbytes())
            self.kept += block.bytes
        value.block = block
        block.values.add(value)
        weakref.finalize(value, self._release, address, block)

    def _release(self, address, block):
        """A kept value is no longer wanted by any node."""
        if self._blocks.get(address) is block and not any(
            v.tensor is not None for v in block.values
        ):
            del self._blocks[address]
            self.kept -= block.bytes

    def _let_go(self):
        """Lets one block go, the cheapest for its bytes; False if none can be."""
        best = None
        for address, block in self._blocks.items():
            values = [v for v in block.values if v.tensor is not None]
            prices = [v.price() for v in values]
            if None in prices or not block.bytes:
                continue
            rank = sum(price[0] for price in prices) / block.bytes
            if best is None or rank < best[0]:
                best = rank, address, block, values, prices
        if best is None:
            return False
        _, address, block, values, prices = best
        for value, (_, products, operators, first) in zip(values, prices):
            value.tensor = None
            for source in first:
                source.load = (
                    max(source.load[0], products + value.load[0]),
                    max(source.load[1], operators + value.load[1]),
                )
        self._release(address, block)
        return True

    def _unpack(self, value):
        if isinstance(value, _core.Tensor):
            return value
        if value.tensor is not None and value.tensor._version != value.version:
            raise RuntimeError(
                "backward: a saved tensor has been modified by an inplace operation (version "
                f"{value.version} then, {value.tensor._version} now). Use the out-of-place form, or clone() it before."
            )
        value.wanted -= 1
        contents = self._compute(value)
        if value.wanted <= 0:
            value.again = None
        return contents

    def _compute(self, wanted):
        """The contents of a value, computed again where they are nowhere."""
        before = observers.exchange(())
        found, stack, made = {}, [wanted], set()
        try:
            while stack:
                value = stack[-1]
                present = found.get(id(value))
                if present is None:
                    present = value.present()
                if present is not None:
                    found[id(value)] = present
                    stack.pop()
                    continue
                if value.recipe is None:
                    raise RuntimeError(
                        "memory_budget: what backward needs was computed from a tensor that has been written in place "
                        "since. Use the out-of-place form, or clone() it before."
                    )
                missing = [s for s in value.recipe.sources if id(s) not in found]
                if missing:
                    stack += missing
                    continue
                stack.pop()
                # On the way to nothing else:
                passed = [
                    source
                    for source in value.recipe.sources
                    if not any(source in v.recipe.sources for v in stack if v.recipe is not None)
                ]
                overwritten = _may_overwrite(value, passed, made)
                found[id(value)] = self._run(value, found, overwritten)
                made.add(id(value))
                for source in passed:
                    found.pop(id(source), None)
        finally:
            observers.exchange(before)
        return found[id(wanted)]

    def _run(self, value, found, overwritten):
        recipe = value.recipe
        function = recipe.function
        args = _filled(recipe.args, found)
        kwargs = _filled(recipe.kwargs, found)
        if overwritten:
            function, kwargs = METHODS[function.__name__ + "_"], {}
            args = (found[id(recipe.sources[0])],)
        now = None
        if recipe.random is not None:
            now = _state()
            _set_state(recipe.random)
        recording = _core._set_grad_enabled(False)
        autocast = autocast_mode.restore(recipe.autocast)
        try:
            tensor = function(*args, **kwargs)
        finally:
            _core._set_grad_enabled(recording)
            autocast_mode.restore(autocast)
            if now is not None:
                _set_state(now)
        self.recomputed += 1
        value.version = tensor._version
        value.ref = weakref.ref(tensor)
        if value.wanted > 0:
            value.again = tensor
            self._recent.append(weakref.ref(value))
            oldest = self._recent.popleft()() if len(self._recent) > _RECENT else None
            if oldest is not None:
                oldest.again = None
        return tensor


def _state():
    from ..random import get_rng_state

    return get_rng_state()


def _set_state(state):
    from ..random import set_rng_state

    set_rng_state(state)


def _filled(value, found):
    if type(value) is _Value:
        return found[id(value)]
    if type(value) in (tuple, list):
        return type(value)([_filled(v, found) for v in value])
    if type(value) is dict:
        return {k: _filled(v, found) for k, v in value.items()}
    return value


def _may_overwrite(value, passed, made):
    """Whether a value may be computed in the memory of its one source, which was computed on the way to it alone."""
    recipe = value.recipe
    if len(recipe.sources) != 1 or recipe.function.__name__ not in _IN_PLACE:
        return False
    (source,) = recipe.sources
    fresh = source.recipe is not None and source.recipe.function.__name__ in _FRESH
    return (
        fresh
        and source in passed
        and id(source) in made
        and source.wanted <= 0
        and source.key[1:4] == value.key[1:4]  # shape, strides, dtype
    )


def _out_of_place(operator, name, args, kwargs):
    """A call as one that writes nothing: (function, args, kwargs); function None where there is none."""
    if kwargs.get("out") is not None:
        return None, args, kwargs
    names = operator.parameters[0] if not operator.is_native else ()
    given = dict(zip(names, args))
    given.update(kwargs)
    if given.get("inplace"):
        given["inplace"] = False
        args, kwargs = (), given
    if given.get("generator") is not None:
        return None, args, kwargs  # whose state is the program's
    if name in ("batch_norm", "instance_norm") and given.get(
        "training", given.get("use_input_stats")
    ):
        args, kwargs = (), {**given, "running_mean": None, "running_var": None}
    if name.endswith("_"):
        plain = name[:-1]
        operator = (
            METHODS.get(plain)
            or NAMESPACES["torch"].get(plain)
            or NAMESPACES["nn.functional"].get(plain)
        )
    return operator, args, kwargs
