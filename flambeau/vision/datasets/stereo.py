"""Data sets of stereo matching: two images and by how many pixels each of the left one has moved, (1, H, W), as an array."""

import functools
import json
import os
import random
import shutil
from pathlib import Path

from .flow import in_order, read_pfm
from .utils import download_and_extract_archive
from .vision import VisionDataset, one_of, pil_image

__all__ = [
    "CREStereo", "CarlaStereo", "ETH3DStereo", "FallingThingsStereo", "InStereo2k", "Kitti2012Stereo", "Kitti2015Stereo",
    "Middlebury2014Stereo", "SceneFlowStereo", "SintelStereo",
]  # fmt: skip


class StereoMatchingDataset(VisionDataset):
    """Pairs of images: (left, right, disparity of the left), and where that is known, (H, W), if the data say so.

    transforms((left, right), (disparity left, right), (mask left, right)) gives three pairs again; what a data set does
    not have is None in them. Download is not offered unless said; the folders are those of the archives.
    """

    _has_built_in_disparity_mask = False

    def __init__(self, root, transforms=None):
        super().__init__(root)
        self.transforms = transforms
        self._images, self._disparities = [], []

    def _pairs(self, folder, left, right=None):
        """[(left, right), ...] of the files that fit two patterns; right is None without a pattern."""
        lefts = in_order(folder, left)
        rights = [None] * len(lefts) if right is None else in_order(folder, right)
        for found, pattern in ((lefts, left), (rights, right)):
            if not found:
                raise FileNotFoundError(
                    f"Dataset not found: {type(self).__name__} has no files {pattern} in {folder}; the folders must be those "
                    "of its archive."
                )
        if len(lefts) != len(rights):
            raise ValueError(
                f"{type(self).__name__}: {folder} has {len(lefts)} files {left} and {len(rights)} files {right}; they must "
                "be as many."
            )
        return list(zip(lefts, rights))

    def _take(self, folder, images, disparities=None):
        """More images and disparities, each two patterns in a folder, or a pattern and None; without them, none."""
        found = self._pairs(folder, *images)
        self._images += found
        no = [(None, None)] * len(found)
        self._disparities += self._pairs(folder, *disparities) if disparities else no

    def _read_img(self, path):
        return pil_image(path)

    def _read_disparity(self, path):
        """(disparity (1, H, W), where it is known (H, W) or None)."""
        raise NotImplementedError(
            f"{type(self).__name__}: it does not say how disparities are read."
        )

    def __getitem__(self, index):
        images = tuple(self._read_img(path) for path in self._images[index])
        read = [
            (None, None) if path is None else self._read_disparity(path)
            for path in self._disparities[index]
        ]
        disparities, masks = zip(*read)
        if self.transforms is not None:
            images, disparities, masks = self.transforms(images, disparities, masks)
        known = self._has_built_in_disparity_mask or masks[0] is not None
        return (*images, disparities[0], masks[0]) if known else (*images, disparities[0])

    def __len__(self):
        return len(self._images)


def _split(dataset, value, *allowed):
    return one_of(type(dataset).__name__, "split", value, allowed or ("train", "test"))


def _by_pfm(path):
    """The sizes of the numbers of a .pfm file: some archives have them negative."""
    import numpy

    return numpy.abs(read_pfm(path, channels=1))


def _by_png(path, unit):
    """The numbers of a PNG, of which `unit` are a pixel."""
    import numpy

    return numpy.asarray(pil_image(path, None)).astype("float32")[None] / unit


class CarlaStereo(StereoMatchingDataset):
    """Scenes of the simulator CARLA, in Middlebury's format. Source: Yang et al., 2019, arXiv:1912.06704."""

    def __init__(self, root, transforms=None):
        super().__init__(root, transforms)
        self._take(
            Path(self.root, "carla-highres/trainingF"),
            ("*/im0.png", "*/im1.png"),
            ("*/disp0GT.pfm", "*/disp1GT.pfm"),
        )

    def _read_disparity(self, path):
        return _by_pfm(path), None


class Kitti2012Stereo(StereoMatchingDataset):
    """Streets, from a car; split "train" or "test". Source: Geiger, Lenz, Urtasun, CVPR 2012."""

    _has_built_in_disparity_mask = True
    _base, _lefts, _rights, _maps = (
        "Kitti2012",
        "colored_0/*_10.png",
        "colored_1/*_10.png",
        ("disp_noc/*.png", None),
    )

    def __init__(self, root, split="train", transforms=None):
        super().__init__(root, transforms)
        training = _split(self, split) == "train"
        folder = Path(self.root, self._base, f"{split}ing")
        self._take(folder, (self._lefts, self._rights), self._maps if training else None)

    def _read_disparity(self, path):
        return _by_png(path, 256), None


class Kitti2015Stereo(Kitti2012Stereo):
    """Streets, from a car; split "train" or "test". Source: Menze, Geiger, "Object scene flow", CVPR 2015."""

    _base, _lefts, _rights, _maps = (
        "Kitti2015",
        "image_2/*.png",
        "image_3/*.png",
        ("disp_occ_0/*.png", "disp_occ_1/*.png"),
    )


class Middlebury2014Stereo(StereoMatchingDataset):
    """Rooms; split "train", "additional" or "test", calibration "perfect", "imperfect" or "both", of "test" None.

    use_ambient_views: the right image may be one of other light. download: from vision.middlebury.edu.
    Source: Scharstein et al., "High-resolution stereo datasets", GCPR 2014.
    """

    splits = {
        "train": "Adirondack Jadeplant Motorcycle Piano Pipes Playroom Playtable Recycle Shelves Vintage".split(),
        "additional": "Backpack Bicycle1 Cable Classroom1 Couch Flowers Mask Shopvac Sticks Storage Sword1 Sword2 "
        "Umbrella".split(),
        "test": "Plants Classroom2E Classroom2 Australia DjembeL CrusadeP Crusade Hoops Bicycle2 Staircase Newkuba "
        "AustraliaP Djembe Livingroom Computer".split(),
    }
    _has_built_in_disparity_mask = True
    _server = "https://vision.middlebury.edu/stereo/"

    def __init__(
        self, root, split="train", calibration="perfect", use_ambient_views=False, transforms=None, download=False
    ):  # fmt: skip
        super().__init__(root, transforms)
        self.split = _split(self, split, "train", "test", "additional")
        if split == "test" and calibration is not None:
            raise ValueError(
                f"Middlebury2014Stereo: calibration is {calibration!r}; of split 'test' it must be None."
            )
        if split != "test":
            kinds = ("perfect", "imperfect", "both")
            one_of("Middlebury2014Stereo", "calibration", calibration, kinds)
        self.use_ambient_views = use_ambient_views
        base = Path(self.root, "Middlebury2014")
        folder = base / split
        if download:
            self._fetch_test(base) if split == "test" else self._fetch(folder)
        scenes = os.listdir(folder) if folder.is_dir() else []
        if not any(scene.startswith(tuple(self.splits[split])) for scene in scenes):
            raise FileNotFoundError(
                f"Dataset not found: Middlebury2014Stereo has no scenes of split {split!r} in {folder}. Use download=True to "
                "fetch them, or put them there."
            )
        both = ("perfect", "imperfect") if calibration == "both" else (calibration,)
        for ending in [""] if split == "test" else [f"-{kind}" for kind in both]:
            scene = f"*{ending}"
            maps = None if split == "test" else (f"{scene}/disp0.pfm", f"{scene}/disp1.pfm")
            self._take(folder, (f"{scene}/im0.png", f"{scene}/im1.png"), maps)

    def _fetch(self, folder):
        for scene in self.splits[self.split]:
            for name in (f"{scene}-perfect", f"{scene}-imperfect"):
                if not (folder / name).exists():
                    url = f"{self._server}data/scenes2014/zip/{name}.zip"
                    download_and_extract_archive(url, str(folder), remove_finished=True)

    def _fetch_test(self, base):
        if (base / "test").is_dir():
            return
        url = f"{self._server}submit3/zip/MiddEval3-data-F.zip"
        download_and_extract_archive(url, str(base), remove_finished=True)
        shutil.move(base / "MiddEval3" / "testF", base / "test")
        shutil.rmtree(base / "MiddEval3")

    def _read_img(self, path):
        path = Path(path)
        if self.use_ambient_views and path.name == "im1.png":
            others = [path.with_name(name) for name in ("im1E.png", "im1L.png")]
            path = random.choice([*(p for p in others if p.exists()), path])
        return super()._read_img(path)

    def _read_disparity(self, path):
        import numpy

        disparity = _by_pfm(path)
        disparity[disparity == numpy.inf] = 0
        return disparity, disparity[0] > 0


class CREStereo(StereoMatchingDataset):
    """Made scenes. Source: Li et al., "Practical stereo matching", 2022, arXiv:2203.11483."""

    _has_built_in_disparity_mask = True

    def __init__(self, root, transforms=None):
        super().__init__(root, transforms)
        for part in ("shapenet", "reflective", "tree", "hole"):
            self._take(
                Path(self.root, "CREStereo", part),
                ("*_left.jpg", "*_right.jpg"),
                ("*_left.disp.png", "*_right.disp.png"),
            )

    def _read_disparity(self, path):
        return _by_png(path, 32), None


class FallingThingsStereo(StereoMatchingDataset):
    """Household things that fall; variant "single", "mixed" or "both". Source: Tremblay et al., 2018, arXiv:1804.06534."""

    def __init__(self, root, variant="single", transforms=None):
        super().__init__(root, transforms)
        one_of("FallingThingsStereo", "variant", variant, ("single", "mixed", "both"))
        for part in ("single", "mixed") if variant == "both" else (variant,):
            scene = "*/*" if part == "single" else "*"
            self._take(
                Path(self.root, "FallingThings", part),
                (f"{scene}/*.left.jpg", f"{scene}/*.right.jpg"),
                (f"{scene}/*.left.depth.png", f"{scene}/*.right.depth.png"),
            )

    def _read_disparity(self, path):
        import numpy

        camera = _settings(os.path.join(os.path.dirname(path), "_camera_settings.json"))
        focal = camera["camera_settings"][0]["intrinsic_settings"]["fx"]
        depth = numpy.asarray(pil_image(path, None)).astype("float32")
        # The eyes are 6 cm apart; depths are counted in parts of which 100 are a centimetre.
        return (6 * focal * 100 / depth)[None], None


@functools.lru_cache(16)
def _settings(path):
    with open(path) as file:
        return json.load(file)


class SceneFlowStereo(StereoMatchingDataset):
    """Made scenes; variant "FlyingThings3D", "Driving" or "Monkaa", pass_name "clean", "final" or "both".

    Source: Mayer et al., "A large dataset to train CNNs", 2016, arXiv:1512.02134.
    """

    def __init__(self, root, variant="FlyingThings3D", pass_name="clean", transforms=None):
        super().__init__(root, transforms)
        name = "SceneFlowStereo"
        one_of(name, "variant", variant, ("FlyingThings3D", "Driving", "Monkaa"))
        one_of(name, "pass_name", pass_name, ("clean", "final", "both"))
        folder = Path(self.root, "SceneFlow", variant)
        scene = "*" if variant == "Monkaa" else "*/*/*"
        for kind in ("clean", "final") if pass_name == "both" else (pass_name,):
            frames = f"frames_{kind}pass/{scene}"
            self._take(
                folder,
                (f"{frames}/left/*.png", f"{frames}/right/*.png"),
                (f"disparity/{scene}/left/*.pfm", f"disparity/{scene}/right/*.pfm"),
            )

    def _read_disparity(self, path):
        return _by_pfm(path), None


class SintelStereo(StereoMatchingDataset):
    """Scenes of an animated film; pass_name "clean", "final" or "both".

    Source: Butler et al., "A naturalistic open source movie for optical flow evaluation", ECCV 2012.
    """

    _has_built_in_disparity_mask = True

    def __init__(self, root, pass_name="final", transforms=None):
        super().__init__(root, transforms)
        one_of("SintelStereo", "pass_name", pass_name, ("final", "clean", "both"))
        folder = Path(self.root, "Sintel/training")
        for kind in ("final", "clean") if pass_name == "both" else (pass_name,):
            self._take(
                folder,
                (f"{kind}_left/*/*.png", f"{kind}_right/*/*.png"),
                ("disparities/*/*.png", None),
            )

    def _read_disparity(self, path):
        """Four pixels a step of red, down to 2**-14 by green and blue; masks of what is hidden or beyond the border."""
        import numpy

        red, green, blue = numpy.moveaxis(numpy.asarray(pil_image(path)).astype("float32"), -1, 0)
        disparity = red * 4 + green / 2**6 + blue / 2**14
        path = Path(path)
        known = None
        for kind in ("occlusions", "outofframe"):
            mask = path.parents[2] / kind / path.parent.name / path.name
            if not mask.exists():
                raise FileNotFoundError(f"Dataset not found: SintelStereo has no mask {mask}.")
            clear = numpy.asarray(pil_image(mask, None)) == 0
            known = clear if known is None else known & clear
        return disparity[None], known


class InStereo2k(StereoMatchingDataset):
    """Rooms; split "train" or "test". Source: Bao et al., "InStereo2K", Science China 63 (2020) 212101."""

    def __init__(self, root, split="train", transforms=None):
        super().__init__(root, transforms)
        self._take(
            Path(self.root, "InStereo2k", _split(self, split)),
            ("*/left.png", "*/right.png"),
            ("*/left_disp.png", "*/right_disp.png"),
        )

    def _read_disparity(self, path):
        return _by_png(path, 1024), None


class ETH3DStereo(StereoMatchingDataset):
    """Rooms and gardens; split "train" or "test". Source: Schöps et al., "A multi-view stereo benchmark", CVPR 2017."""

    _has_built_in_disparity_mask = True

    def __init__(self, root, split="train", transforms=None):
        super().__init__(root, transforms)
        training = _split(self, split) == "train"
        part = "two_view_training" if training else "two_view_test"
        maps = ("two_view_training_gt/*/disp0GT.pfm", None)
        self._take(
            Path(self.root, "ETH3D"),
            (f"{part}/*/im0.png", f"{part}/*/im1.png"),
            maps if training else None,
        )

    def _read_disparity(self, path):
        import numpy

        mask = numpy.asarray(pil_image(Path(path).with_name("mask0nocc.png"), None))
        return _by_pfm(path), mask.astype(bool)
