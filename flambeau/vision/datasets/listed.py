"""What data sets of image files with a label each share."""

from pathlib import Path

from .folder import default_loader
from .utils import download_and_extract_archive
from .vision import VisionDataset, absent


class Listed(VisionDataset):
    """Image files and their labels, side by side."""

    def __init__(self, root, transform=None, target_transform=None, loader=default_loader):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        self._image_files, self._labels = [], []

    def __getitem__(self, index):
        return self._sample(self.loader(self._image_files[index]), self._labels[index])

    def __len__(self):
        return len(self._image_files)

    def extra_repr(self):
        return f"Split: {self._split}" if hasattr(self, "_split") else ""

    def _have(self, folder, download, url=None, md5=None, into=None):
        """folder, after an archive was unpacked into a folder (root) where it is not there and is to be downloaded."""
        folder = Path(folder)
        if download and not folder.is_dir():
            download_and_extract_archive(url, str(into or self.root), md5=md5)
        if not folder.is_dir():
            raise absent(self, folder)
        return folder

    def _take_classes(self, classes):
        self.classes = list(classes)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def _take_samples(self, samples):
        """[(path, label), ...]."""
        self._image_files = [path for path, _ in samples]
        self._labels = [label for _, label in samples]


def read_mat(path, squeeze=True):
    """What a file of MATLAB holds, by SciPy; squeeze: without dimensions of size 1."""
    try:
        from scipy.io import loadmat
    except ImportError:
        raise ImportError(
            f"vision.datasets needs SciPy to read {Path(path).name}, which is not installed. Run: pip install scipy."
        ) from None
    return loadmat(path, squeeze_me=squeeze)
