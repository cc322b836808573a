"""How operators are declared: each in one place, from which all its forms follow.

    @pointwise                      a scalar expression: kernels, derivatives, op_, out=, method
    @primitive                      forward and backward written in Python
    @composite                      Python built from differentiable operators

A declaration puts its callables into NAMESPACES["torch"] (functions), METHODS (Tensor's methods) and
any other namespace it names ("special", "linalg", "nn.functional", ...); `flambeau/__init__.py`
and the packages of those names read them from here.
"""

import functools
from types import FunctionType

from ... import _core
from . import operator_type, results  # noqa: F401
from .kinds import argument_names, parameters_of
from .results import written
from .spec import PointwiseSpec

NAMESPACES = {"torch": {}, "special": {}, "linalg": {}, "fft": {}, "nn.functional": {}}
METHODS = {}
POINTWISE = {}  # every pointwise operator by name, for tests that go over all of them
TIMED = {}  # name -> what a benchmark calls the operator with behind a matrix


@functools.cache
def as_operator(function):
    """A Python function as an operator; one for each function. Anything else stays as it is."""
    if not isinstance(function, FunctionType):
        return function
    return operator(function)


def operator(declared, implementation=None, *, skip=0, public=True, truths=(), respells=False,
             out=False, autocast=None, node=None, keeps_format=False):  # fmt: skip
    """The operator that `declared`, a Python function, stands for; registered nowhere.

    Args:
        implementation: what is called; `declared` itself if left out.
        skip (int): parameters of `declared` in front that a caller does not give.
        public (bool): whether programs call it; if not, nobody takes it over and no type is checked.
        truths: names of arguments of which only the truth counts, whatever they are.
        respells (bool): whether NumPy's names of arguments are understood.
        out: see `_publish`.
        autocast: "lower" or "float32": what floating arguments are cast to where autocast is on.
        node (str): of a primitive, the name of its nodes.
        keeps_format (bool): of a primitive, whether results are channels last as arguments are.
    """
    parameters = parameters_of(declared, skip, public, truths)
    implementation = declared if implementation is None else implementation
    policy = _OUTS.get(out, _OUTS["exact"] if isinstance(out, str) else _OUTS[False])
    return _core._operator(
        declared, implementation, *parameters, public, respells, policy, _PRECISIONS[autocast], node, keeps_format
    )  # fmt: skip


# As csrc/dispatch/operator.h numbers them.
_OUTS = {False: 0, True: 1, "same": 2, "exact": 3, "computed": 4}
_PRECISIONS = {None: 0, "lower": 1, "float32": 2}


_homes = {}  # where operators are public first: pickles name them so


def settle(name, function, space):
    """Gives an operator its name and module, unless it is public elsewhere already; returns it."""
    if function not in _homes:
        package = results.PACKAGE
        home = package if space == "torch" else f"{package}.{space}"
        _homes[function] = function.__module__ = home
        if not getattr(function, "is_native", False):
            function.__name__ = function.__qualname__ = name
    return function


def register(name, function, *, method=False, namespaces=("torch",)):
    """Makes `function` public as torch.<name>, and as Tensor.<name> if method."""
    function = as_operator(function)
    if namespaces:
        settle(name, function, namespaces[0])
    for space in namespaces:
        NAMESPACES.setdefault(space, {})[name] = function
    if method:
        METHODS[name] = function
    for tell in late:
        tell(name, function, method, namespaces)
    return function


def only_method(name):
    """Declares a function as Tensor.<name> alone."""

    def declare(function):
        function.__name__ = function.__qualname__ = name
        METHODS[name] = function
        return function

    return declare


late = []  # told of what is declared once the package is loaded: it makes that public


def _with_options(declare):
    """A decorator that takes options or none: `@declare` and `@declare(method=False)`."""

    @functools.wraps(declare)
    def decorator(fn=None, **options):
        if fn is None:
            return lambda fn: declare(fn, **options)
        return declare(fn, **options)

    return decorator


# ------------------------------------------------------------------------------------------- pointwise


def make_pointwise(
    fn, *, name=None, keep=(), tensors=(), compute="promoted", result="same", differentiable=True,
    casts_out=None, uses_index=False, divisor=None, float8=False, takes_bool=True, rounds=(),
    slope_rounds=None, by_hand=None, refuses=None, numbers=False, row_major="never",
    leaves_out_flat=False,
):  # fmt: skip
    """The native callable of a pointwise function, registered nowhere.

    Args:
        keep: arguments left out of type promotion (a condition).
        tensors: arguments for which a number is refused, as PyTorch does.
        compute: "promoted"; "floating": integers are computed in the default dtype; "inexact": they
            are refused as a division; "smooth": they are refused; or "counted": bool is computed in int64.
        result: "same" as computed in, "bool", "real" (of complex), "int64" or "complex" (of real).
        differentiable: False if no gradient flows.
        divisor: the argument that has no zeros where the operator computes in integers.
        casts_out: whether out= may have another dtype; None: where arguments are promoted.
        uses_index: whether fn looks at the element's index, in the order of the indices whatever the
            strides. It is read when the operator is made.
        float8: whether the result may be float8, in which nothing is computed: of what picks or moves.
        takes_bool: whether an operand may be of bool beside others.
        rounds: arguments (True: all) that, as numbers, are rounded to the half precision of the tensors first, as
            PyTorch does on the CPU; others join it as float32. What the result may be itself loses nothing by it,
            and then the result needs no rounding.
        slope_rounds: those of the derivatives; None: the same.
        by_hand: (dtypes of the inputs, of the result, modes) -> address of a kernel of the core that gives the
            same bits, or None. It serves the derivative as well, where that is the same expression.
        numbers: whether all operands may be numbers, of which the first counts as a tensor then.
        refuses: dtypes of the inputs -> why they are not taken, a sentence, or None.
        row_major: whether the result is contiguous however the operands lie: "never", "always", or "of a number", where
            the first is one.
        leaves_out_flat: whether a gradient has no history towards what it does not change with (what is compared
            alone): None is the second derivative then, as in PyTorch of these operators. Of others it is zero.
    """
    name = name or fn.__name__
    names, defaults, positional = argument_names(fn)
    n_inputs = sum(d is ... for d in defaults)
    scalar = fn
    if positional < len(names):

        def scalar(*values):
            return fn(
                *values[:positional],
                **dict(zip(names[positional:], values[positional:], strict=True)),
            )

    def mask(chosen):
        return sum(1 << names.index(k) for k in (names if chosen is True else chosen))

    spec = PointwiseSpec(
        name,
        scalar,
        names,
        n_inputs,
        defaults,
        positional,
        keep=mask(keep),
        tensors=mask(tensors),
        compute=compute,
        result=result,
        differentiable=differentiable,
        casts_out=casts_out,
        uses_index=uses_index,
        divisor=-1 if divisor is None else names.index(divisor),
        float8=float8,
        takes_bool=takes_bool,
        rounds=mask(rounds),
        slope_rounds=None if slope_rounds is None else mask(slope_rounds),
        by_hand=by_hand,
        refuses=refuses,
        numbers=numbers,
        row_major=row_major,
        leaves_out_flat=leaves_out_flat,
    )
    operator = _core._pointwise(spec)
    operator.__doc__ = fn.__doc__
    operator.__wrapped__ = fn

    def derivative(override, argument=None):
        """Decorates fn(grad_output, *arguments, result): the derivative of one argument (or of the only one)."""
        if isinstance(override, str):
            return lambda f: derivative(f, override)
        spec.override(names.index(argument) if argument else 0 if n_inputs == 1 else None, override)
        return override

    operator.derivative = derivative
    return operator


@_with_options
def pointwise(
    fn, *, name=None, method=True, function=True, inplace=True, namespaces=("torch",), aliases=(),
    domain=None, smooth=True, integers=False, oracle=None, apart=(), said=None, **kernel,
):  # fmt: skip
    """Declares an operator by its scalar expression.

    Positional arguments without a default are tensors (or numbers), the others scalar parameters.

    Args:
        method, function, inplace: which public forms exist: Tensor.op, torch.op, op_.
        namespaces: where the function is public beside being a method.
        aliases: other public names of the same operator.
        domain: (low, high) of operands at which it is tested and timed; None: any.
        smooth: False where it has steps or kinks everywhere, or no gradient of some operand: finite
            differences mean nothing there.
        integers: whether it takes only integers.
        oracle (str): "numpy.NAME" or "scipy.special.NAME", which gives the same in float64; None: that of the same
            name, if there is one; "": none.
        apart: operands at which PyTorch gives another result (docs/differences.md, where ours is not the better one).
        said: its name in messages and graphs, where programs mostly call it by that; None: its own.
        kernel: the options of `make_pointwise`.
    """
    name = name or fn.__name__
    operator = make_pointwise(fn, name=said or name, **kernel)
    operator.domain, operator.smooth, operator.integers = domain, smooth, integers
    operator.oracle, operator.apart = oracle, apart
    POINTWISE[name] = operator
    for public in (name, *aliases):
        register(public, operator, method=method, namespaces=namespaces if function else ())
        if inplace:
            inplace_operator = _core._pointwise(operator.spec, operator)
            inplace_operator.__name__ = inplace_operator.__qualname__ = (said or public) + "_"
            inplace_operator.__doc__ = f"{public}(), in place."
            register(
                public + "_",
                inplace_operator,
                method=method,
                namespaces=("torch",) if function else (),
            )
    return operator


# --------------------------------------------------------------------- operators written in Python


def need_outs(out, count, name):
    """TypeError unless out= is a tuple or list of as many tensors as there are results."""
    if not isinstance(out, (tuple, list)):
        raise TypeError(f"{name}: out takes a tuple of {count} Tensors, not {type(out).__name__}.")
    if len(out) != count:
        raise TypeError(f"{name}: out takes {count} Tensors, but {len(out)} are given.")
    for place, one in enumerate(out):
        if not isinstance(one, _core.Tensor):
            raise TypeError(f"{name}: item {place} of out is {type(one).__name__}, not a Tensor.")


def _put_out(result, out, name, inputs):
    """The results copied into the caller's tensors: unless `inputs` is None of their dtype, and apart from those."""
    if isinstance(result, tuple):
        need_outs(out, len(result), name)
    if inputs is not None:
        for r, o in zip(*((result, out) if isinstance(result, tuple) else ((result,), (out,)))):
            _core._check_out(o, r.dtype, inputs, name)
    if isinstance(result, tuple):
        made = [_core._finish_out(r, o, name) for r, o in zip(result, out, strict=True)]
        return written(result, made)
    return _core._finish_out(result, out, name)


_core._bind("put_out", _put_out)


def _called_in_order(call, *args, **kwargs):
    """A call with more arguments by place than there are: numbers stand before the tensors, as they did once."""
    args, numbers = call.in_order(call.__name__, args)
    return call(*args, **numbers, **kwargs)


_core._bind("called_in_order", _called_in_order)


def _publish(
    declared, implementation=None, *, name, method=True, function=True, inplace=False, out=True,
    namespaces=("torch",), aliases=(), timed=None, seen=False, **options,
):  # fmt: skip
    """Makes the public forms of an operator written in Python.

    Args:
        method, function, inplace: which of Tensor.op, torch.op and op_ there are.
        out: whether out= is taken. "same": it, and self in place, must have the result's dtype; "exact": it must lie apart
            from the inputs as well, as PyTorch demands of operators that pick elements; "computed": the result is
            computed in its dtype where dtype= is left out; otherwise what can be cast is cast, and inputs are read
            before.
        namespaces: where the function is public beside being a method.
        aliases: other public names of the same operator.
        timed (tuple): the arguments behind a matrix of float32 with which `benchmarks declared` times it.
        seen: whether modes and subclasses take it over where it has no public form.
        options: truths, autocast and those of primitives, as `operator` takes them.
    """
    public = method or function or seen
    call = operator(declared, implementation, public=public, respells=True, out=out, **options)
    call.__name__ = call.__qualname__ = name
    if timed is not None:
        TIMED[name] = timed
    for known in (name, *aliases):
        register(known, call, method=method, namespaces=namespaces if function else ())
        if inplace:
            register(
                known + "_",
                _inplace(call, known + "_", out == "same"),
                method=method,
                namespaces=("torch",) if function else (),
            )
    return call


def _inplace(call, name, same):
    def inplace(input, *args, **kwargs):
        _core._check_inplace(input, name)
        if len(args) > 2 and (in_order := getattr(call, "in_order", None)):
            (input, *args), kwargs = in_order(name, (input, *args))
        # What backward needs of the old values must not be overwritten.
        source = input.clone() if input.requires_grad and _core.is_grad_enabled() else input
        result = call(source, *args, **kwargs)
        if result.shape != input.shape:
            raise RuntimeError(
                f"{name}: the result has shape {tuple(result.shape)}, which does not fit into self "
                f"{tuple(input.shape)}. An in-place operator keeps self's shape; use the "
                "out-of-place form."
            )
        casts = not same and _core.can_cast(result.dtype, input.dtype)
        if result.dtype is not input.dtype and not casts:
            raise RuntimeError(
                f"{name}: its result is {result.dtype}, which self, {input.dtype}, cannot hold. "
                "Convert it first, or use the out-of-place form."
            )
        return input.copy_(result)

    inplace.__name__ = inplace.__qualname__ = name
    inplace.__doc__ = f"{call.__name__}(), in place."
    return inplace


@_with_options
def composite(fn, *, name=None, **public):
    """Declares a Python function made of differentiable operators; adds out= and NumPy's spellings.

    public: the options of `_publish`.
    """
    return _publish(fn, name=name or fn.__name__, **public)


@_with_options
def primitive(fn, *, name=None, keeps_format=False, **public):
    """Declares fn(ctx, *arguments): runs without recording; its derivative is written beside it.

        @primitive
        def trace(ctx, input): ...

        @trace.derivative
        def _(ctx, grad_output): return the gradient of each argument (None where there is none)

    forward keeps tensors with ctx.save_for_backward(...), anything else as attributes of ctx; the
    derivative finds them in ctx.saved and is itself made of differentiable operators. Arguments may
    be lists of tensors (their gradient is a list).

    With keeps_format the results are channels last in memory where a tensor argument is. What a kernel
    has written in another order is copied: `forward` should hand its memory to nobody else.
    """
    name = name or fn.__name__
    names, defaults, positional = argument_names(fn, skip=1)
    forward = fn
    if positional < len(names):  # the core passes all arguments by position

        def forward(ctx, *values):
            return fn(
                ctx,
                *values[:positional],
                **dict(zip(names[positional:], values[positional:], strict=True)),
            )

    def missing(ctx, *grads):
        raise NotImplementedError(
            f"{name}: it has no derivative. Call it under torch.no_grad(), or on detach()ed "
            "tensors."
        )

    node = _core._backward_name(name)
    call = _publish(fn, forward, skip=1, name=name, node=node, keeps_format=keeps_format, **public)
    call.backward = missing

    def derivative(backward):
        call.backward = backward
        return backward

    call.derivative = derivative
    return call
