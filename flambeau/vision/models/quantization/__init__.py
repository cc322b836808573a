"""The models that torchvision can quantise, in their floating form: the same classes and state_dict keys.

flambeau has no 8-bit kernels: quantize=True, quantised weights and fuse_model() raise NotImplementedError.
"""

from .. import _lazy

__all__, __getattr__ = _lazy.contents(__name__, "quantization")
