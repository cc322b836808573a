"""Events as a trace of Chrome and Perfetto.

Source: "Trace Event Format", https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
"""

import gzip
import json
import os
import socket


def trace(events, metadata=None, start_us=0.0):
    """The trace as a dict; times are microseconds, `start_us` is added to all."""
    pid = os.getpid()
    rows = [{"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": "python"}}]
    for thread in sorted({event.thread for event in events}):
        rows.append(
            {
                "ph": "M",
                "name": "thread_name",
                "pid": pid,
                "tid": thread,
                "args": {"name": f"thread {thread}"},
            }
        )
    calls = {}  # where a node's call was, by the sequence number of both
    for event in events:
        if event.sequence_nr >= 0 and not event.fwd_thread:
            calls[event.sequence_nr] = (
                event  # the last: the innermost call ends first, the outermost is kept
            )
    for event in events:
        args = {"External id": event.id}
        if event.input_shapes:
            args["Input Dims"] = event.input_shapes
            args["Input type"] = event.input_dtypes
        if event.sequence_nr >= 0:
            args["Sequence number"] = event.sequence_nr
            args["Fwd thread id"] = event.fwd_thread or 0
        if event.stack:
            args["Call stack"] = ";\n".join(event.stack)
        if event.module:
            args["Module"] = event.module
        if event.flops:
            args["Flops"] = event.flops
        kind = "user_annotation" if event.is_user_annotation else "cpu_op"
        place = {"pid": pid, "tid": event.thread}
        begin = start_us + event.time_range.start
        rows.append(
            {
                "ph": "X",
                "cat": kind,
                "name": event.trace_name or event.name,
                **place,
                "ts": begin,
                "dur": event.cpu_time_total,
                "args": args,
            }
        )
        if (
            event.fwd_thread
            and event.sequence_nr in calls
            and not event.name.startswith("autograd::")
        ):
            call = calls[event.sequence_nr]
            arrow = {"id": event.sequence_nr, "cat": "fwdbwd", "name": "fwdbwd", "pid": pid}
            rows.append(
                {"ph": "s", **arrow, "tid": call.thread, "ts": start_us + call.time_range.start}
            )
            rows.append({"ph": "f", "bp": "e", **arrow, "tid": event.thread, "ts": begin})
    return {
        "schemaVersion": 1,
        "host_name": socket.gethostname(),
        "displayTimeUnit": "ms",
        **(metadata or {}),
        "traceEvents": rows,
    }


def write(events, path, metadata=None, start_us=0.0):
    """Write a trace to a file, compressed if its name ends in .gz."""
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8") as file:
        json.dump(trace(events, metadata, start_us), file)
