"""What a worker knows of itself, under the name that programs import it by."""

from ..worker import WorkerInfo, get_worker_info

__all__ = ["WorkerInfo", "get_worker_info"]
