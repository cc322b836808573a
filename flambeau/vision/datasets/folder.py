"""Images in a folder for each class.

root/cat/1.png, root/cat/2.png, root/dog/a.jpg
"""

import os

from .vision import VisionDataset, pil_image

__all__ = ["IMG_EXTENSIONS", "DatasetFolder", "ImageFolder", "default_loader"]

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def has_file_allowed_extension(filename, extensions):
    """Whether a name ends in one of the extensions, in letters of either case."""
    return (
        str(filename)
        .lower()
        .endswith(extensions if isinstance(extensions, str) else tuple(extensions))
    )


def is_image_file(filename):
    """Whether a name is that of an image."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory):
    """(the names of the folders in a folder, sorted; their numbers)."""
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(
            f"DatasetFolder: {directory} has no folders; there must be one for each class."
        )
    return classes, {name: i for i, name in enumerate(classes)}


def make_dataset(
    directory, class_to_idx=None, extensions=None, is_valid_file=None, allow_empty=False
):
    """[(path, number of the class), ...] of all files below the folders of classes, in their order.

    extensions, or is_valid_file(path): which files. FileNotFoundError: a class without one, unless allow_empty.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        _, class_to_idx = find_classes(directory)
    if not class_to_idx:
        raise ValueError("make_dataset: class_to_idx is empty; there must be a class at least.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("make_dataset: give extensions or is_valid_file, and not both.")
    if is_valid_file is None:
        is_valid_file = lambda path: has_file_allowed_extension(path, extensions)
    found, empty = [], []
    for name in sorted(class_to_idx):
        before = len(found)
        for folder, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=True)):
            paths = (os.path.join(folder, file) for file in sorted(files))
            found += [(path, class_to_idx[name]) for path in paths if is_valid_file(path)]
        if len(found) == before:
            empty.append(name)
    if empty and not allow_empty:
        wanted = (
            f" ending in {', '.join([extensions] if isinstance(extensions, str) else extensions)}"
            if extensions
            else ""
        )
        raise FileNotFoundError(
            f"DatasetFolder: no files{wanted} in the classes {', '.join(empty)}."
        )
    return found


def default_loader(path):
    """The image in a file, RGB."""
    return pil_image(path)


pil_loader = default_loader


class DatasetFolder(VisionDataset):
    """Files in a folder for each class: sample i is (loader(path), number of the class).

    extensions, or is_valid_file(path): which files. Attributes: classes, class_to_idx, samples, targets.
    """

    def __init__(
        self, root, loader, extensions=None, transform=None, target_transform=None,
        is_valid_file=None, allow_empty=False,
    ):  # fmt: skip
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(
            self.root, self.class_to_idx, extensions, is_valid_file, allow_empty
        )
        self.loader = loader
        self.extensions = extensions
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(
        directory, class_to_idx, extensions=None, is_valid_file=None, allow_empty=False
    ):
        """make_dataset, for subclasses to replace."""
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory):
        """find_classes, for subclasses to replace."""
        return find_classes(directory)

    def __getitem__(self, index):
        path, target = self.samples[index]
        return self._sample(self.loader(path), target)

    def __len__(self):
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in a folder for each class, as images of Pillow, RGB, unless loader says otherwise."""

    def __init__(
        self, root, transform=None, target_transform=None, loader=default_loader,
        is_valid_file=None, allow_empty=False,
    ):  # fmt: skip
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform,
            target_transform,
            is_valid_file,
            allow_empty,
        )
        self.imgs = self.samples
