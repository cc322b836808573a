"""Values, dtypes and functions of one's own."""

from .... import Tensor, _core, float32
from .... import dtype as _dtype
from ... import tv_tensors
from .._pil import is_pil
from ..color import linear_transformation, take_linear
from . import functional as F
from ._transform import Transform
from ._utils import check_type


class Identity(Transform):
    """Everything as it is."""

    def transform(self, inpt, params):
        return inpt


class Lambda(Transform):
    """A function of each input, or of those of the given types."""

    def __init__(self, lambd, *types):
        super().__init__()
        self.lambd = lambd
        self.types = types or (object,)

    def _needs_transform_list(self, flat_inputs):
        return [isinstance(inpt, self.types) for inpt in flat_inputs]

    def transform(self, inpt, params):
        return self.lambd(inpt)

    def extra_repr(self):
        name = getattr(self.lambd, "__name__", "")
        return ", ".join([name] * bool(name) + [f"types={[t.__name__ for t in self.types]}"])


class LinearTransformation(Transform):
    """(flat image - mean_vector) @ transformation_matrix, as for whitening."""

    _transformed_types = (F.is_pure_tensor, tv_tensors.Image, tv_tensors.Video)

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        take_linear(self, transformation_matrix, mean_vector)

    def check_inputs(self, flat_inputs):
        if any(is_pil(inpt) for inpt in flat_inputs):
            raise TypeError("LinearTransformation: takes tensors, not images of Pillow.")

    def transform(self, inpt, params):
        out = linear_transformation(
            inpt.as_subclass(Tensor), self.transformation_matrix, self.mean_vector
        )
        return tv_tensors.wrap(out, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else out


class Normalize(Transform):
    """(image - mean) / std, channel by channel."""

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean = list(mean)
        self.std = list(std)
        self.inplace = inplace

    def check_inputs(self, flat_inputs):
        if any(is_pil(inpt) for inpt in flat_inputs):
            raise TypeError(
                "Normalize: takes tensors, not images of Pillow. ToImage and ToDtype make them."
            )

    def transform(self, inpt, params):
        return self._call_kernel(
            F.normalize, inpt, mean=self.mean, std=self.std, inplace=self.inplace
        )


class ToDtype(Transform):
    """Another dtype, of images and videos, or by type: {tv_tensors.Mask: torch.int64, "others": None}.

    scale: integers span 0 to their maximum where floating values span [0, 1]. None leaves a type alone.
    """

    def __init__(self, dtype, scale=False):
        super().__init__()
        if not isinstance(dtype, dict | _dtype):
            raise ValueError(
                f"ToDtype: dtype is {dtype!r}; it must be a dtype, or a dict of types to dtypes."
            )
        if isinstance(dtype, dict) and Tensor in dtype:
            if any(kind in dtype for kind in (tv_tensors.Image, tv_tensors.Video)):
                _core._warn(
                    "ToDtype: a plain tensor beside an image or a video is not transformed, so its dtype is not used."
                )
        self.dtype = dtype
        self.scale = scale

    def transform(self, inpt, params):
        image = F.is_pure_tensor(inpt) or isinstance(inpt, tv_tensors.Image | tv_tensors.Video)
        if isinstance(self.dtype, _dtype):
            # Masks and boxes keep theirs unless they are named.
            dtype = self.dtype if image else None
        elif type(inpt) in self.dtype:
            dtype = self.dtype[type(inpt)]
        elif "others" in self.dtype:
            dtype = self.dtype["others"]
        elif image:
            raise ValueError(
                f"ToDtype: no dtype is given for {type(inpt).__name__}; 'others' stands for the rest."
            )
        else:
            dtype = None
        if dtype is None:
            if self.scale and image:
                _core._warn(
                    f"ToDtype: the dtype for {type(inpt).__name__} is None, so scale does nothing."
                )
            return inpt
        return self._call_kernel(F.to_dtype, inpt, dtype=dtype, scale=self.scale)

    def extra_repr(self):
        return f"dtype={self.dtype}, scale={self.scale}"


class ConvertImageDtype(Transform):
    """ToDtype with scale, of images and videos, by its older name."""

    def __init__(self, dtype=float32):
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt, params):
        if not check_type(inpt, (F.is_pure_tensor, tv_tensors.Image, tv_tensors.Video)):
            return inpt
        return self._call_kernel(F.to_dtype, inpt, dtype=self.dtype, scale=True)


class UniformTemporalSubsample(Transform):
    """num_samples frames of a video (..., T, C, H, W), evenly."""

    _transformed_types = (F.is_pure_tensor, tv_tensors.Video)

    def __init__(self, num_samples):
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt, params):
        return self._call_kernel(F.uniform_temporal_subsample, inpt, self.num_samples)
