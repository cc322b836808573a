"""Checkpoints that every process writes its part of, and that any number of processes reads.

Read: layout.py (what is in the files), storage.py, api.py, state_dict.py.
"""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".api": "async_save load load_state_dict save save_state_dict",
        ".layout": "CheckpointException Metadata",
        ".storage": "FileSystemReader FileSystemWriter StorageReader StorageWriter",
        ".planners": "DefaultLoadPlanner DefaultSavePlanner LoadPlanner SavePlanner",
    },
    submodules=("state_dict", "stateful"),
)
