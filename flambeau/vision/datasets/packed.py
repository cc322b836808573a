"""Data sets whose images lie in one file: LSUN (LMDB), PCAM (HDF5), SEMEION (text), PhotoTour (sheets)."""

import importlib
import io
import os
from pathlib import Path

from .utils import (
    check_integrity,
    download_file_from_google_drive,
    download_url,
    extract_archive,
)
from .vision import VisionDataset, absent, as_pil, one_of, pil_image

__all__ = ["LSUN", "LSUNClass", "PCAM", "PhotoTour", "SEMEION"]


def _needed(library, dataset, error):
    """The module that reads the files of a data set."""
    try:
        return importlib.import_module(library)
    except ImportError:
        raise error(
            f"vision.datasets.{dataset} needs {library} to read its files, which is not installed. "
            f"Run: pip install {library}."
        ) from None


class LSUNClass(VisionDataset):
    """The pictures of one class of LSUN, in the folder of its LMDB; targets are None. Needs lmdb."""

    def __init__(self, root, transform=None, target_transform=None):
        lmdb = _needed("lmdb", "LSUN", ImportError)
        super().__init__(root, transform=transform, target_transform=target_transform)
        if not os.path.isdir(self.root):
            raise lmdb.Error(str(absent(self, self.root)))
        self.env = lmdb.open(
            str(self.root), max_readers=1, readonly=True, lock=False, readahead=False, meminit=False
        )
        with self.env.begin() as transaction:
            self.keys = list(transaction.cursor().iternext(keys=True, values=False))
        self.length = len(self.keys)

    def __getitem__(self, index):
        with self.env.begin() as transaction:
            data = transaction.get(self.keys[index])
        return self._sample(pil_image(io.BytesIO(data)), None)

    def __len__(self):
        return self.length


class LSUN(VisionDataset):
    """Pictures of ten kinds of places, with the number of the class.

    classes: "train", "val", "test", or a list of names as "bedroom_train". Its folders are NAME_lmdb. Needs lmdb.
    Source: Yu et al., "LSUN", 2015, arXiv:1506.03365.
    """

    _categories = (
        "bedroom", "bridge", "church_outdoor", "classroom", "conference_room", "dining_room", "kitchen", "living_room",
        "restaurant", "tower",
    )  # fmt: skip
    _parts = ("train", "val", "test")

    def __init__(self, root, classes="train", transform=None, target_transform=None):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes = self._names(classes)
        self.dbs = [LSUNClass(os.path.join(self.root, f"{name}_lmdb")) for name in self.classes]
        self._places = [(db, label, i) for label, db in enumerate(self.dbs) for i in range(len(db))]
        self.length = len(self._places)

    def _names(self, classes):
        if isinstance(classes, str):
            one_of("LSUN", "classes", classes, self._parts)
            ends = [""] if classes == "test" else [f"{name}_" for name in self._categories]
            return [f"{end}{classes}" for end in ends]
        for name in classes:
            category, _, part = name.rpartition("_")
            one_of("LSUN", f"the category of {name!r}", category, self._categories)
            one_of("LSUN", f"the part of {name!r}", part, self._parts)
        return list(classes)

    def __getitem__(self, index):
        db, label, own = self._places[index]
        return self._sample(db[own][0], label)

    def __len__(self):
        return self.length

    def extra_repr(self):
        return f"Classes: {self.classes}"


class PCAM(VisionDataset):
    """327,680 pieces of 96 x 96 pixels of lymph nodes, 1 where there is a tumour; split "train", "val" or "test". Needs h5py.

    Source: Veeling et al., "Rotation Equivariant CNNs for Digital Pathology", 2018, arXiv:1806.03962.
    """

    _FILES = {
        "train": {
            "images": ("camelyonpatch_level_2_split_train_x.h5", "1Ka0XfEMiwgCYPdTI-vv6eUElOBnKFKQ2",
                       "1571f514728f59376b705fc836ff4b63"),
            "targets": ("camelyonpatch_level_2_split_train_y.h5", "1269yhu3pZDP8UYFQs-NYs3FPwuK-nGSG",
                        "35c2d7259d906cfc8143347bb8e05be7"),
        },
        "test": {
            "images": ("camelyonpatch_level_2_split_test_x.h5", "1qV65ZqZvWzuIVthK8eVDhIwrbnsJdbg_",
                       "d8c2d60d490dbd479f8199bdfa0cf6ec"),
            "targets": ("camelyonpatch_level_2_split_test_y.h5", "17BHrSrwWKjYsOgTMmoqrIjDy6Fa2o_gP",
                        "60a7035772fbdb7f34eb86d4420cf66a"),
        },
        "val": {
            "images": ("camelyonpatch_level_2_split_valid_x.h5", "1hgshYGWK8V-eGRy8LToWJJgDU_rXWVJ3",
                       "d5b63470df7cfa627aeec8b9dc0c066e"),
            "targets": ("camelyonpatch_level_2_split_valid_y.h5", "1bH8ZRbhSVAhScTS0p9-ZzGnX91cHT3uO",
                        "2b85f58b927af9964a4c15b8f7e8f179"),
        },
    }  # fmt: skip

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        h5py = _needed("h5py", "PCAM", RuntimeError)
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.h5py = h5py
        self._split = one_of("PCAM", "split", split, ("train", "test", "val"))
        folder = Path(self.root, "pcam")
        self._paths = {kind: folder / name for kind, (name, _, _) in self._FILES[split].items()}
        if download and not all(path.exists() for path in self._paths.values()):
            for name, id, md5 in self._FILES[split].values():
                download_file_from_google_drive(id, str(folder), f"{name}.gz", md5)
                extract_archive(folder / f"{name}.gz")
        if not all(path.exists() for path in self._paths.values()):
            raise absent(self, folder)

    def __getitem__(self, index):
        with self.h5py.File(self._paths["images"]) as file:
            image = as_pil(file["x"][index])
        with self.h5py.File(self._paths["targets"]) as file:
            target = int(file["y"][index, 0, 0, 0])
        return self._sample(image, target)

    def __len__(self):
        with self.h5py.File(self._paths["images"]) as file:
            return len(file["x"])


class SEMEION(VisionDataset):
    """1,593 handwritten digits of 16 x 16 pixels, black and white. data: (N, 16, 16), labels: an array.

    Source: Buscema, Semeion Research Center, in the UCI repository, 1994.
    """

    url = "http://archive.ics.uci.edu/ml/machine-learning-databases/semeion/semeion.data"
    filename = "semeion.data"
    md5_checksum = "cb545d371d2ce14ec121470795a77432"

    def __init__(self, root, transform=None, target_transform=None, download=True):
        super().__init__(root, transform=transform, target_transform=target_transform)
        import numpy

        path = os.path.join(self.root, self.filename)
        if download and not check_integrity(path, self.md5_checksum):
            download_url(self.url, self.root, self.filename, self.md5_checksum)
        if not check_integrity(path, self.md5_checksum):
            raise absent(self, path)
        values = numpy.loadtxt(path, ndmin=2)
        self.data = (values[:, :256] * 255).astype("uint8").reshape(-1, 16, 16)
        self.labels = values[:, 256:].argmax(1)

    def __getitem__(self, index):
        return self._sample(as_pil(self.data[index]), int(self.labels[index]))

    def __len__(self):
        return len(self.data)


class PhotoTour(VisionDataset):
    """Grey patches of 64 x 64 pixels of three monuments, or pairs of them and whether they show one point.

    name: "notredame", "yosemite" or "liberty", and with "_harris". train: samples are patches, uint8 (64, 64); else
    (patch, patch, 1 where they match). The patches are read from the sheets once, into NAME.pt beside them.
    Source: Winder, Brown, "Learning local image descriptors", CVPR 2007.
    """

    # name -> address, MD5, mean, deviation, number of patches
    _known = {
        "notredame_harris": ("http://matthewalunbrown.com/patchdata/notredame_harris.zip",
                             "69f8c90f78e171349abdf0307afefe4d", 0.4854, 0.1864, 325295),
        "yosemite_harris": ("http://matthewalunbrown.com/patchdata/yosemite_harris.zip",
                            "a73253d1c6fbd3ba2613c45065c00d46", 0.4844, 0.1818, 450912),
        "liberty_harris": ("http://matthewalunbrown.com/patchdata/liberty_harris.zip",
                           "c731fcfb3abb4091110d0ae8c7ba182c", 0.4437, 0.2019, 379587),
        "notredame": ("http://icvl.ee.ic.ac.uk/vbalnt/notredame.zip",
                      "509eda8535847b8c0a90bbb210c83484", 0.4854, 0.1864, 468159),
        "yosemite": ("http://icvl.ee.ic.ac.uk/vbalnt/yosemite.zip",
                     "533b2e8eb7ede31be40abc317b2fd4f0", 0.4844, 0.1818, 633587),
        "liberty": ("http://icvl.ee.ic.ac.uk/vbalnt/liberty.zip",
                    "fdd9152f138ea5ef2091746689176414", 0.4437, 0.2019, 450092),
    }  # fmt: skip
    image_ext = "bmp"
    info_file = "info.txt"
    matches_files = "m50_100000_100000_0.txt"

    def __init__(self, root, name, train=True, transform=None, download=False):
        super().__init__(root, transform=transform)
        from ... import load, save

        self.name = one_of("PhotoTour", "name", name, tuple(self._known))
        self.train = train
        url, md5, self.mean, self.std, _ = self._known[name]
        self.data_dir = os.path.join(self.root, name)
        self.data_file = os.path.join(self.root, f"{name}.pt")
        if not os.path.exists(self.data_file):
            if download and not os.path.isdir(self.data_dir):
                download_url(url, self.root, f"{name}.zip", md5)
                archive = os.path.join(self.root, f"{name}.zip")
                extract_archive(archive, self.data_dir, remove_finished=True)
            if not os.path.isdir(self.data_dir):
                raise absent(self, self.data_dir)
            save(self._read(), self.data_file)
        self.data, self.labels, self.matches = load(self.data_file, weights_only=True)

    def _read(self):
        """(patches (N, 64, 64), the point of each, (pairs, 3): two patches and whether they match)."""
        import numpy

        from ... import from_numpy, tensor

        folder = Path(self.data_dir)
        patches = []
        for path in sorted(folder.glob(f"*.{self.image_ext}")):
            sheet = numpy.asarray(pil_image(path, "L"))
            rows, columns = sheet.shape[0] // 64, sheet.shape[1] // 64
            cut = sheet[: rows * 64, : columns * 64].reshape(rows, 64, columns, 64)
            patches.append(cut.swapaxes(1, 2).reshape(-1, 64, 64))
        patches = numpy.concatenate(patches)[: self.lens[self.name]]
        points = [
            int(line.split()[0]) for line in (folder / self.info_file).read_text().splitlines()
        ]
        rows = map(str.split, (folder / self.matches_files).read_text().splitlines())
        pairs = [[int(row[0]), int(row[3]), int(row[1] == row[4])] for row in rows]
        return from_numpy(patches), tensor(points), tensor(pairs)

    def __getitem__(self, index):
        show = self.transform or (lambda patch: patch)
        if self.train:
            return show(self.data[index])
        one, other, match = self.matches[index]
        return show(self.data[one]), show(self.data[other]), match

    def __len__(self):
        return len(self.data if self.train else self.matches)

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


for _name, _place in (("means", 2), ("stds", 3), ("lens", 4)):
    setattr(PhotoTour, _name, {name: row[_place] for name, row in PhotoTour._known.items()})
