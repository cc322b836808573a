"""The options of fully_shard and FullyShardedDataParallel."""

import dataclasses
import enum

import flambeau

__all__ = [
    "BackwardPrefetch", "CPUOffload", "CPUOffloadPolicy", "FullOptimStateDictConfig",
    "FullStateDictConfig", "LocalOptimStateDictConfig", "LocalStateDictConfig", "MixedPrecision",
    "MixedPrecisionPolicy", "OffloadPolicy", "OptimStateDictConfig", "OptimStateKeyType",
    "ShardedOptimStateDictConfig", "ShardedStateDictConfig", "ShardingStrategy", "StateDictConfig",
    "StateDictSettings", "StateDictType",
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class MixedPrecisionPolicy:
    """Which dtypes a module computes in.

    Attributes:
        param_dtype: of gathered parameters, and of floating inputs with cast_forward_inputs.
        reduce_dtype: in which gradients are summed; by default that of the gradients.
        output_dtype: of floating outputs.
    """

    param_dtype: flambeau.dtype | None = None
    reduce_dtype: flambeau.dtype | None = None
    output_dtype: flambeau.dtype | None = None
    cast_forward_inputs: bool = True


@dataclasses.dataclass
class OffloadPolicy:
    """Where parameters are between uses: here they are on the CPU in any case."""


@dataclasses.dataclass
class CPUOffloadPolicy(OffloadPolicy):
    """Parameters on the CPU, where they are in any case."""

    pin_memory: bool = True


class ShardingStrategy(enum.Enum):
    """What is cut over the processes.

    FULL_SHARD: parameters (also between forward and backward), gradients, optimizer state. SHARD_GRAD_OP: parameters
    stay whole from forward to backward. NO_SHARD: nothing. The HYBRID ones cut within one dimension of a mesh of two and
    repeat along the other.
    """

    FULL_SHARD = 1
    SHARD_GRAD_OP = 2
    NO_SHARD = 3
    HYBRID_SHARD = 4
    _HYBRID_SHARD_ZERO2 = 5


class BackwardPrefetch(enum.Enum):
    """When the next parameters are gathered in backward: here, when they are needed."""

    BACKWARD_PRE = 1
    BACKWARD_POST = 2


@dataclasses.dataclass
class MixedPrecision:
    """Which dtypes a FullyShardedDataParallel computes in; see MixedPrecisionPolicy. buffer_dtype: of buffers."""

    param_dtype: flambeau.dtype | None = None
    reduce_dtype: flambeau.dtype | None = None
    buffer_dtype: flambeau.dtype | None = None
    keep_low_precision_grads: bool = False
    cast_forward_inputs: bool = False
    cast_root_forward_inputs: bool = True


@dataclasses.dataclass
class CPUOffload:
    """Whether parameters are on the CPU between uses: they are in any case."""

    offload_params: bool = False


class StateDictType(enum.Enum):
    """Whether state_dict() has whole tensors, or DTensors of this process's parts."""

    FULL_STATE_DICT = 1
    LOCAL_STATE_DICT = 2
    SHARDED_STATE_DICT = 3


class OptimStateKeyType(enum.Enum):
    """Whether an optimizer's state goes by names or by numbers of parameters."""

    PARAM_NAME = 1
    PARAM_ID = 2


@dataclasses.dataclass
class StateDictConfig:
    """offload_to_cpu: tensors are on the CPU in any case."""

    offload_to_cpu: bool = False


@dataclasses.dataclass
class FullStateDictConfig(StateDictConfig):
    """rank0_only: whether the other processes get an empty dict."""

    rank0_only: bool = False


@dataclasses.dataclass
class LocalStateDictConfig(StateDictConfig):
    """Of LOCAL_STATE_DICT."""


@dataclasses.dataclass
class ShardedStateDictConfig(StateDictConfig):
    """Of SHARDED_STATE_DICT, whose tensors are DTensors."""

    _use_dtensor: bool = True


@dataclasses.dataclass
class OptimStateDictConfig:
    """offload_to_cpu: tensors are on the CPU in any case."""

    offload_to_cpu: bool = True


@dataclasses.dataclass
class FullOptimStateDictConfig(OptimStateDictConfig):
    """rank0_only: whether the other processes get an empty dict."""

    rank0_only: bool = False


@dataclasses.dataclass
class LocalOptimStateDictConfig(OptimStateDictConfig):
    """Of LOCAL_STATE_DICT."""


@dataclasses.dataclass
class ShardedOptimStateDictConfig(OptimStateDictConfig):
    """Of SHARDED_STATE_DICT, whose tensors are DTensors."""

    _use_dtensor: bool = True


@dataclasses.dataclass
class StateDictSettings:
    """A StateDictType with its two configs."""

    state_dict_type: StateDictType
    state_dict_config: StateDictConfig
    optim_state_dict_config: OptimStateDictConfig
