"""Arguments given once for all dimensions or once a dimension, and keys of states without a prefix."""

from collections.abc import Iterable


def _ntuple(n):
    def parse(value):
        if isinstance(value, Iterable):
            return tuple(value)
        return (value,) * n

    return parse


_single = _ntuple(1)
_pair = _ntuple(2)
_triple = _ntuple(3)
_quadruple = _ntuple(4)


def assert_int_or_pair(arg, arg_name, message):
    """AssertionError with `message`, which has a place for the name, unless arg is an int or has two items."""
    if not isinstance(arg, int) and len(arg) != 2:
        raise AssertionError(message.format(arg_name))


def check_sizes(module, **sizes):
    """Raises unless each size is an int of 0 or more, or a sequence of such."""
    for name, size in sizes.items():
        for one in size if isinstance(size, (tuple, list)) else (size,):
            if not hasattr(type(one), "__index__"):
                raise TypeError(
                    f"{type(module).__name__}: {name} is {size!r}; it must be an int, not "
                    f"{type(one).__name__}."
                )
            if one < 0:
                raise RuntimeError(
                    f"{type(module).__name__}: {name} is {size!r}; it must be 0 or more."
                )


def pairs_of(name, value, given):
    """`given` as a list, once all its items are known to be pairs of a key and a `value`; for update() of `name`."""
    if not isinstance(given, Iterable):
        raise TypeError(
            f"{name}.update: takes a dict or pairs of key and {value}, not {type(given).__name__}."
        )
    pairs = list(given)
    for i, pair in enumerate(pairs):
        if not isinstance(pair, Iterable):
            raise TypeError(
                f"{name}.update: item {i} is {type(pair).__name__}, not a pair of key and {value}."
            )
        if len(pair) != 2:
            raise ValueError(f"{name}.update: item {i} has length {len(pair)}; a pair has 2.")
    return pairs


def _list_with_default(out_size, defaults):
    """Sizes with those of `defaults` (their last ones) where None stands.

    Raises:
        ValueError: there are fewer defaults than sizes.
    """
    if isinstance(out_size, int):
        return out_size
    if len(defaults) < len(out_size):
        raise ValueError(
            f"sizes: {len(defaults)} sizes of the input for {tuple(out_size)}; it has too few dims."
        )
    ends = defaults[len(defaults) - len(out_size) :]
    return [end if size is None else size for size, end in zip(out_size, ends, strict=True)]


def reverse_repeat(values, times):
    """values from last to first, each `times` times: the order in which pad wants them."""
    return tuple(value for value in reversed(values) for _ in range(times))


_reverse_repeat_tuple = reverse_repeat  # PyTorch's name


def consume_prefix_in_state_dict_if_present(state_dict, prefix):
    """Take `prefix` from the keys of a state, and from its metadata, in place."""
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is None:
        return
    for key in list(metadata):
        # The module itself is listed under the prefix without its dot.
        if key and (key == prefix.rstrip(".") or key.startswith(prefix)):
            metadata[key[len(prefix) :]] = metadata.pop(key)
