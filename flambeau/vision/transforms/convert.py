"""Between PIL images, arrays and tensors, and between dtypes."""

from ... import float32
from ...nn import Module
from . import functional as F
from .modes import shown


class ToTensor:
    """A PIL image, an array (H, W, C) or a uint8 tensor (..., C, H, W) as float32 in [0, 1]."""

    takes_batches = True

    def __call__(self, pic):
        return F.to_tensor(pic)

    def __repr__(self):
        return "ToTensor()"


class PILToTensor:
    """A PIL image as a tensor (C, H, W) of its own dtype."""

    def __call__(self, pic):
        return F.pil_to_tensor(pic)

    def __repr__(self):
        return "PILToTensor()"


class ToPILImage:
    """A tensor (C, H, W) or an array (H, W, C) as a PIL image."""

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        return F.to_pil_image(pic, self.mode)

    def __repr__(self):
        return f"ToPILImage({f'mode={self.mode}' if self.mode else ''})"


class ConvertImageDtype(Module):
    """Another dtype; integers span their positive range where floating values span [0, 1]."""

    takes_batches = True

    def __init__(self, dtype=None):
        super().__init__()
        self.dtype = float32 if dtype is None else dtype

    def forward(self, image):
        return F.convert_image_dtype(image, self.dtype)

    __repr__ = shown("dtype")
