"""The names of tracer.py, as PyTorch's programs import them."""

from .tracer import (  # noqa: F401
    PH,
    ProxyableClassMeta,
    Tracer,
    _wrapped_methods,
    is_fx_tracing,
    symbolic_trace,
    wrap,
)
