"""tensorboardX, loaded when it is first needed; and tensors as the NumPy arrays it takes."""

import importlib
import sys

import flambeau as torch


def library(module="tensorboardX"):
    """A module of tensorboardX.

    It imports torch if it can. Where PyTorch is installed, too, and not loaded, it is kept out.
    """
    hidden = "torch" not in sys.modules and "tensorboardX" not in sys.modules
    if hidden:
        sys.modules["torch"] = None
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            "utils.tensorboard needs tensorboardX, which is not installed. Run: pip install 'flambeau[tensorboard]'."
        ) from error
    finally:
        if hidden:
            del sys.modules["torch"]


def proto(name):
    """A module of protocol buffers, such as "summary"."""
    return library(f"tensorboardX.proto.{name}_pb2")


def array(value):
    """A value whose tensors, also those in lists, are NumPy arrays: detached, of dtypes that NumPy has."""
    if torch.is_tensor(value):
        value = value.detach().cpu().resolve_conj()
        if value.is_floating_point() and value.dtype not in (torch.float32, torch.float64):
            value = value.float()
        return value.numpy()
    if isinstance(value, list | tuple):
        return [array(one) for one in value]
    return value


def plain(value):
    """A tensor or array of one element as a Python number; other values as they are."""
    if torch.is_tensor(value) or type(value).__module__ == "numpy":
        return value.item()
    return value
