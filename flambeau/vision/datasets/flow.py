"""Data sets of optical flow: two images and where each pixel of the first is in the second, (2, H, W), as an array."""

import itertools
import os
from pathlib import Path

from .folder import default_loader
from .vision import VisionDataset, one_of

__all__ = ["FlyingChairs", "FlyingThings3D", "HD1K", "KittiFlow", "Sintel"]


class FlowDataset(VisionDataset):
    """Pairs of images and their flows: (image, image, flow), and where the flow is known, (H, W), if the data say so.

    transforms(image, image, flow, mask) gives four again. Without flows, of test images, flow is None. A number times a
    data set repeats it. Download is not offered; the folders are those of the archives.
    """

    _has_builtin_flow_mask = False
    _read_flow = None

    def __init__(self, root, transforms=None, loader=default_loader):
        super().__init__(root)
        self.transforms = transforms
        self._loader = loader
        self._image_list, self._flow_list = [], []

    def __getitem__(self, index):
        images = [self._loader(path) for path in self._image_list[index]]
        flow = mask = None
        if self._flow_list:
            flow = type(self)._read_flow(self._flow_list[index])
            if self._has_builtin_flow_mask:
                flow, mask = flow
        if self.transforms is not None:
            *images, flow, mask = self.transforms(*images, flow, mask)
        known = self._has_builtin_flow_mask or mask is not None
        return (*images, flow, mask) if known else (*images, flow)

    def __len__(self):
        return len(self._image_list)

    def __rmul__(self, times):
        from ...utils.data import ConcatDataset

        return ConcatDataset([self] * times)

    def _found(self, where):
        if not self._image_list:
            raise FileNotFoundError(
                f"Dataset not found: {type(self).__name__} has no images in {where}; the folders must be those of its archive."
            )


def in_order(folder, pattern):
    """The paths below a folder that fit a pattern, sorted, as str."""
    return sorted(str(path) for path in Path(folder).glob(pattern))


class Sintel(FlowDataset):
    """Scenes of an animated film; split "train" or "test", pass_name "clean", "final" or "both".

    Source: Butler et al., "A naturalistic open source movie for optical flow evaluation", ECCV 2012.
    """

    def __init__(
        self, root, split="train", pass_name="clean", transforms=None, loader=default_loader
    ):
        super().__init__(root, transforms, loader)
        one_of("Sintel", "split", split, ("train", "test"))
        one_of("Sintel", "pass_name", pass_name, ("clean", "final", "both"))
        base = Path(self.root, "Sintel")
        part = base / ("training" if split == "train" else "test")
        for kind in ("clean", "final") if pass_name == "both" else (pass_name,):
            for scene in sorted((part / kind).glob("*")):
                images = in_order(scene, "*.png")
                self._image_list += [list(pair) for pair in itertools.pairwise(images)]
                if split == "train":
                    self._flow_list += in_order(base / "training/flow" / scene.name, "*.flo")
        self._found(part)


class _Streets(FlowDataset):
    _has_builtin_flow_mask = True

    def __init__(self, root, split="train", transforms=None, loader=default_loader):
        super().__init__(root, transforms, loader)
        one_of(type(self).__name__, "split", split, ("train", "test"))
        self._list(split)


class KittiFlow(_Streets):
    """Streets, from a car; split "train" or "test". Source: Menze, Geiger, "Object scene flow", CVPR 2015."""

    def _list(self, split):
        folder = Path(self.root, "KittiFlow", f"{split}ing")
        first, second = (in_order(folder / "image_2", f"*_{n}.png") for n in (10, 11))
        self._image_list = [list(pair) for pair in zip(first, second)]
        self._found(folder)
        if split == "train":
            self._flow_list = in_order(folder / "flow_occ", "*_10.png")


class FlyingChairs(FlowDataset):
    """Chairs before photographs; split "train" or "val". Source: Dosovitskiy et al., "FlowNet", 2015, arXiv:1504.06852."""

    def __init__(self, root, split="train", transforms=None):
        super().__init__(root, transforms)
        one_of("FlyingChairs", "split", split, ("train", "val"))
        folder = Path(self.root, "FlyingChairs")
        parts = folder / "FlyingChairs_train_val.txt"
        if not parts.exists():
            raise FileNotFoundError(
                f"Dataset not found: FlyingChairs has no {parts}; the list stands on the page of the data set."
            )
        images, flows = (in_order(folder / "data", pattern) for pattern in ("*.ppm", "*.flo"))
        wanted = "1" if split == "train" else "2"
        for i, (flow, part) in enumerate(zip(flows, parts.read_text().split())):
            if part == wanted:
                self._flow_list.append(flow)
                self._image_list.append(images[2 * i : 2 * i + 2])


class FlyingThings3D(FlowDataset):
    """Things that fly; split "train" or "test", pass_name "clean", "final" or "both", camera "left", "right" or "both".

    Both directions of time. Source: Mayer et al., "A large dataset to train CNNs", 2016, arXiv:1512.02134.
    """

    def __init__(
        self, root, split="train", pass_name="clean", camera="left", transforms=None, loader=default_loader
    ):  # fmt: skip
        super().__init__(root, transforms, loader)
        name = "FlyingThings3D"
        one_of(name, "split", split, ("train", "test"))
        one_of(name, "pass_name", pass_name, ("clean", "final", "both"))
        one_of(name, "camera", camera, ("left", "right", "both"))
        folder = Path(self.root, name)
        kinds = ("clean", "final") if pass_name == "both" else (pass_name,)
        cameras = ("left", "right") if camera == "both" else (camera,)
        for kind, side, time in itertools.product(kinds, cameras, ("into_future", "into_past")):
            scenes = in_order(folder / f"frames_{kind}pass" / split.upper(), "*/*")
            fields = in_order(folder / "optical_flow" / split.upper(), "*/*")
            for scene, field in zip(scenes, fields):
                images = in_order(Path(scene, side), "*.png")
                flows = in_order(Path(field, time, side), "*.pfm")
                pairs = list(itertools.pairwise(images))[: max(len(flows) - 1, 0)]
                past = time == "into_past"
                self._image_list += [list(reversed(pair)) if past else list(pair) for pair in pairs]
                self._flow_list += flows[1:] if past else flows[: len(pairs)]
        self._found(folder)


class HD1K(_Streets):
    """Streets; split "train" or "test". Source: Kondermann et al., "The HCI benchmark suite", CVPR workshops 2016."""

    def _list(self, split):
        folder = Path(self.root, "hd1k")
        if split == "test":
            first, second = (
                in_order(folder / "hd1k_challenge/image_2", f"*{n}.png") for n in (10, 11)
            )
            self._image_list = [list(pair) for pair in zip(first, second)]
        for sequence in range(36 if split == "train" else 0):
            flows = in_order(folder / "hd1k_flow_gt/flow_occ", f"{sequence:06d}_*.png")
            images = in_order(folder / "hd1k_input/image_2", f"{sequence:06d}_*.png")
            pairs = [list(pair) for pair in itertools.pairwise(images)]
            self._flow_list += flows[: len(pairs)]
            self._image_list += pairs[: len(flows)]
        self._found(folder)


# -- files of numbers


def read_flo(path):
    """Middlebury's .flo: "PIEH", width, height, then x and y of each pixel. (2, H, W)."""
    import numpy

    with open(path, "rb") as file:
        if file.read(4) != b"PIEH":
            raise ValueError(
                f"read_flo: {os.fspath(path)} is no .flo file; it must begin with PIEH."
            )
        width, height = numpy.fromfile(file, "<i4", 2).tolist()
        values = numpy.fromfile(file, "<f4", 2 * width * height)
    return values.reshape(height, width, 2).transpose(2, 0, 1)


def read_pfm(path, channels=2):
    """A portable float map, its rows from the bottom: the first `channels`, (channels, H, W).

    Source: Debevec, pfm format; a negative scale says little-endian.
    """
    import numpy

    with open(path, "rb") as file:
        kind = file.readline().strip()
        if kind not in (b"PF", b"Pf"):
            raise ValueError(
                f"read_pfm: {os.fspath(path)} is no .pfm file; it must begin with PF or Pf."
            )
        width, height = map(int, file.readline().split())
        order = "<" if float(file.readline()) < 0 else ">"
        values = numpy.fromfile(file, f"{order}f4")
    planes = values.reshape(height, width, 3 if kind == b"PF" else 1).transpose(2, 0, 1)
    return numpy.ascontiguousarray(planes[:channels, ::-1]).astype("float32")


def read_flow_png(path):
    """KITTI's PNG of three channels of 16 bits: x and y, 64 a pixel about 2**15, and whether they are known."""
    from ..io import decode_png, read_file

    values = decode_png(read_file(path)).numpy()
    return (values[:2].astype("float32") - 2**15) / 64, values[2] != 0


Sintel._read_flow = FlyingChairs._read_flow = staticmethod(read_flo)
FlyingThings3D._read_flow = staticmethod(read_pfm)
KittiFlow._read_flow = HD1K._read_flow = staticmethod(read_flow_png)
