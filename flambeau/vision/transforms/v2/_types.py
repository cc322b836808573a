"""Between types of inputs."""

from .... import Tensor, _core
from ... import tv_tensors
from .._pil import is_pil
from . import functional as F
from ._transform import Transform


def _is_array(inpt):
    return type(inpt).__module__ == "numpy" and type(inpt).__name__ == "ndarray"


class PILToTensor(Transform):
    """An image of Pillow as a plain tensor of its own values."""

    _transformed_types = (is_pil,)

    def transform(self, inpt, params):
        return F.pil_to_tensor(inpt)


class ToImage(Transform):
    """A plain tensor, an array or an image of Pillow as tv_tensors.Image; values stay."""

    _transformed_types = (F.is_pure_tensor, is_pil, _is_array)

    def transform(self, inpt, params):
        return F.to_image(inpt)


class ToPILImage(Transform):
    """A tensor or an array as an image of Pillow."""

    _transformed_types = (F.is_pure_tensor, tv_tensors.Image, _is_array)

    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def transform(self, inpt, params):
        plain = inpt.as_subclass(Tensor) if isinstance(inpt, Tensor) else inpt
        return F.to_pil_image(plain, mode=self.mode)


class ToPureTensor(Transform):
    """TVTensors as plain tensors."""

    _transformed_types = (tv_tensors.TVTensor,)

    def transform(self, inpt, params):
        return inpt.as_subclass(Tensor)


class ToTensor(Transform):
    """An image of Pillow or an array as floats in [0, 1]; ToImage and ToDtype say it in two steps."""

    _transformed_types = (is_pil, _is_array)

    def __init__(self):
        _core._warn(
            "v2.ToTensor: write v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]), which does the same."
        )
        super().__init__()

    def transform(self, inpt, params):
        return F.to_tensor(inpt)


class ToCVCUDATensor(Transform):
    """Nothing: tensors of CV-CUDA are not offered."""

    def transform(self, inpt, params):
        return F.to_cvcuda_tensor(inpt)


class CVCUDAToTensor(Transform):
    """Nothing: tensors of CV-CUDA are not offered."""

    def transform(self, inpt, params):
        return F.cvcuda_to_tensor(inpt)
