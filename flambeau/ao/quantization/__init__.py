"""Quantization of models: torch.ao.quantization. There are no quantized tensors here.

What only marks or prepares a model that still computes in floats works (QuantStub, fuse_modules); what would make
quantized tensors refuses.
"""

from ...nn import Identity, Module
from ...refusals import refusals
from .fuse import fuse_modules, fuse_modules_qat

_REASON = (
    "There are no quantized tensors here. Keep the model in floats (bfloat16 takes half the memory), or quantize it "
    "where it will run, from an exported state dict."
)
_REFUSED = """
    convert convert_dynamic default_eval_fn prepare prepare_qat quantize quantize_dynamic quantize_dynamic_jit
    quantize_jit quantize_qat get_default_qconfig get_default_qat_qconfig get_default_qconfig_mapping
    get_default_qat_qconfig_mapping propagate_qconfig_ swap_module QConfig QConfigMapping FakeQuantize FakeQuantizeBase
    FusedMovingAvgObsFakeQuantize HistogramObserver MinMaxObserver MovingAverageMinMaxObserver
    MovingAveragePerChannelMinMaxObserver ObserverBase PerChannelMinMaxObserver PlaceholderObserver RecordingObserver
    NoopObserver UniformQuantizationObserverBase
"""
globals().update(refusals(_REFUSED, _REASON, "quantization.", module=__name__))

__all__ = [
    "DeQuantStub", "QuantStub", "QuantWrapper", "disable_fake_quant", "disable_observer", "enable_fake_quant",
    "enable_observer", "fuse_modules", "fuse_modules_qat", *_REFUSED.split(),
]  # fmt: skip


class QuantStub(Identity):
    """Where a quantized model would begin; before it is converted, an identity."""

    def __init__(self, qconfig=None):
        super().__init__()
        if qconfig:
            self.qconfig = qconfig


class DeQuantStub(QuantStub):
    """Where a quantized model would end; before it is converted, an identity."""


class QuantWrapper(Module):
    """A module between a QuantStub and a DeQuantStub."""

    def __init__(self, module):
        super().__init__()
        self.quant = QuantStub(getattr(module, "qconfig", None))
        self.dequant = DeQuantStub(getattr(module, "qconfig", None))
        self.add_module("module", module)
        self.train(module.training)

    def forward(self, X):
        return self.dequant(self.module(self.quant(X)))


def _nothing(mod):
    """Nothing: no module here observes or imitates quantization."""


disable_fake_quant = disable_observer = enable_fake_quant = enable_observer = _nothing


def __getattr__(name):
    if name in ("fake_quantize", "observer", "qconfig", "quantize_fx", "stubs"):
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
