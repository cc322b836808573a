"""Names that libraries take from torch._jit_internal: what marks functions for a compiler, and typing."""

import functools
from typing import Any, Dict, Final, List, Optional, Tuple, Union  # noqa: F401, UP035 (programs import them from here)

from .futures import Future  # noqa: F401
from .jit import (  # noqa: F401
    _overload,
    _overload_method,
    export,
    ignore,
    is_scripting,
    unused,
)
from .jit.annotations import (  # noqa: F401
    BroadcastingList1,
    BroadcastingList2,
    BroadcastingList3,
    is_dict,
    is_future,
    is_list,
    is_optional,
    is_tuple,
    is_union,
)

__all__ = ["boolean_dispatch"]


def boolean_dispatch(arg_name, arg_index, default, if_true, if_false, module_name, func_name):
    """A function that is if_true where the argument arg_name, in place arg_index, is true, and if_false otherwise."""

    @functools.wraps(if_true)
    def chosen(*args, **kwargs):
        flag = kwargs.get(arg_name, args[arg_index] if arg_index < len(args) else default)
        return (if_true if flag else if_false)(*args, **kwargs)

    if func_name is not None:
        chosen.__name__ = func_name
    if module_name is not None:
        chosen.__module__ = module_name
    return chosen


def _copy_to_script_wrapper(fn):
    """The function itself."""
    return fn
