"""The messages of event files, from tensorboard or tensorboardX, loaded when first needed; tensors as NumPy arrays."""

import functools
import importlib
import sys

import flambeau as torch

# Where tensorboard keeps messages of its plugins; the others lie in tensorboard.compat.proto.
_PLUGINS = {
    "api": "hparams.api",
    "plugin_hparams": "hparams.plugin_data",
    "plugin_pr_curve": "pr_curve.plugin_data",
    "plugin_text": "text.plugin_data",
    "plugin_mesh": "mesh.plugin_data",
    "layout": "custom_scalar.layout",
}


@functools.cache
def package():
    """The package whose messages are used, "tensorboard" or else "tensorboardX".

    tensorboardX imports torch if it can. Where PyTorch is installed, too, and not loaded, it is kept out.
    """
    for name in ("tensorboard.compat.proto.summary_pb2", "tensorboardX.proto.summary_pb2"):
        hidden = "torch" not in sys.modules
        if hidden:
            sys.modules["torch"] = None
        try:
            importlib.import_module(name)
            return name.partition(".")[0]
        except ImportError:
            continue
        finally:
            if hidden:
                del sys.modules["torch"]
    raise ImportError(
        "utils.tensorboard needs tensorboardX or tensorboard, and neither is installed. Run: pip install "
        "'flambeau[tensorboard]'."
    )


@functools.cache
def proto(name):
    """A module of messages, such as "summary"."""
    if package() == "tensorboardX":
        return importlib.import_module(f"tensorboardX.proto.{name}_pb2")
    if name in _PLUGINS:
        return importlib.import_module(f"tensorboard.plugins.{_PLUGINS[name]}_pb2")
    return importlib.import_module(f"tensorboard.compat.proto.{name}_pb2")


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
