"""Data sets of images in files with a class each, continued: textures, countries, satellites, signs, scenes, species."""

import csv
import json
import os
from pathlib import Path

from .folder import ImageFolder, default_loader, find_classes, make_dataset
from .listed import Listed, read_mat
from .utils import check_integrity, download_and_extract_archive, list_dir, list_files
from .vision import absent, one_of, pil_image

__all__ = [
    "CLEVRClassification", "Country211", "DTD", "EuroSAT", "FGVCAircraft", "GTSRB", "INaturalist", "Imagenette", "Omniglot",
    "Places365", "RenderedSST2", "SUN397", "StanfordCars",
]  # fmt: skip


class CLEVRClassification(Listed):
    """Pictures of made scenes with the number of their objects; split "train", "val" or "test", which has None.

    Source: Johnson et al., "CLEVR", 2017, arXiv:1612.06890.
    """

    _URL = "https://dl.fbaipublicfiles.com/clevr/CLEVR_v1.0.zip"
    _MD5 = "b11922020e72d0cd9154779b2d3d07d2"

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False, loader=default_loader
    ):  # fmt: skip
        super().__init__(root, transform, target_transform, loader)
        self._split = one_of("CLEVRClassification", "split", split, ("train", "val", "test"))
        base = Path(self.root, "clevr")
        folder = self._have(base / "CLEVR_v1.0", download, self._URL, self._MD5, base)
        self._image_files = sorted((folder / "images" / split).glob("*"))
        counts = {}
        if split != "test":
            scenes = json.loads((folder / "scenes" / f"CLEVR_{split}_scenes.json").read_text())
            counts = {s["image_filename"]: len(s["objects"]) for s in scenes["scenes"]}
        self._labels = [counts[p.name] if counts else None for p in self._image_files]


class _Folders(ImageFolder):
    """An ImageFolder that is unpacked from an archive."""

    def __init__(self, root, folder, url, md5, into, download, transform, target_transform, loader):
        self.root = os.path.expanduser(root)
        place = Path(self.root, folder)
        if download and not place.is_dir():
            download_and_extract_archive(url, os.path.join(self.root, into), md5=md5)
        if not place.is_dir():
            raise absent(self, place)
        super().__init__(
            str(place), transform=transform, target_transform=target_transform, loader=loader
        )
        self.root = os.path.expanduser(root)


class Country211(_Folders):
    """Photographs of 211 countries; split "train", "valid" or "test". Source: Radford et al., 2021, arXiv:2103.00020."""

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False, loader=default_loader
    ):  # fmt: skip
        self._split = one_of("Country211", "split", split, ("train", "valid", "test"))
        super().__init__(
            root, f"country211/{split}", "https://openaipublic.azureedge.net/clip/data/country211.tgz",
            "84988d7644798601126c29e9877aab6a", "", download, transform, target_transform, loader,
        )  # fmt: skip


class EuroSAT(_Folders):
    """27,000 satellite pictures of 64 x 64 pixels in 10 classes of land. Source: Helber et al., 2019, arXiv:1709.00029."""

    def __init__(
        self, root, transform=None, target_transform=None, download=False, loader=default_loader
    ):
        super().__init__(
            root, "eurosat/2750",
            "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
            "c8fa014336c82ac7804f0398fcb19387", "eurosat", download, transform, target_transform, loader,
        )  # fmt: skip


class DTD(Listed):
    """5,640 textures in 47 classes; split "train", "val" or "test" of one of ten partitions.

    Source: Cimpoi et al., "Describing Textures in the Wild", 2014, arXiv:1311.3618.
    """

    _URL = "https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz"
    _MD5 = "fff73e5086ae6bdbea199a49dfb8a4c1"

    def __init__(
        self, root, split="train", partition=1, transform=None, target_transform=None, download=False,
        loader=default_loader,
    ):  # fmt: skip
        super().__init__(root, transform, target_transform, loader)
        self._split = one_of("DTD", "split", split, ("train", "val", "test"))
        if partition not in range(1, 11):
            raise ValueError(f"DTD: partition is {partition!r}; it must be 1 to 10.")
        self._partition = partition
        base = Path(self.root, "dtd")
        folder = self._have(base / "dtd", download, self._URL, self._MD5, base)
        lines = (folder / "labels" / f"{split}{partition}.txt").read_text().split()
        kinds = [line.split("/")[0] for line in lines]
        self._take_classes(sorted(set(kinds)))
        self._take_samples(
            [
                (folder / "images" / line, self.class_to_idx[kind])
                for line, kind in zip(lines, kinds)
            ]
        )

    def extra_repr(self):
        return f"split={self._split}, partition={self._partition}"


class FGVCAircraft(Listed):
    """10,200 pictures of aircraft; split "train", "val", "trainval" or "test".

    annotation_level: "variant", "family" or "manufacturer". Source: Maji et al., 2013, arXiv:1306.5151.
    """

    _URL = "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz"
    _LISTS = {
        "variant": "variants.txt",
        "family": "families.txt",
        "manufacturer": "manufacturers.txt",
    }

    def __init__(
        self, root, split="trainval", annotation_level="variant", transform=None, target_transform=None,
        download=False, loader=default_loader,
    ):  # fmt: skip
        super().__init__(root, transform, target_transform, loader)
        name = "FGVCAircraft"
        self._split = one_of(name, "split", split, ("train", "val", "trainval", "test"))
        level = one_of(name, "annotation_level", annotation_level, tuple(self._LISTS))
        folder = self._have(Path(self.root, "fgvc-aircraft-2013b"), download, self._URL) / "data"
        self._take_classes((folder / self._LISTS[level]).read_text().splitlines())
        rows = (folder / f"images_{level}_{split}.txt").read_text().splitlines()
        self._take_samples(
            [
                (folder / "images" / f"{number}.jpg", self.class_to_idx[kind])
                for number, _, kind in (row.strip().partition(" ") for row in rows)
            ]
        )


class GTSRB(Listed):
    """51,839 German traffic signs in 43 classes; split "train" or "test". Source: Stallkamp et al., 2012."""

    _SERVER = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
    _FILES = {
        "train": (("GTSRB-Training_fixed.zip", "513f3c79a4c5141765e10e952eaa2478"),),
        "test": (
            ("GTSRB_Final_Test_Images.zip", "c7e4e6327067d32654124b0fe9e82185"),
            ("GTSRB_Final_Test_GT.zip", "fe31e9c9270bbcd7b84b7f21a9d9d9e5"),
        ),
    }

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        super().__init__(root, transform, target_transform)
        self._split = one_of("GTSRB", "split", split, ("train", "test"))
        base = Path(self.root, "gtsrb")
        folder = base / "GTSRB" / ("Training" if split == "train" else "Final_Test/Images")
        if download and not folder.is_dir():
            for name, md5 in self._FILES[split]:
                download_and_extract_archive(self._SERVER + name, str(base), md5=md5)
        self._have(folder, False)
        if split == "train":
            self._take_samples(make_dataset(str(folder), extensions=(".ppm",)))
            return
        with open(base / "GT-final_test.csv", newline="") as file:
            rows = csv.DictReader(file, delimiter=";", skipinitialspace=True)
            self._take_samples(
                [(str(folder / row["Filename"]), int(row["ClassId"])) for row in rows]
            )


class Imagenette(Listed):
    """Ten easy classes of ImageNet; split "train" or "val", size "full", "320px" or "160px". Source: Howard, fast.ai, 2019."""

    _SERVER = "https://s3.amazonaws.com/fast-ai-imageclas/"
    _ARCHIVES = {
        "full": ("imagenette2", "fe2fc210e6bb7c5664d602c3cd71e612"),
        "320px": ("imagenette2-320", "3df6f0d01a2c9592104656642f5e78a3"),
        "160px": ("imagenette2-160", "e793b78cc4c9e9a4ccc0c1155377a412"),
    }
    _WNID_TO_CLASS = {
        "n01440764": ("tench", "Tinca tinca"),
        "n02102040": ("English springer", "English springer spaniel"),
        "n02979186": ("cassette player",),
        "n03000684": ("chain saw", "chainsaw"),
        "n03028079": ("church", "church building"),
        "n03394916": ("French horn", "horn"),
        "n03417042": ("garbage truck", "dustcart"),
        "n03425413": ("gas pump", "gasoline pump", "petrol pump", "island dispenser"),
        "n03445777": ("golf ball",),
        "n03888257": ("parachute", "chute"),
    }

    def __init__(
        self, root, split="train", size="full", download=False, transform=None, target_transform=None,
        loader=default_loader,
    ):  # fmt: skip
        super().__init__(root, transform, target_transform, loader)
        self._split = one_of("Imagenette", "split", split, ("train", "val"))
        self._size = one_of("Imagenette", "size", size, tuple(self._ARCHIVES))
        name, md5 = self._ARCHIVES[size]
        folder = self._have(Path(self.root, name), download, f"{self._SERVER}{name}.tgz", md5)
        self.wnids, self.wnid_to_idx = find_classes(folder / split)
        self.classes = [self._WNID_TO_CLASS[wnid] for wnid in self.wnids]
        self.class_to_idx = {name: i for i, names in enumerate(self.classes) for name in names}
        self._take_samples(make_dataset(folder / split, self.wnid_to_idx, extensions=".jpeg"))


class RenderedSST2(Listed):
    """Sentences about films as pictures, negative or positive; split "train", "val" or "test".

    Source: Radford et al., 2021, arXiv:2103.00020.
    """

    _URL = "https://openaipublic.azureedge.net/clip/data/rendered-sst2.tgz"
    _MD5 = "2384d08e9dcfa4bd55b324e610496ee5"
    _FOLDERS = {"train": "train", "val": "valid", "test": "test"}

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False, loader=default_loader
    ):  # fmt: skip
        super().__init__(root, transform, target_transform, loader)
        self._split = one_of("RenderedSST2", "split", split, tuple(self._FOLDERS))
        folder = Path(self.root, "rendered-sst2", self._FOLDERS[split])
        self._have(folder, download, self._URL, self._MD5)
        self._take_classes(["negative", "positive"])
        self._take_samples(make_dataset(str(folder), self.class_to_idx, extensions=("png",)))


class StanfordCars(Listed):
    """16,185 pictures of 196 kinds of cars; split "train" or "test". Needs SciPy. Source: Krause et al., 2013.

    Its server is gone, so download is not offered.
    """

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False, loader=default_loader
    ):  # fmt: skip
        super().__init__(root, transform, target_transform, loader)
        self._split = one_of("StanfordCars", "split", split, ("train", "test"))
        base = Path(self.root, "stanford_cars")
        if download:
            raise ValueError(
                f"StanfordCars: the server that gave it out is gone; put its files into {base}."
            )
        listed = base / (
            "devkit/cars_train_annos.mat" if split == "train" else "cars_test_annos_withlabels.mat"
        )
        folder = self._have(base / f"cars_{split}", False)
        if not listed.exists() or not (base / "devkit").is_dir():
            raise absent(self, base)
        self._take_classes(read_mat(base / "devkit" / "cars_meta.mat")["class_names"].tolist())
        self._take_samples(
            [
                (str(folder / row["fname"]), int(row["class"]) - 1)
                for row in read_mat(listed)["annotations"]
            ]
        )


class SUN397(Listed):
    """108,754 pictures of 397 kinds of places. Source: Xiao et al., "SUN database", CVPR 2010."""

    _URL = "http://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz"
    _MD5 = "8ca2778205c41d23104230ba66911c7a"

    def __init__(
        self, root, transform=None, target_transform=None, download=False, loader=default_loader
    ):
        super().__init__(root, transform, target_transform, loader)
        folder = self._have(Path(self.root, "SUN397"), download, self._URL, self._MD5)
        # A name is /a/abbey: a folder of letters before that of the class.
        names = (folder / "ClassName.txt").read_text().splitlines()
        self._take_classes(name[3:].strip() for name in names)
        kind = lambda path: "/".join(path.relative_to(folder).parts[1:-1])
        self._take_samples(
            [(path, self.class_to_idx[kind(path)]) for path in sorted(folder.rglob("sun_*.jpg"))]
        )


class Places365(Listed):
    """Pictures of 365 kinds of places; split "train-standard", "train-challenge", "val" or "test", which has None.

    small: pictures of 256 x 256 pixels. Source: Zhou et al., IEEE PAMI 40 (2018) 1452.
    """

    _SERVER = "http://data.csail.mit.edu/places/places365/"
    _KITS = {
        "standard": ("filelist_places365-standard.tar", "35a0585fee1fa656440f3ab298f8479c"),
        "challenge": ("filelist_places365-challenge.tar", "70a8307e459c3de41690a7c76c931734"),
    }
    _CATEGORIES_META = ("categories_places365.txt", "06c963b85866bd0649f97cb43dd16673")
    _FILE_LIST_META = {
        "train-standard": ("places365_train_standard.txt", "30f37515461640559006b8329efbed1a"),
        "train-challenge": ("places365_train_challenge.txt", "b2931dc997b8c33c27e7329c073a6b57"),
        "val": ("places365_val.txt", "e9f2fd57bfd9d07630173f4e8708e4b1"),
        "test": ("places365_test.txt", "2fce8233fe493576d724142e45d93653"),
    }
    _IMAGES = {
        ("train-standard", False): ("train_large_places365standard.tar", "67e186b496a84c929568076ed01a8aa1"),
        ("train-challenge", False): ("train_large_places365challenge.tar", "605f18e68e510c82b958664ea134545f"),
        ("val", False): ("val_large.tar", "9b71c4993ad89d2d8bcbdc4aef38042f"),
        ("test", False): ("test_large.tar", "41a4b6b724b1d2cd862fb3871ed59913"),
        ("train-standard", True): ("train_256_places365standard.tar", "53ca1c756c3d1e7809517cc47c5561c5"),
        ("train-challenge", True): ("train_256_places365challenge.tar", "741915038a5e3471ec7332404dfb64ef"),
        ("val", True): ("val_256.tar", "e27b17d8d44f4af9a78502beb927f808"),
        ("test", True): ("test_256.tar", "f532f6ad7b582262a2ec8009075e186b"),
    }  # fmt: skip

    def __init__(
        self, root, split="train-standard", small=False, download=False, transform=None, target_transform=None,
        loader=default_loader,
    ):  # fmt: skip
        super().__init__(root, transform, target_transform, loader)
        self.split = self._split = one_of("Places365", "split", split, tuple(self._FILE_LIST_META))
        self.small = small
        rows = self._rows(self._CATEGORIES_META, download)
        self.class_to_idx = {name: int(number) for name, number in rows}
        self.classes = sorted(self.class_to_idx)
        rows = self._rows(self._FILE_LIST_META[split], download)
        self.imgs = [
            (os.path.join(self.images_dir, path.lstrip("/")), int(label[0]) if label else None)
            for path, *label in rows
        ]
        self._take_samples(self.imgs)
        self.targets = self._labels
        if download and not os.path.isdir(self.images_dir):
            name, md5 = self._IMAGES[split, small]
            download_and_extract_archive(self._SERVER + name, self.root, md5=md5)
            if split.startswith("train"):
                os.rename(self.images_dir.rpartition("_")[0], self.images_dir)

    @property
    def variant(self):
        return "challenge" if "challenge" in self.split else "standard"

    @property
    def images_dir(self):
        size = "256" if self.small else "large"
        training = self.split.startswith("train")
        name = f"data_{size}_{self.variant}" if training else f"{self.split}_{size}"
        return os.path.join(self.root, name)

    def _rows(self, file, download):
        name, md5 = file
        path = os.path.join(self.root, name)
        if not check_integrity(path, md5):
            if not download:
                raise absent(self, path)
            kit, kit_md5 = self._KITS[self.variant]
            download_and_extract_archive(self._SERVER + kit, self.root, md5=kit_md5)
        with open(path) as lines:
            return [line.split() for line in lines]

    def extra_repr(self):
        return f"Split: {self.split}\nSmall: {self.small}"


class Omniglot(Listed):
    """32,460 drawings of characters of 50 alphabets, grey; background: those to learn from. Source: Lake et al., Science 350 (2015) 1332."""

    folder = "omniglot-py"
    _SERVER = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
    zips_md5 = {
        "images_background": "68d2efa1b9178cc56df9314c21c6e718",
        "images_evaluation": "6b91aef0f799c5bb55b94e3f2daec811",
    }

    def __init__(
        self, root, background=True, transform=None, target_transform=None, download=False, loader=None
    ):  # fmt: skip
        loader = loader or (lambda path: pil_image(path, "L"))
        super().__init__(os.path.join(root, self.folder), transform, target_transform, loader)
        self.background = background
        part = "images_background" if background else "images_evaluation"
        archive, md5 = os.path.join(self.root, f"{part}.zip"), self.zips_md5[part]
        if download and not check_integrity(archive, md5):
            download_and_extract_archive(
                f"{self._SERVER}{part}.zip", self.root, filename=f"{part}.zip", md5=md5
            )
        if not check_integrity(archive, md5):
            raise absent(self, archive)
        folder = os.path.join(self.root, part)
        self._characters = [
            os.path.join(alphabet, character)
            for alphabet in sorted(list_dir(folder))
            for character in sorted(list_dir(os.path.join(folder, alphabet)))
        ]
        self._take_samples(
            [
                (path, label)
                for label, character in enumerate(self._characters)
                for path in sorted(list_files(os.path.join(folder, character), ".png", prefix=True))
            ]
        )


class INaturalist(Listed):
    """Animals and plants; version "2017", "2018", "2019", "2021_train", "2021_train_mini" or "2021_valid".

    target_type: one or several of "full", the species, and of 2021 "kingdom", "phylum", "class", "order", "family" and
    "genus", of the years before "super". Source: Van Horn et al., "iNaturalist", 2018, arXiv:1707.06642.
    """

    _SERVER = "https://ml-inat-competition-datasets.s3.amazonaws.com/"
    _ARCHIVES = {
        "2017": ("2017/train_val_images.tar.gz", "7c784ea5e424efaec655bd392f87301f"),
        "2018": ("2018/train_val2018.tar.gz", "b1c6952ce38f31868cc50ea72d066cc3"),
        "2019": ("2019/train_val2019.tar.gz", "c60a6e2962c9b8ccbd458d12c8582644"),
        "2021_train": ("2021/train.tar.gz", "e0526d53c7f7b2e3167b2b43bb2690ed"),
        "2021_train_mini": ("2021/train_mini.tar.gz", "db6ed8330e634445efc8fec83ae81442"),
        "2021_valid": ("2021/val.tar.gz", "f6f6e0e242e3d4c9569ba56400938afc"),
    }
    _RANKS = ("kingdom", "phylum", "class", "order", "family", "genus")

    def __init__(
        self, root, version="2021_train", target_type="full", transform=None, target_transform=None, download=False,
        loader=None,
    ):  # fmt: skip
        self.version = one_of("INaturalist", "version", version, tuple(self._ARCHIVES))
        loader = loader or (lambda path: pil_image(path, None))
        super().__init__(os.path.join(root, version), transform, target_transform, loader)
        of_2021 = version.startswith("2021")
        allowed = ("full", *self._RANKS) if of_2021 else ("full", "super")
        types = [target_type] if isinstance(target_type, str) else list(target_type)
        self.target_type = [one_of("INaturalist", "target_type", t, allowed) for t in types]
        if download and not os.path.isdir(self.root):
            archive, md5 = self._ARCHIVES[version]
            download_and_extract_archive(
                self._SERVER + archive, str(root), filename=f"{version}.tgz", md5=md5
            )
            unpacked = os.path.basename(archive).removesuffix(".tar.gz")
            os.rename(os.path.join(root, unpacked), self.root)
        if not os.path.isdir(self.root) or not os.listdir(self.root):
            raise absent(self, self.root)
        self.all_categories, self.categories_index, self.categories_map = [], {}, []
        self._read_2021() if of_2021 else self._read_before()
        self.index = [
            (number, name)
            for number, category in enumerate(self.all_categories)
            for name in sorted(os.listdir(os.path.join(self.root, category)))
        ]
        path = lambda number, name: os.path.join(self.root, self.all_categories[number], name)
        self._take_samples([(path(*place), self._targets(place[0])) for place in self.index])

    def _read_2021(self):
        """Folders are named 00000_Animalia_Annelida_...: a number and the ranks."""
        self.categories_index = {rank: {} for rank in self._RANKS}
        for number, folder in enumerate(sorted(os.listdir(self.root))):
            own, *names = folder.split("_")
            if len(names) != 7 or own != f"{number:05d}":
                raise RuntimeError(
                    f"INaturalist: the folder {folder} is not named {number:05d} and seven ranks, parted by _."
                )
            self.all_categories.append(folder)
            ranks = {}
            for rank, name in zip(self._RANKS, names):
                known = self.categories_index[rank]
                ranks[rank] = known.setdefault(name, len(known))
            self.categories_map.append(ranks)

    def _read_before(self):
        """Folders of super-categories hold those of categories, by name (2017) or by number."""
        folders = [
            (above, i, os.path.join(above, name), name)
            for i, above in enumerate(sorted(os.listdir(self.root)))
            for name in sorted(os.listdir(os.path.join(self.root, above)))
        ]
        self.categories_index = {"super": {above: i for above, i, _, _ in folders}}
        places = {}
        for count, (_, above, path, name) in enumerate(folders):
            if self.version != "2017" and not name.isdecimal():
                raise RuntimeError(f"INaturalist: the folder {path} must be named by a number.")
            number = count if self.version == "2017" else int(name)
            if number in places:
                raise RuntimeError(f"INaturalist: category {number} has two folders, also {path}.")
            places[number] = (path, above)
        if sorted(places) != list(range(len(places))):
            raise RuntimeError(
                f"INaturalist: categories in {self.root} do not run from 0 to {len(places) - 1}; some are missing."
            )
        for number in range(len(places)):
            path, above = places[number]
            self.all_categories.append(path)
            self.categories_map.append({"super": above})

    def _targets(self, category):
        ranks = self.categories_map[category]
        found = tuple(category if t == "full" else ranks[t] for t in self.target_type)
        return found if len(found) > 1 else found[0]

    def category_name(self, category_type, category_id):
        """The name of a category of a rank."""
        if category_type == "full":
            return self.all_categories[category_id]
        for name, number in self.categories_index.get(category_type, {}).items():
            if number == category_id:
                return name
        raise ValueError(
            f"INaturalist: there is no category {category_id} of {category_type!r}; ranks are "
            f"'full', {', '.join(map(repr, self.categories_index))}."
        )
