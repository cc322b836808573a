"""VisionDataset, the base of data sets of images that lie in files."""

import os

from ...utils.data import Dataset

__all__ = ["StandardTransform", "VisionDataset"]


def _each(transform, value):
    return value if transform is None else transform(value)


class StandardTransform:
    """A transform of the image and one of the target as one of both."""

    def __init__(self, transform=None, target_transform=None):
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input, target):
        return _each(self.transform, input), _each(self.target_transform, target)

    def __repr__(self):
        lines = ["StandardTransform"]
        for name, transform in (
            ("Transform", self.transform),
            ("Target transform", self.target_transform),
        ):
            if transform is not None:
                lines.append(f"{name}: {transform!r}".replace("\n", "\n" + " " * (len(name) + 2)))
        return "\n".join(lines)


class VisionDataset(Dataset):
    """Images from `root`; transforms(image, target), or transform of the one and target_transform of the other.

    A subclass says __getitem__ and __len__, and calls _sample(image, target) at the end of the first.
    """

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError(
                f"{type(self).__name__}: transforms is for both; give it, or transform and target_transform."
            )
        self.transform = transform
        self.target_transform = target_transform
        if transforms is None and (transform is not None or target_transform is not None):
            transforms = StandardTransform(transform, target_transform)
            self._standard = transforms
        self.transforms = transforms

    def _sample(self, image, target):
        # transform and target_transform may have been set anew.
        if self.transforms is not None and self.transforms is not vars(self).get("_standard"):
            return self.transforms(image, target)
        return self._transformed(image, target)

    def _transformed(self, image, target):
        return _each(self.transform, image), _each(self.target_transform, target)

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__}: it does not say what __getitem__ gives.")

    def __len__(self):
        raise NotImplementedError(f"{type(self).__name__}: it does not say its length.")

    def __repr__(self):
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        if self.transforms is not None:
            lines += repr(self.transforms).splitlines()
        return "\n".join([f"Dataset {type(self).__name__}", *(f"    {line}" for line in lines)])

    def extra_repr(self):
        """Further lines of repr()."""
        return ""


def absent(dataset, root):
    """The error of a data set whose files are not there."""
    return RuntimeError(
        f"Dataset not found: {type(dataset).__name__} has no files, or damaged ones, in {root}. Use download=True to "
        "fetch them where it is offered, or put them there."
    )


def one_of(name, what, value, allowed):
    """value, if it is one of some words."""
    if value not in allowed:
        raise ValueError(
            f"{name}: {what} is {value!r}; it must be one of {', '.join(map(repr, allowed))}."
        )
    return value


def pil_image(path, mode="RGB"):
    """The image in a file, by Pillow, in a mode; None keeps it."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            f"vision.datasets needs Pillow to read {getattr(path, 'name', path)}, which is not installed. "
            "Run: pip install 'flambeau[vision]'."
        ) from None
    if not isinstance(path, str | os.PathLike):  # a file of bytes
        image = Image.open(path)
        image.load()
    else:
        with open(path, "rb") as file:
            image = Image.open(file)
            image.load()
    return image if mode is None or image.mode == mode else image.convert(mode)


def as_pil(array):
    """An array (H, W) or (H, W, C) of bytes as an image of Pillow."""
    from ..transforms._conversions import to_pil_image

    return to_pil_image(array)
