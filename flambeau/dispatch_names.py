"""PyTorch's names of ways through its dispatcher, and of kinds of operators: to be asked about and compared.

flambeau has one way for each call (docs/architecture.md, One door), which no key chooses.
"""

import enum

from .refusals import refused

__all__ = [
    "AggregationType",
    "AVG",
    "DispatchKey",
    "DispatchKeySet",
    "ExcludeDispatchKeyGuard",
    "SUM",
    "Tag",
]


class _Member(enum.Enum):
    def __repr__(self):
        return f"<{type(self).__name__}.{self.name}: {self.value}>"

    def __int__(self):
        return self.value


def _enumeration(name, members, doc):
    made = _Member(name, {member: place for place, member in enumerate(members.split())})
    made.__doc__ = doc
    made.__module__ = "flambeau"
    return made


Tag = _enumeration(
    "Tag",
    """core cudagraph_unsafe data_dependent_output dynamic_output_shape flexible_layout generated inplace
    inplace_view maybe_aliasing_or_mutating needs_contiguous_strides needs_exact_strides needs_fixed_stride_order
    nondeterministic_bitwise nondeterministic_seeded out out_variant pointwise pt2_compliant_tag reduction
    view_copy""",
    "What an operator is like.",
)

_BACKENDS = (
    "CPU CUDA HIP XLA MPS IPU XPU HPU VE Lazy MTIA MAIA PrivateUse1 PrivateUse2 PrivateUse3 Meta"
)


def _keys_of(prefix, start):
    """The names of one functionality for all backends, between those that mark its ends."""
    inside = " ".join(prefix + backend for backend in _BACKENDS.split())
    return f"StartOf{start}Backends {inside} EndOf{start}Backends"


DispatchKey = _enumeration(
    "DispatchKey",
    f"""Undefined CompositeExplicitAutogradNonFunctional CompositeExplicitAutograd
    CompositeImplicitAutogradNestedTensor CompositeImplicitAutograd AutogradNestedTensor AutogradOther Autograd
    Conjugate ZeroTensor Negative BackendSelect ADInplaceOrView PythonTLSSnapshot Python
    FuncTorchDynamicLayerFrontMode FuncTorchDynamicLayerBackMode FuncTorchBatchedDecomposition FuncTorchBatched
    FuncTorchVmapMode FuncTorchGradWrapper PythonDispatcher PreDispatch Functionalize AutocastCPU AutocastMPS
    AutocastXPU AutocastHPU AutocastIPU AutocastCUDA AutocastPrivateUse1 Dense {_keys_of("", "Dense")}
    Quantized {_keys_of("Quantized", "Quantized")} Sparse {_keys_of("Sparse", "Sparse")}
    SparseCsr {_keys_of("SparseCsr", "SparseCsr")} NestedTensor {_keys_of("NestedTensor", "NestedTensor")}
    AutogradFunctionality {_keys_of("Autograd", "AutogradFunctionality")}""",
    "A name of a way through PyTorch's dispatcher; the numbers are those of this list, not PyTorch's.",
)

_REASON = "flambeau has one way for each call, which no dispatch key chooses."
DispatchKeySet = refused("DispatchKeySet", _REASON)
ExcludeDispatchKeyGuard = refused("ExcludeDispatchKeyGuard", _REASON)

AggregationType = _enumeration("AggregationType", "SUM AVG", "How a counter is put together.")
SUM, AVG = AggregationType.SUM, AggregationType.AVG
