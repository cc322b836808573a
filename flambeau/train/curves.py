"""What a log says, as records and as a picture."""

import json
import os


def read_log(path):
    """The lines of a log.jsonl, a dict each; `path` may be the folder."""
    path = os.path.join(path, "log.jsonl") if os.path.isdir(path) else path
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]


def draw_curves(log, path, history=()):
    """Draw the loss, the other values and the learning rate over the steps, into an image file.

    Args:
        log (path or list of dict): a log.jsonl, its folder, or what read_log gives.
        path (path): the image, such as curves.png or curves.svg.
        history (list of dict, optional): what Trainer.fit gave, for the points of the validation.

    Raises:
        ImportError: matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            "train.draw_curves needs matplotlib, which is not installed. Run: pip install 'flambeau[plot]'."
        ) from None
    rows = log if isinstance(log, list) else read_log(log)
    names = [name for name in (rows[0] if rows else ()) if name not in ("step", "epoch", "time")]
    names.sort(key=lambda name: (name != "loss", name == "lr"))  # the loss first, the rate last
    figure = Figure(figsize=(8, 2.4 * max(1, len(names))), layout="constrained")
    grid = figure.subplots(max(1, len(names)), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(grid, names):
        points = [(row["step"], row[name]) for row in rows if name in row]
        steps, values = zip(*points)
        plain = name == "lr"
        axes.plot(steps, values, color="tab:blue", alpha=1 if plain else 0.3, linewidth=1)
        if not plain:
            axes.plot(steps, smooth(values), color="tab:blue")
        held = [r for r in history if name in r.get("validation", ())]
        if held:
            seen = [r["validation"][name] for r in held]
            axes.plot([r["step"] for r in held], seen, "o-", color="tab:orange", label="validation")
            axes.legend()
        if name == "loss" and min(values) > 0:
            axes.set_yscale("log")
        axes.set_ylabel(name)
    grid[-1].set_xlabel("step")
    figure.savefig(path, dpi=110)


def smooth(values, weight=0.95):
    """The exponential moving average of a list."""
    smoothed, average = [], values[0]
    for value in values:
        average = weight * average + (1 - weight) * value
        smoothed.append(average)
    return smoothed
