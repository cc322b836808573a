"""What types the arguments of Python operators may have, told by their names and defaults.

One rule for all operators; the core (csrc/python/parse.h) checks by it before a function runs. A default
of True or False makes a bool, a float a number; the tables have the names whose default says nothing. An
annotation goes before both: int, bool, tuple (a sequence of ints), float (any number), or object for anything;
beside a default of None it takes None only where it says so (int | None).
"""

from types import FunctionType

BOOL, INT, INTS, SIZES, PADDING, NUMBER, DTYPE, FORMAT, TENSORS, ANY = "bizspntml*"

_BY_ANNOTATION = {
    bool: BOOL,
    int: INT,
    int | None: INT,
    tuple: SIZES,
    tuple | None: SIZES,
    float: NUMBER,
    object: ANY,
}
_WITHOUT_NONE = (bool, int, tuple, float)

# Their truth is all that PyTorch asks of these, in Python: 1 and 0 do as well.
_TRUTHS = frozenset(
    "inplace return_indices need_weights average_attn_weights use_separate_proj_weight add_zero_attn "
    "hard sym get_infos create_graph force retain_graph".split()
)

_BY_NAME = {
    name: kind
    for kind, names in {
        BOOL: "keepdim align_corners unbiased onesided return_complex upper training train transposed "
        "cudnn_enabled pin_memory stable",
        INT: "dim0 dim1 dim2 axis0 axis1 k diagonal offset chunks groups blank decimals minlength "
        "num_samples ind r niter num_groups num_classes n_fft hop_length win_length storage_offset "
        "window_length M ignore_index upscale_factor downscale_factor num_heads padding_idx length "
        "divisor_override",
        INTS: "dim dims size shape sizes output_size kernel_size stride dilation output_padding "
        "normalized_shape split_size shifts s",
        SIZES: "split_sizes",
        NUMBER: "alpha beta eps momentum lambd threshold negative_slope rtol atol rcond correction "
        "maxnorm max_norm norm_type margin",
        PADDING: "padding",
        DTYPE: "dtype",
        FORMAT: "memory_format",
        TENSORS: "tensors",
    }.items()
    for name in names.split()
}

_OR_NONE = frozenset("pin_memory requires_grad stable memory_format dtype".split())


def argument_names(fn, skip=0):
    """(names, defaults with ... where there is none, how many are positional) of a function."""
    code = fn.__code__
    n, k = code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames[skip : n + k]
    positional = fn.__defaults__ or ()
    defaults = [...] * (n - skip - len(positional)) + list(positional)
    keyword = fn.__kwdefaults__ or {}
    defaults += [keyword.get(name, ...) for name in names[n - skip :]]
    return names, tuple(defaults), n - skip


def _kind(name, default, annotation):
    """The letter of one parameter, a capital where None will do (parse.h)."""
    if annotation is not None:
        kind = _BY_ANNOTATION.get(annotation, ANY)
    elif name in _TRUTHS:
        kind = ANY
    elif isinstance(default, bool):
        kind = BOOL
    elif isinstance(default, float):
        kind = NUMBER
    else:
        kind = _BY_NAME.get(name, ANY)
    or_none = default is None and annotation not in _WITHOUT_NONE
    return kind.upper() if or_none or name in _OR_NONE else kind


def parameters_of(fn, skip=0, public=True, truths=()):
    """(names, their kinds, how many are positional, defaults): how calls to `fn` are parsed and checked.

    Args:
        skip (int): parameters in front that the caller does not give.
        truths: names of arguments that may be anything.
        public (bool): what only our own operators call is not checked.
    """
    while isinstance(getattr(fn, "__wrapped__", None), FunctionType):
        fn = fn.__wrapped__
    names, defaults, positional = argument_names(fn, skip)
    notes = fn.__annotations__
    kinds = (
        ANY if name in truths else _kind(name, default, notes.get(name))
        for name, default in zip(names, defaults, strict=True)
    )
    return names, "".join(kinds) if public else ANY * len(names), positional, defaults
