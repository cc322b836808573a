"""Learn to find shapes: a small FCOS detector on images that the program makes itself.

    python examples/shapes.py

Each image has one to three squares and discs. The detector learns where they are and which is which, and at the end
draws what it finds into images that it has not seen. 800 steps take about a minute.
"""

import sys
import time
from collections import OrderedDict

import program

import flambeau as torch
from flambeau import nn
from flambeau.vision import ops
from flambeau.vision.models.detection import FCOS
from flambeau.vision.models.detection.anchor_utils import AnchorGenerator
from flambeau.vision.utils import draw_bounding_boxes, make_grid

SIZE = 64
NAMES = ["nothing", "square", "disc"]
GOAL = 0.8  # of the shapes are found, with the right name and half of the box or more, and of what is found is right


def made_image():
    """An image (3, 64, 64) and its target: boxes and labels."""
    image = torch.rand(3, 1, 1) * 0.3 + torch.rand(3, SIZE, SIZE) * 0.1
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    boxes: list[torch.Tensor] = []
    labels: list[int] = []
    for _ in range(int(torch.randint(1, 4, ()))):
        side = int(torch.randint(10, 28, ()))
        left, top = (int(v) for v in torch.randint(0, SIZE - side, (2,)))
        box = torch.tensor([[left, top, left + side, top + side]]).float()
        if boxes and float(ops.box_iou(torch.cat(boxes), box).max()) > 0.05:
            continue
        label = int(torch.randint(1, 3, ()))
        inside = (x >= left) & (x < left + side) & (y >= top) & (y < top + side)
        if label == 2:
            middle = (left + (side - 1) / 2, top + (side - 1) / 2)
            inside = (x - middle[0]) ** 2 + (y - middle[1]) ** 2 <= (side / 2) ** 2
        image = torch.where(inside, 0.5 + 0.5 * torch.rand(3, 1, 1), image)
        boxes.append(box)
        labels.append(label)
    return image, {"boxes": torch.cat(boxes), "labels": torch.tensor(labels)}


class Backbone(nn.Module):
    """Features of 64 channels at a quarter and an eighth of the size."""

    out_channels = 64

    def __init__(self):
        super().__init__()
        block = ops.Conv2dNormActivation
        self.quarter = nn.Sequential(block(3, 32, stride=2), block(32, 64, stride=2), block(64, 64))
        self.eighth = nn.Sequential(block(64, 64, stride=2), block(64, 64))

    def forward(self, x):
        fine = self.quarter(x)
        return OrderedDict(fine=fine, coarse=self.eighth(fine))


def detector():
    anchors = AnchorGenerator(((4,), (8,)), ((1.0,),) * 2)  # one a place, as large as its stride
    return FCOS(
        Backbone(), len(NAMES), min_size=SIZE, max_size=SIZE, anchor_generator=anchors,
        image_mean=[0.5] * 3, image_std=[0.25] * 3, score_thresh=0.3,
    )  # fmt: skip


def find(model, image):
    """What the model finds in an image, one name a place: the likelier of two is kept."""
    with torch.no_grad():
        result = model.eval()([image])[0]
    kept = ops.nms(result["boxes"], result["scores"], 0.5)
    return {key: value[kept] for key, value in result.items()}


def found_share(model, samples):
    """(the share of the shapes that are found, the share of what is found that is right)."""
    found = wanted = told = 0
    with torch.no_grad():
        for image, target in samples:
            result = find(model, image)
            told += len(result["labels"])
            wanted += len(target["labels"])
            if not len(result["boxes"]):
                continue
            overlap = ops.box_iou(target["boxes"], result["boxes"])
            named = target["labels"][:, None] == result["labels"][None]
            found += int(((overlap >= 0.5) & named).any(dim=1).sum())
    return found / wanted, found / max(told, 1)


def picture(model, samples):
    """Images with what the model finds in them, side by side."""
    drawn = []
    for image, _ in samples:
        result = find(model, image)
        names = [NAMES[label] for label in result["labels"].tolist()]
        large = nn.functional.interpolate(image[None], scale_factor=4, mode="nearest")[0]
        drawn.append(
            draw_bounding_boxes(large, result["boxes"] * 4, names, colors="yellow", width=2)
        )
    return make_grid(drawn, nrow=4)


def main():
    parser = program.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=800)
    args = program.started(parser)
    model = detector()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=args.steps)
    begin = time.perf_counter()
    for step in range(1, args.steps + 1):
        images, targets = zip(*(made_image() for _ in range(8)))
        losses = model.train()(list(images), list(targets))
        loss = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == args.steps:
            print(
                f"step {step}: loss {float(loss.detach()):.3f}, {time.perf_counter() - begin:.0f} s"
            )
    samples = [made_image() for _ in range(50)]
    share, right = found_share(model, samples)
    print(
        f"found: {100 * share:.0f} % of the shapes of 50 new images; {100 * right:.0f} % of what is found is right"
    )
    try:
        from flambeau.vision.transforms.functional import to_pil_image

        path = args.out / "shapes.png"
        to_pil_image(picture(model, samples[:8])).save(path)
        print(f"picture: {path}")
    except ImportError:
        print("No picture: it needs Pillow. Run: pip install 'flambeau[vision]'.")
    return 0 if min(share, right) >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
