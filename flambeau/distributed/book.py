"""The values of a store, and how they travel and are written down: as operations on bytes.

An operation is a list of byte strings, its name first, and its answer is another list; on a socket and in a
file each list is a frame: the number of strings, their lengths, the strings.
"""

import struct
import threading
import time

__all__ = ["CHANGING", "Book", "frame", "read_frame"]

CHANGING = {b"set", b"add", b"compare_set", b"append", b"delete_key", b"queue_push", b"queue_pop"}


class Book:
    """Keys with values, and named queues. Every method takes byte strings and gives a list of them."""

    def __init__(self):
        self.values, self.queues = {}, {}
        self.changed = threading.Condition()

    def do(self, operation):
        """The answer to an operation."""
        name, *arguments = operation
        with self.changed:
            answer = getattr(self, name.decode())(*arguments)
            if name in CHANGING:
                self.changed.notify_all()
        return answer

    def set(self, key, value):
        self.values[key] = value
        return []

    def get(self, key):
        return [self.values[key]] if key in self.values else []

    def add(self, key, amount):
        self.values[key] = b"%d" % (int(self.values.get(key, b"0")) + int(amount))
        return [self.values[key]]

    def append(self, key, value):
        return self.set(key, self.values.get(key, b"") + value)

    def compare_set(self, key, expected, desired):
        """The value afterwards. An absent key takes `desired` only where `expected` is empty."""
        if self.values.get(key, b"") == expected:
            self.values[key] = desired
        return [self.values.get(key, expected)]

    def delete_key(self, key):
        return [b"1" if self.values.pop(key, None) is not None else b"0"]

    def check(self, *keys):
        return [b"1" if all(key in self.values for key in keys) else b"0"]

    def list_keys(self):
        return list(self.values)

    def queue_push(self, key, value):
        self.queues.setdefault(key, []).append(value)
        return []

    def queue_pop(self, key):
        return [self.queues[key].pop(0)] if self.queues.get(key) else []

    def queue_len(self, key):
        return [b"%d" % len(self.queues.get(key, ()))]

    def wait(self, seconds, *keys):
        """Waits, without the lock, for the keys; b"0" if they are not there in time."""
        there = self.changed.wait_for(lambda: self.check(*keys) == [b"1"], float(seconds))
        return [b"1" if there else b"0"]

    def wait_for_queue(self, seconds, key):
        """queue_pop, waiting for something in the queue."""
        self.changed.wait_for(lambda: self.queues.get(key), float(seconds))
        return self.queue_pop(key)


def frame(parts):
    """A list of byte strings as one."""
    return b"".join([struct.pack(f"!I{len(parts)}Q", len(parts), *map(len, parts)), *parts])


def read_frame(read):
    """The list that read(n), n bytes or EOFError, begins with."""
    (count,) = struct.unpack("!I", read(4))
    lengths = struct.unpack(f"!{count}Q", read(8 * count))
    return [read(length) for length in lengths]


class Patience:
    """Pauses that grow, until `seconds` have passed."""

    def __init__(self, seconds):
        self.end, self.pause = time.monotonic() + seconds, 0.001

    def waited(self):
        """Pauses once; False when no time is left."""
        left = self.end - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(self.pause, left))
        self.pause = min(2 * self.pause, 0.02)
        return True
