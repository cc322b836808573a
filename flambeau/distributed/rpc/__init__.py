"""Calls of functions in other processes: not offered, and each name says so."""

from ..refused import refused

_NAMES = refused(
    "distributed.rpc",
    "BackendType PyRRef RRef RpcAgent RpcBackendOptions TensorPipeRpcBackendOptions WorkerInfo get_worker_info init_rpc "
    "remote rpc_async rpc_sync shutdown",
    "Use collectives, send and recv, multiprocessing's queues, or distributed.ray.",
)
globals().update(_NAMES)
_NAMES["DistributedOptimizer"] = refused(
    "distributed.optim",
    "DistributedOptimizer",
    "It needs distributed.rpc; ZeroRedundancyOptimizer and fsdp share out an optimizer's state.",
)["DistributedOptimizer"]
DistributedOptimizer = _NAMES["DistributedOptimizer"]
__all__ = [name for name in _NAMES if name != "DistributedOptimizer"]


def is_available():
    """Whether calls of functions in other processes are offered: False."""
    return False
