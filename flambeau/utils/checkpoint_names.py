"""What torch.utils.checkpoint has beside checkpointing itself."""

import enum

import flambeau

from .. import _core
from ..refusals import refused

SAC_IGNORED_OPS = (
    frozenset()
)  # operators that a policy is not asked about; policies are not offered


class CheckpointPolicy(enum.Enum):
    """What a policy of selective checkpointing answers for an operator."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4


class SelectiveCheckpointContext:
    """What a policy of selective checkpointing is told of a call."""

    def __init__(self, *, is_recompute, op_output=None):
        self.is_recompute, self.op_output = is_recompute, op_output


create_selective_checkpoint_contexts = refused(
    "create_selective_checkpoint_contexts",
    "A part is computed again as a whole here, without a policy for single operators. Checkpoint smaller parts, and "
    "leave out what is dear to compute.",
    module="flambeau.utils.checkpoint",
)


class DefaultDeviceType:
    """The kind of device whose random numbers checkpoint() keeps: the CPU, the one there is."""

    _type = "cpu"

    @staticmethod
    def set_device_type(device="cpu"):
        """Accepts "cpu".

        Raises:
            NotImplementedError: another device.
        """
        if device != "cpu":
            raise NotImplementedError(
                f"DefaultDeviceType: {device!r} is not available; flambeau computes on the CPU."
            )

    @staticmethod
    def get_device_type():
        """ "cpu"."""
        return DefaultDeviceType._type


class GraphExecGroup:
    """A block within which what several backwards compute again is kept between them.

    Parts are computed again once in each backward here, so it changes nothing but who is asked.
    """

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None


def check_backward_validity(inputs):
    """Warns unless some tensor requires grad, without which the reentrant form gives no gradients."""
    if not any(isinstance(one, flambeau.Tensor) and one.requires_grad for one in inputs):
        _core._warn(
            "checkpoint: no input requires grad, so with use_reentrant=True none of the function's parameters gets a "
            "gradient. Pass use_reentrant=False."
        )


def detach_variable(inputs):
    """The inputs as tensors without history, that require grad where they did.

    Raises:
        RuntimeError: inputs is no tuple.
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"detach_variable: takes a tuple, not {type(inputs).__name__}.")
    return tuple(
        one.detach().requires_grad_(one.requires_grad) if isinstance(one, flambeau.Tensor) else one
        for one in inputs
    )
