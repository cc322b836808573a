"""What operators show of themselves beside what the core's type has (csrc/python/operator.cpp)."""

from ... import _core

_UNSAID = object()


def _signature(operator):
    from .signature import signature_of

    return signature_of(operator)


def _doc(operator):
    """The docstring, with what the declaration says beside it."""
    own = operator.__dict__.get("__doc__", _UNSAID)
    if own is _UNSAID:
        declared = getattr(operator, "__wrapped__", None)
        own = declared and declared.__doc__
    if own is None or (operator.is_native and operator.__name__.startswith("_")):
        return own
    from .documentation import document

    return document(operator, own)


def _set_doc(operator, text):
    operator.__dict__["__doc__"] = text


def _reduce(operator):
    """Pickled and copied as the global name it is, as functions are."""
    return operator.__name__


_core.Operator.__signature__ = property(_signature)
_core.Operator.__doc__ = property(_doc, _set_doc)
_core.Operator.__repr__ = lambda operator: f"<flambeau operator {operator.__name__}>"
_core.Operator.__reduce__ = _reduce
