"""Examples that the docstrings of many classes share but for one call."""


def _shows(lines):
    """The decorator that puts an example of these lines into a class's docstring, before its source."""

    def show(cls):
        if cls.__doc__:
            margin = cls.__doc__.rpartition("\n")[2]
            parts = cls.__doc__.rstrip().split("\n\n")
            place = len(parts) - parts[-1].lstrip().startswith("Source:")
            parts.insert(place, margin + f"\n{margin}    ".join(["Example:", *lines]))
            cls.__doc__ = "\n\n".join(parts) + f"\n{margin}"
        return cls

    return show


def shows_step(call):
    """Shows one step of an optimizer, made by `call`."""
    return _shows([
        ">>> weight = torch.tensor([1.0, 2.0], requires_grad=True)",
        f">>> optimizer = torch.optim.{call}",
        ">>> (weight**2).sum().backward()",
        ">>> optimizer.step()",
        ">>> bool((weight**2).sum() < 5)",
        "True",
    ])  # fmt: skip


def shows_rate(call, rate):
    """Shows the rate after four epochs of a schedule, made by `call`."""
    return _shows([
        ">>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)",
        f">>> schedule = torch.optim.lr_scheduler.{call}",
        ">>> for _ in range(4):",
        "...     optimizer.step()",
        "...     schedule.step()",
        ">>> schedule.get_last_lr()",
        f"[{rate}]",
    ])  # fmt: skip
