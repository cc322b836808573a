"""Events as text."""

_UNITS = {"s": 1e6, "ms": 1e3, "us": 1.0}


def _time(us, unit):
    if unit is None:
        unit = "s" if us >= 1e6 else "ms" if us >= 1e3 else "us"
    return f"{us / _UNITS[unit]:.3f}{unit}"


def _memory(nbytes):
    for size, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if abs(nbytes) >= size:
            return f"{nbytes / size:.2f} {unit}"
    return f"{nbytes} B"


def _flops(count):
    if not count:
        return "--"
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")):
        if count >= size:
            return f"{count / size:.3f}{unit}"
    return str(count)


def _cut(text, width):
    return text if width is None or len(text) <= width else text[: width - 3] + "..."


def table(events, sort_by, row_limit, widths, header, top_only, unit, memory, flops):
    """See EventList.table."""
    if unit is not None and unit not in _UNITS:
        raise ValueError(f"table: time_unit must be 's', 'ms' or 'us', got {unit!r}.")
    rows = [event for event in events if not (top_only and event.cpu_parent is not None)]
    if sort_by is not None:
        name = sort_by.replace("cuda", "device")
        try:
            rows.sort(key=lambda event: getattr(event, name), reverse=True)
        except AttributeError:
            raise AttributeError(f"table: events have no {sort_by!r} to be sorted by.") from None
    total = sum(event.self_cpu_time_total for event in events)
    share = lambda us: f"{100 * us / total:.2f}%" if total else "--"
    columns = {
        "Name": lambda e: _cut(e.key, widths[0]),
        "Self CPU %": lambda e: share(e.self_cpu_time_total),
        "Self CPU": lambda e: _time(e.self_cpu_time_total, unit),
        "CPU total %": lambda e: share(e.cpu_time_total),
        "CPU total": lambda e: _time(e.cpu_time_total, unit),
        "CPU time avg": lambda e: _time(e.cpu_time, unit),
    }
    if memory:
        columns["CPU Mem"] = lambda e: _memory(e.cpu_memory_usage)
        columns["Self CPU Mem"] = lambda e: _memory(e.self_cpu_memory_usage)
    columns["# of Calls"] = lambda e: str(e.count)
    if any(event.input_shapes for event in rows):
        columns["Input Shapes"] = lambda e: _cut(str(e.input_shapes), widths[1])
    if any(event.stack for event in rows):
        columns["Source Location"] = lambda e: _cut(" < ".join(e.stack[:3]), widths[2])
    if flops:
        columns["Total FLOPs"] = lambda e: _flops(e.flops)
    shown = rows if row_limit < 0 else rows[:row_limit]
    cells = [[*columns], *([text(event) for text in columns.values()] for event in shown)]
    sizes = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    left = {"Name", "Input Shapes", "Source Location"}
    lines = [
        "  ".join(
            c.ljust(s) if n in left else c.rjust(s) for c, s, n in zip(line, sizes, columns)
        ).rstrip()
        for line in cells
    ]
    rule = "  ".join("-" * size for size in sizes)
    body = [rule, lines[0], rule, *lines[1:], rule]
    if header is not None:
        body[:0] = ["=" * len(rule), header]
    if top_only:
        body.insert(0, "What happened inside other events is left out.")
    return "\n".join([*body, f"Self CPU time total: {_time(total, unit)}", ""])
