"""Writes what flambeau.vision knows of torchvision's published weights, and what its tests compare with.

    python tools/vision_facts.py        where torch and torchvision 0.28 are installed

flambeau/vision/models/facts/weights.json     enum -> members: address, transforms, measured figures
flambeau/vision/models/facts/categories.json  data set -> names of its classes
tests/vision/models.json                      model -> number of parameters, hash of its state_dict's keys and sizes
"""

import enum
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).parent.parent
FACTS = ROOT / "flambeau/vision/models/facts"


def categories():
    from torchvision.models import ResNet18_Weights, detection, segmentation, video

    return {
        "imagenet": ResNet18_Weights.DEFAULT.meta["categories"],
        "coco": detection.FasterRCNN_ResNet50_FPN_Weights.DEFAULT.meta["categories"],
        "person": detection.KeypointRCNN_ResNet50_FPN_Weights.DEFAULT.meta["categories"],
        "voc": segmentation.FCN_ResNet50_Weights.DEFAULT.meta["categories"],
        "kinetics400": video.R3D_18_Weights.DEFAULT.meta["categories"],
    }


def _plain(value):
    if isinstance(value, enum.Enum):
        return str(value.value) if isinstance(value.value, str) else str(value)
    return list(value) if isinstance(value, tuple) else value


def _member(weights, names):
    meta = {key: _plain(value) for key, value in weights.meta.items() if key != "_docs"}
    if meta.get("categories"):
        meta["categories"] = names[tuple(meta["categories"])]
    transforms = weights.transforms
    chosen = getattr(transforms, "keywords", {})
    kind = getattr(transforms, "func", transforms).__name__
    return {
        "url": weights.url,
        "transforms": [kind, {key: _plain(value) for key, value in chosen.items()}],
        "meta": meta,
    }


def weights():
    from torchvision.models._api import BUILTIN_MODELS, get_model_weights

    names = {tuple(listed): name for name, listed in categories().items()}
    found = {}
    for model in sorted(BUILTIN_MODELS):
        kind = get_model_weights(model)
        found[kind.__name__] = {
            "module": kind.__module__.removeprefix("torchvision.models."),
            "model": model,
            "default": kind.DEFAULT.name if "DEFAULT" in kind.__members__ else None,
            "members": {member.name: _member(member.value, names) for member in kind},
        }
    return found


def layout(state):
    """A hash of a state_dict's keys and sizes, in their order."""
    text = "\n".join(f"{key} {tuple(value.shape)}" for key, value in state.items())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def models():
    import torch
    from torchvision.models import get_model, list_models

    table = {}
    for name in list_models():
        bare = (
            {}
            if name.startswith("quantized") or _takes_no_backbone(name)
            else {"weights_backbone": None}
        )
        if name in ("googlenet", "inception_v3", "quantized_googlenet", "quantized_inception_v3"):
            bare["init_weights"] = False
        with torch.device("meta"):
            try:
                model = get_model(name, weights=None, **bare)
            except (NotImplementedError, RuntimeError):  # it computes while it is made
                with torch.device("cpu"):
                    model = get_model(name, weights=None, **bare)
        count = sum(p.numel() for p in model.parameters())
        state = model.state_dict()
        table[name] = [count, len(state), layout(state)]
    return table


def _takes_no_backbone(name):
    import inspect

    from torchvision.models import get_model_builder

    return "weights_backbone" not in inspect.signature(get_model_builder(name)).parameters


def _write(path, lines):
    """One line an entry, so that a change is one line in a diff."""
    rows = (
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in lines.items()
    )
    path.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    FACTS.mkdir(exist_ok=True)
    _write(FACTS / "categories.json", categories())
    _write(FACTS / "weights.json", weights())
    _write(ROOT / "tests/vision/models.json", models())
