"""Files of tensors: torch.save, torch.load, and how tensors are pickled and deep-copied.

The file is PyTorch's: a zip archive of uncompressed records, `data.pkl` (the structure, where a
tensor stands as a reference) and `data/N` (the bytes of one storage), so either reads what the
other wrote. The format from before 1.6 (older.py) is read, and written if asked for.
Read: names.py, writer.py, reader.py, storages.py, unpickler.py, rebuild.py, older.py.
"""

from .reader import load
from .rebuild import deepcopy_tensor, reduce_tensor
from .unpickler import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)
from .writer import save

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "deepcopy_tensor",
    "get_safe_globals",
    "load",
    "reduce_tensor",
    "safe_globals",
    "save",
]
