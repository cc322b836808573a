"""What a profile says about patterns that are known to be slow."""

_OFTEN = 100  # calls from which a pattern counts
_SHARE = 0.05  # of all time


def advice(events):
    """A list of sentences, the most expensive pattern first."""
    total = sum(event.self_cpu_time_total for event in events) or 1.0
    found = []
    for average in events.key_averages():
        share = average.self_cpu_time_total / total
        rule = _RULES.get(average.key)
        if rule and average.count >= _OFTEN and share >= _SHARE:
            found.append(
                (
                    share,
                    f"{average.count} calls of {average.key} take {100 * share:.0f} % of the time: {rule}",
                )
            )
    plain = [event for event in events if event.key.startswith("aten::") and not event.cpu_children]
    small = [event for event in plain if event.cpu_time_total < 5]
    if len(small) > 10 * _OFTEN and len(small) > 0.8 * len(plain):
        text = "most operators take less than 5 us, so Python's time counts: use larger batches, or one kernel of your own."
        found.append((1.0, text))
    return [text for _, text in sorted(found, reverse=True)]


_RULES = {
    "aten::item": "keep numbers as tensors and read them once for many steps.",
    "aten::tolist": "work on tensors, and make lists once at the end.",
    "aten::cat": "a tensor that grows by cat is copied each time; collect parts in a list and join them once.",
    "aten::__getitem__": "loop over unbind(), or index once with a tensor of indices.",
    "aten::__setitem__": "collect values and stack them once, or write with a tensor of indices.",
    "aten::to": "make tensors with the dtype they are used in.",
    "aten::contiguous": "the same layout is copied again and again; call contiguous() once, before the loop.",
    "aten::nonzero": "a mask in where() or sums needs no indices.",
}
