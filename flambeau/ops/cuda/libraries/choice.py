"""Which of two ways is faster on this device: measured when first asked for, and kept on disk.

A line of the table stands for calls alike: their operator, dtype, layout, and sizes up to a power of two. The
file lies beside compiled kernels (FLAMBEAU_CACHE_DIR), one for each kind of device and version of driver and library.
"""

import contextlib
import functools
import hashlib
import json
import os

from .... import _core

REPEATS = 5


def rounded(size):
    """A size up to the next power of two."""
    return 1 << max(0, int(size) - 1).bit_length()


class Table:
    """Choices of one device: key -> name of a way."""

    def __init__(self, path):
        self.path, self.known = path, {}
        with contextlib.suppress(OSError, ValueError):
            with open(path) as file:
                read = json.load(file)
            if isinstance(read, dict):
                self.known = {k: v for k, v in read.items() if isinstance(v, str)}

    def choose(self, key, ways, index):
        """The name of the way for `key`; ways: {name: function that does the call}, of which the first wins ties."""
        found = self.known.get(key)
        if found in ways:
            return found
        if _core._cuda_is_capturing(index):
            return next(iter(ways))  # nothing can be measured while a graph records
        times = {name: self._time(run, index) for name, run in ways.items()}
        found = min(times, key=times.get)
        self.known[key] = found
        self._keep()
        return found

    def _time(self, run, index):
        """Milliseconds of a call, the least of some; a way that fails takes for ever."""
        from .open import Failed

        best = float("inf")
        stream = _core._cuda_current_stream(index)
        start, end = (_core._cuda_event_create(index, 0) for _ in range(2))
        try:
            run()  # what is made at first use is made now
            for _ in range(REPEATS):
                _core._cuda_event_record(index, start, stream)
                run()
                _core._cuda_event_record(index, end, stream)
                _core._cuda_event_synchronize(index, end)
                best = min(best, _core._cuda_event_elapsed(index, start, end))
        except Failed:
            return float("inf")
        finally:
            for event in (start, end):
                _core._cuda_event_destroy(index, event)
        return best

    def _keep(self):
        if self.path is None:
            return
        temporary = f"{self.path}.{os.getpid()}"
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with open(temporary, "w") as file:
                json.dump(self.known, file, indent=0, sort_keys=True)
            os.replace(temporary, self.path)


@functools.cache
def table(kind, index, version):
    """The table of a kind of call on device `index`, with a library of this version."""
    from ....kernels import cache

    folder = cache.folder()
    name = _core._cuda_properties(index)[0]
    facts = f"{kind} {name} {_core._cuda_state()[1]} {version} {cache.fingerprint()}"
    digest = hashlib.blake2b(facts.encode(), digest_size=10).hexdigest()
    path = (
        None
        if folder is None
        else os.path.join(os.path.dirname(folder), "choices", digest + ".json")
    )
    return Table(path)
