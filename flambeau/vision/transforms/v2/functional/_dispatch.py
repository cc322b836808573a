"""One function for all kinds of inputs: what is done to each kind is a kernel.

An image kernel takes a tensor (..., C, H, W), and does for videos and plain tensors, too. A mask's is the image's
with the nearest pixel. Kernels of boxes and keypoints take from the call the arguments that they name, and the facts
of the input: format, canvas_size, clamping_mode. They give a tensor, or it and the new canvas_size.
"""

import functools
import inspect

from ..... import Tensor
from .... import tv_tensors
from ...modes import InterpolationMode, shows_first

KERNELS = {}  # name -> kind -> kernel
FUNCTIONS = {}  # name -> function
_handlers = {}  # function -> type -> what takes an input of it
_ALIASES = {
    "hflip": "horizontal_flip",
    "vflip": "vertical_flip",
    "elastic_transform": "elastic",
    "to_grayscale": "rgb_to_grayscale",
}


def for_masks(image_kernel):
    """The kernel of masks (..., H, W), where values between pixels mean nothing."""
    names = set(inspect.signature(image_kernel).parameters)
    fixed = {"interpolation": InterpolationMode.NEAREST} if "interpolation" in names else {}

    @functools.wraps(image_kernel)
    def kernel(mask, *args, **kwargs):
        given = {**bound(image_kernel, args, kwargs), **fixed}
        flat = mask.ndim == 2
        out = image_kernel(mask.unsqueeze(0) if flat else mask, **given)
        return out.squeeze(0) if flat else out

    kernel.of_image = image_kernel
    return kernel


def bound(kernel, args, kwargs):
    """Positional arguments behind the first by their names in `kernel`."""
    names = list(inspect.signature(kernel).parameters)[1:]
    return {**dict(zip(names, args)), **kwargs}


def _accepted(kernel, given):
    names = inspect.signature(kernel).parameters
    return {name: value for name, value in given.items() if name in names}


def _for_tensors(kernel, kind):
    def handle(inpt, *args, **kwargs):
        return tv_tensors.wrap(kernel(inpt.as_subclass(Tensor), *args, **kwargs), like=inpt)

    return kernel if kind is None else handle


def _with_facts(kernel, image_kernel):
    """What takes boxes or keypoints: facts and the arguments that the kernel names go in, a new canvas comes out."""

    def handle(inpt, *args, **kwargs):
        given = {
            **bound(image_kernel, args, kwargs),
            **{fact: getattr(inpt, fact) for fact in inpt._facts},
        }
        out = kernel(inpt.as_subclass(Tensor), **_accepted(kernel, given))
        if isinstance(out, tuple):
            out, canvas = out
            return tv_tensors.wrap(out, like=inpt, canvas_size=tuple(canvas))
        return tv_tensors.wrap(out, like=inpt)

    return handle


def functional(
    name, image, *, pil=None, mask=None, boxes=None, keypoints=None, video=True, doc=None
):
    """The public function `name`; mask True: the image's with nearest pixels."""
    kernels = KERNELS[name] = {"image": image}
    own = {Tensor: image, tv_tensors.Image: _for_tensors(image, tv_tensors.Image)}
    if video:
        kernels["video"] = image
        own[tv_tensors.Video] = _for_tensors(image, tv_tensors.Video)
    if pil is not None:
        kernels["pil"] = pil
        own["pil"] = pil
    if mask is not None:
        kernels["mask"] = for_masks(image) if mask is True else mask
        own[tv_tensors.Mask] = _for_tensors(kernels["mask"], tv_tensors.Mask)
    for kind, kernel, key in (
        (tv_tensors.BoundingBoxes, boxes, "bounding_boxes"),
        (tv_tensors.KeyPoints, keypoints, "keypoints"),
    ):
        if kernel is not None:
            kernels[key] = kernel
            own[kind] = _with_facts(kernel, image)

    def call(inpt, *args, **kwargs):
        handler = handler_of(call, inpt)
        if handler is None:
            raise TypeError(
                f"{name}: takes {', '.join(sorted(_shown(kind) for kind in _handlers[call]))}, not "
                f"{type(inpt).__name__}."
            )
        return handler(inpt, *args, **kwargs)

    functools.update_wrapper(call, image)
    shows_first(call, image, "inpt")
    call.__name__ = call.__qualname__ = name
    call.__module__ = __name__.rpartition(".")[0]
    call.__doc__ = doc or image.__doc__
    _handlers[call] = own
    FUNCTIONS[name] = call
    return call


def _shown(kind):
    return "images of Pillow" if kind == "pil" else kind.__name__


def _found(own, kind):
    """Of the handlers of a function that of a type, or of what it is derived from; None: there is none."""
    if kind in own:
        return own[kind]
    for base in kind.__mro__:
        if base.__module__ == "PIL.Image" and base.__name__ == "Image":
            return own.get("pil")
        if base in own and not (base is Tensor and issubclass(kind, tv_tensors.TVTensor)):
            return own[base]
    return None


def handler_of(function, inpt):
    """What takes an input, or None."""
    own = _handlers.get(function)
    return own and _found(own, type(inpt))


def register_kernel(functional, tv_tensor_cls):
    """Decorator: a function that does this to a TVTensor of one's own; `functional` is the function or its name.

    It is called with the input as it is, and gives the output as it is to be.
    """
    name = functional if isinstance(functional, str) else getattr(functional, "__name__", None)
    function = FUNCTIONS.get(_ALIASES.get(name, name))
    if function is None:
        raise ValueError(
            f"register_kernel: {functional!r} is no function of transforms.v2.functional."
        )
    if not (isinstance(tv_tensor_cls, type) and issubclass(tv_tensor_cls, tv_tensors.TVTensor)):
        raise ValueError(f"register_kernel: {tv_tensor_cls!r} is no subclass of TVTensor.")
    if tv_tensor_cls in _handlers[function]:
        raise ValueError(
            f"register_kernel: {name} has a kernel for {tv_tensor_cls.__name__} already."
        )

    def register(kernel):
        _handlers[function][tv_tensor_cls] = kernel
        return kernel

    return register


# What the names of kernels end in, as resize_bounding_boxes does.
_KINDS = ("image", "video", "mask", "bounding_boxes", "keypoints")


def kernel_named(full):
    """The kernel of a name like resize_mask, or None."""
    for kind in _KINDS:
        if full.endswith("_" + kind):
            name = full.removesuffix("_" + kind)
            return KERNELS.get(_ALIASES.get(name, name), {}).get(kind)
    return None


def names():
    """The names of all functions and kernels."""
    yield from FUNCTIONS
    yield from _ALIASES
    for name, kernels in KERNELS.items():
        yield from (f"{name}_{kind}" for kind in kernels if kind in _KINDS)


def named(name):
    """A function, by its name or another one; None where there is none."""
    return FUNCTIONS.get(_ALIASES.get(name, name))


def _no_cvcuda(*args, **kwargs):
    raise NotImplementedError("transforms.v2: tensors of CV-CUDA are not offered.")


def private(name):
    """A kernel by a name of torchvision's own files: _resize_image_pil."""
    if name.startswith("_") and name.endswith("_image_pil"):
        own = name[1:].removesuffix("_image_pil")
        kernel = KERNELS.get(own, {}).get("pil")
    elif name.endswith("_image_cvcuda"):
        kernel = _no_cvcuda
    else:
        kernel = named(name) or kernel_named(name)
    if kernel is None:
        raise AttributeError(f"transforms.v2.functional has no kernel {name!r}")
    return kernel


def kernel_for(functional, input_type, *, allow_passthrough=False):
    """What a function of transforms.v2.functional does to inputs of a type; allow_passthrough: nothing, if it takes none.

    TypeError: it takes no such inputs.
    """
    own = _handlers.get(functional)
    if own is None:
        raise ValueError(f"kernel_for: {functional!r} is no function of transforms.v2.functional.")
    found = _found(own, input_type)
    if found is not None:
        return found
    if allow_passthrough:
        return lambda inpt, *args, **kwargs: inpt
    raise TypeError(
        f"{getattr(functional, '__name__', functional)}: takes "
        f"{', '.join(sorted(map(_shown, own)))}, not {input_type.__name__}."
    )
