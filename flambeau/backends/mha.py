"""The switch of PyTorch's short way through MultiheadAttention in evaluation; flambeau has one way for all calls."""

__all__ = ["get_fastpath_enabled", "set_fastpath_enabled"]

_enabled = [True]


def get_fastpath_enabled():
    """What set_fastpath_enabled was last told."""
    return _enabled[0]


def set_fastpath_enabled(value):
    """Notes the wish; results are the same."""
    _enabled[0] = bool(value)
