"""Options of save and load under the names of PyTorch's planners."""

__all__ = ["DefaultLoadPlanner", "DefaultSavePlanner", "LoadPlanner", "SavePlanner"]


class SavePlanner:
    """What save() is told of how to save; only DefaultSavePlanner is offered."""


class LoadPlanner:
    """What load() is told of how to load; only DefaultLoadPlanner is offered."""


class DefaultSavePlanner(SavePlanner):
    """Tensors by their paths, each part once.

    flatten_sharded_tensors, dedup_replicated_tensors, dedup_save_to_lowest_rank and enable_plan_caching are as this
    project always does: parts are flat, and rank 0 writes what all have.
    """

    def __init__(self, flatten_state_dict=True, flatten_sharded_tensors=True, dedup_replicated_tensors=None,
                 dedup_save_to_lowest_rank=False, enable_plan_caching=False):  # fmt: skip
        if not flatten_state_dict:
            raise NotImplementedError(
                "DefaultSavePlanner: flatten_state_dict=False is not offered."
            )


class DefaultLoadPlanner(LoadPlanner):
    """allow_partial_load: whether keys that the checkpoint does not have keep their values."""

    def __init__(
        self, flatten_state_dict=True, flatten_sharded_tensors=True, allow_partial_load=False
    ):
        if not flatten_state_dict:
            raise NotImplementedError(
                "DefaultLoadPlanner: flatten_state_dict=False is not offered."
            )
        self.allow_partial_load = allow_partial_load
