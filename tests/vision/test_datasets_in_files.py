"""Data sets read from small made files in the real formats."""

import bz2
import gzip
import io
import json
import pickle
import struct
import tarfile
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

import flambeau as torch
from flambeau.utils.data import DataLoader
from flambeau.vision import datasets, transforms, tv_tensors
from flambeau.vision.datasets import utils

Image = pytest.importorskip("PIL.Image")
rng = np.random.default_rng(0)


def save(path, size=(8, 6), color=None):
    """An image file of (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = (rng.random((size[1], size[0], 3)) * 255).astype("uint8")
    (Image.fromarray(array) if color is None else Image.new("RGB", size, color)).save(path)


# -- folders


def test_folders_of_classes(tmp_path):
    for name in ("dog/b.png", "dog/a.JPG", "cat/x/1.png", "cat/readme.txt"):
        save(tmp_path / name) if not name.endswith("txt") else (tmp_path / name).write_text("")
    data = datasets.ImageFolder(tmp_path, transform=transforms.ToTensor())
    assert data.classes == ["cat", "dog"] and data.targets == [0, 1, 1] and len(data) == 3
    image, target = data[1]
    assert image.shape == (3, 6, 8) and target == 1
    images, targets = next(iter(DataLoader(data, batch_size=3)))
    assert images.shape == (3, 3, 6, 8) and targets.tolist() == [0, 1, 1]
    assert isinstance(datasets.ImageFolder(tmp_path)[0][0], Image.Image)
    assert "Number of datapoints: 3" in repr(data) and "Transform: ToTensor()" in repr(data)
    texts = datasets.DatasetFolder(tmp_path, str, extensions=(".txt",), allow_empty=True)
    assert texts.samples == [(str(tmp_path / "cat/readme.txt"), 0)]
    with pytest.raises(FileNotFoundError, match=r"no files ending in \.txt in the classes dog"):
        datasets.DatasetFolder(tmp_path, str, extensions=(".txt",))
    with pytest.raises(FileNotFoundError, match="has no folders"):
        datasets.ImageFolder(tmp_path / "dog")


def test_transforms_of_both(tmp_path):
    save(tmp_path / "a/1.png")

    class Pair(datasets.VisionDataset):
        def __getitem__(self, index):
            return self._sample(3, 4)

        def __len__(self):
            return 1

    assert Pair(transforms=lambda a, b: (b, a))[0] == (4, 3)
    data = Pair(transform=lambda a: a + 1, target_transform=str)
    assert data[0] == (4, "4")
    data.transform = lambda a: a + 2  # set anew
    assert data[0] == (5, "4")
    with pytest.raises(ValueError, match="transforms is for both"):
        Pair(transforms=lambda a, b: (b, a), transform=str)


# -- arrays


@pytest.mark.parametrize("kind, fine", [(datasets.CIFAR10, False), (datasets.CIFAR100, True)])
def test_cifar(tmp_path, kind, fine):
    folder = tmp_path / kind.base_folder
    folder.mkdir()
    planes = rng.integers(0, 256, (4, 3072)).astype("uint8")
    for name, _ in (*kind.train_list, *kind.test_list):
        entry = {
            "data": planes,
            "fine_labels" if fine else "labels": [3, 1, 0, 2],
            "coarse_labels": [0] * 4,
        }
        (folder / name).write_bytes(pickle.dumps(entry, protocol=2))
    names = ["a", "b", "c", "d"]
    (folder / kind.meta["filename"]).write_bytes(
        pickle.dumps({kind.meta["key"]: names}, protocol=2)
    )
    test = kind(tmp_path, train=False)
    assert (
        test.data.shape == (4, 32, 32, 3)
        and test.targets == [3, 1, 0, 2]
        and test.class_to_idx["d"] == 3
    )
    image, target = test[0]
    assert target == 3 and image.numpy().tolist() == planes[0].reshape(3, 32, 32).tolist()
    assert len(kind(tmp_path)) == 4 * len(kind.train_list)
    images, targets = next(
        iter(DataLoader(kind(tmp_path, train=False, transform=transforms.ToTensor()), batch_size=4))
    )
    assert images.shape == (4, 3, 32, 32) and targets.tolist() == [3, 1, 0, 2]
    test.as_pil = True
    assert np.array_equal(np.asarray(test[1][0]), test.data[1])
    (folder / "test_batch" if not fine else folder / "test").write_bytes(pickle.dumps(print))
    with pytest.raises(RuntimeError, match=r"names builtins\.print"):
        kind(tmp_path, train=False)
    with pytest.raises(RuntimeError, match="Dataset not found: CIFAR"):
        kind(tmp_path / "elsewhere")


def test_cifar_s_files_may_hold_tensors(tmp_path):
    from flambeau.vision.datasets.arrays import _unpickled

    (tmp_path / "batch").write_bytes(pickle.dumps({"data": torch.arange(6).view(2, 3)}))
    assert _unpickled(tmp_path / "batch")["data"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_svhn_stl10_usps(tmp_path):
    scipy = pytest.importorskip("scipy.io")
    scipy.savemat(
        tmp_path / "test_32x32.mat",
        {
            "X": rng.integers(0, 256, (32, 32, 3, 5)).astype("uint8"),
            "y": np.array([[1], [10], [3], [4], [9]]),
        },
    )
    svhn = datasets.SVHN(tmp_path, "test")
    assert (
        svhn.labels.tolist() == [1, 0, 3, 4, 9]
        and svhn[1][0].shape == (3, 32, 32)
        and svhn[1][1] == 0
    )

    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    images = rng.integers(0, 256, (3, 3, 96, 96)).astype("uint8")
    images.transpose(0, 1, 3, 2).tofile(folder / "train_X.bin")
    np.array([1, 10, 2], "uint8").tofile(folder / "train_y.bin")
    images[:2].tofile(folder / "unlabeled_X.bin")
    (folder / "fold_indices.txt").write_text("0 2\n" * 10)
    stl = datasets.STL10(tmp_path)
    assert np.array_equal(stl[1][0].numpy(), images[1]) and [stl[i][1] for i in range(3)] == [
        0,
        9,
        1,
    ]
    assert datasets.STL10(tmp_path, folds=3).labels.tolist() == [0, 1]
    assert datasets.STL10(tmp_path, "train+unlabeled").labels.tolist() == [0, 9, 1, -1, -1]

    line = " ".join(f"{i + 1}:{v}" for i, v in enumerate([-1.0, 1.0] * 128))
    (tmp_path / "usps.t.bz2").write_bytes(bz2.compress(f"7 {line}\n1 {line}\n".encode()))
    usps = datasets.USPS(tmp_path, train=False)
    assert (
        usps.targets == [6, 0]
        and usps.data[0, 0, :2].tolist() == [0, 255]
        and usps[0][0].shape == (1, 16, 16)
    )


def idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(head + array.astype("uint8").tobytes()))


def test_mnist_s_relatives(tmp_path):
    for part in ("train", "t10k"):
        idx(tmp_path / f"KMNIST/raw/{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (3, 28, 28)))
        idx(tmp_path / f"KMNIST/raw/{part}-labels-idx1-ubyte.gz", np.array([9, 0, 1]))
    assert datasets.KMNIST(tmp_path)[0][1] == 9 and datasets.KMNIST(tmp_path).classes[9] == "wo"
    idx(
        tmp_path / "EMNIST/raw/gzip/emnist-letters-train-images-idx3-ubyte.gz",
        rng.integers(0, 256, (2, 28, 28)),
    )
    idx(tmp_path / "EMNIST/raw/gzip/emnist-letters-train-labels-idx1-ubyte.gz", np.array([1, 26]))
    letters = datasets.EMNIST(tmp_path, "letters")
    assert [letters.classes[letters[i][1]] for i in range(2)] == ["a", "z"]
    named = [datasets.MNIST, datasets.FashionMNIST, datasets.KMNIST, datasets.Digits, letters]
    assert all(type(each.classes) is list for each in named)  # programs add to them
    assert len(datasets.EMNIST.classes_split_dict["byclass"]) == 62
    assert len(datasets.EMNIST.classes_split_dict["balanced"]) == 47
    with pytest.raises(ValueError, match="split is 'words'"):
        datasets.EMNIST(tmp_path, "words")


# -- with annotations


def coco(tmp_path):
    for i in (1, 2):
        save(tmp_path / f"images/{i}.png")
    annotations = [
        {"id": 5, "image_id": 2, "bbox": [1.0, 1, 4, 3], "category_id": 7, "area": 12, "iscrowd": 0, "caption": "two",
         "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]},
        {"id": 6, "image_id": 2, "bbox": [0.0, 0, 2, 2], "category_id": 8, "area": 4, "iscrowd": 1, "caption": "zwei",
         "segmentation": {"size": [6, 8], "counts": [0, 2, 4, 2, 40]}},
    ]  # fmt: skip
    images = [{"id": i, "file_name": f"{i}.png", "height": 6, "width": 8} for i in (2, 1)]
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 7, "name": "cat"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    return tmp_path / "images", tmp_path / "coco.json"


def test_coco(tmp_path):
    places = coco(tmp_path)
    data = datasets.CocoDetection(*places)
    assert len(data) == 2 and data[0][1] == [] and [a["id"] for a in data[1][1]] == [5, 6]
    assert datasets.CocoCaptions(*places)[1][1] == ["two", "zwei"]
    wrapped = datasets.wrap_dataset_for_transforms_v2(data, target_keys="all")
    assert isinstance(wrapped, datasets.CocoDetection)
    image, target = wrapped[1]
    assert target["boxes"].tolist() == [[1, 1, 5, 4], [0, 0, 2, 2]] and target[
        "boxes"
    ].canvas_size == (6, 8)
    assert target["labels"].tolist() == [7, 8] and target["image_id"] == 2
    assert isinstance(target["masks"], tv_tensors.Mask) and target["masks"].shape == (2, 6, 8)
    assert target["masks"][1].sum() == 4 and bool(target["masks"][1][:2, :2].all())
    from flambeau.vision.datasets.annotated import _unpacked, mask_of

    assert mask_of({"size": [2, 2], "counts": [1, 1]}, None).tolist() == [[0, 0], [1, 0]]
    with pytest.raises(ValueError, match="run lengths make 5 pixels, but its size is 2 x 2"):
        mask_of({"size": [2, 2], "counts": [1, 4]}, None)
    assert _unpacked("`0") == [16]  # 16 takes two characters, since the fifth bit is the sign
    with pytest.raises(ValueError, match="target_keys has colour"):
        datasets.wrap_dataset_for_transforms_v2(datasets.CocoDetection(*places), ["colour"])


def test_voc(tmp_path):
    folder = tmp_path / "VOCdevkit/VOC2012"
    for sets in ("Main", "Segmentation"):
        (folder / "ImageSets" / sets).mkdir(parents=True)
        (folder / "ImageSets" / sets / "train.txt").write_text("2007_000032\n")
    save(folder / "JPEGImages/2007_000032.jpg")
    (folder / "SegmentationClass").mkdir()
    Image.fromarray(np.full((6, 8), 3, "uint8")).save(folder / "SegmentationClass/2007_000032.png")
    (folder / "Annotations").mkdir()
    (folder / "Annotations/2007_000032.xml").write_text(
        "<annotation><filename>x</filename><object><name>dog</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax>"
        "<ymax>6</ymax></bndbox></object></annotation>"
    )
    data = datasets.VOCDetection(tmp_path)
    target = data[0][1]["annotation"]
    assert target["filename"] == "x" and target["object"][0]["bndbox"]["ymax"] == "6"
    image, target = datasets.wrap_dataset_for_transforms_v2(data)[0]
    assert target["boxes"].tolist() == [[1, 2, 5, 6]] and target["labels"].tolist() == [12]
    masks = datasets.VOCSegmentation(tmp_path)
    assert np.asarray(masks[0][1]).max() == 3
    assert isinstance(datasets.wrap_dataset_for_transforms_v2(masks)[0][1], tv_tensors.Mask)
    with pytest.raises(ValueError, match="image_set is 'test'"):
        datasets.VOCDetection(tmp_path, image_set="test")
    with pytest.raises(TypeError, match="there is no rule for list"):
        datasets.wrap_dataset_for_transforms_v2([])


# -- with classes


def test_flowers_food_and_pets(tmp_path):
    scipy = pytest.importorskip("scipy.io")
    for i in (1, 2, 3):
        save(tmp_path / f"flowers-102/jpg/image_{i:05d}.jpg")
    scipy.savemat(tmp_path / "flowers-102/imagelabels.mat", {"labels": np.array([[77, 1, 102]])})
    sets = {"trnid": np.array([[3, 1]]), "valid": np.array([[2]]), "tstid": np.array([[2]])}
    scipy.savemat(tmp_path / "flowers-102/setid.mat", sets)
    flowers = datasets.Flowers102(tmp_path)
    assert [flowers[i][1] for i in range(2)] == [101, 76] and len(
        datasets.Flowers102(tmp_path, "val")
    ) == 1

    save(tmp_path / "food-101/images/pizza/12.jpg")
    (tmp_path / "food-101/meta").mkdir()
    (tmp_path / "food-101/meta/test.json").write_text(
        json.dumps({"sushi": [], "pizza": ["pizza/12"]})
    )
    food = datasets.Food101(tmp_path, "test")
    assert food.classes == ["pizza", "sushi"] and food[0][1] == 0 and food[0][0].size == (8, 6)

    pets = tmp_path / "oxford-iiit-pet"
    for name in ("Abyssinian_1", "boxer_2"):
        save(pets / f"images/{name}.jpg")
        save(pets / f"annotations/trimaps/{name}.png")
    (pets / "annotations/trainval.txt").write_text("Abyssinian_1 1 1 1\nboxer_2 2 2 1\n")
    data = datasets.OxfordIIITPet(
        tmp_path, target_types=["category", "binary-category", "segmentation"]
    )
    assert data.classes == ["Abyssinian", "Boxer"] and data[1][1][:2] == (1, 1)
    assert isinstance(datasets.wrap_dataset_for_transforms_v2(data)[0][1][2], tv_tensors.Mask)


def test_celeba(tmp_path):
    folder = tmp_path / "celeba"
    for i in (1, 2):
        save(folder / f"img_align_celeba/{i:06d}.jpg")
    (folder / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 2\n")
    (folder / "list_attr_celeba.txt").write_text(
        "2\nSmiling Young\n000001.jpg  1 -1\n000002.jpg -1  1\n"
    )
    (folder / "identity_CelebA.txt").write_text("000001.jpg 2880\n000002.jpg 17\n")
    train = datasets.CelebA(tmp_path)
    assert (
        len(train) == 1
        and train[0][1].tolist() == [1, 0]
        and train.attr_names[:2] == ["Smiling", "Young"]
    )
    both = datasets.CelebA(tmp_path, "all", ["identity", "attr"])
    assert int(both[1][1][0]) == 17 and both[1][1][1].tolist() == [0, 1]


def test_caltech(tmp_path):
    save(tmp_path / "caltech256/256_ObjectCategories/001.ak47/001_0001.jpg")
    save(tmp_path / "caltech256/256_ObjectCategories/002.american-flag/002_0001.jpg")
    data = datasets.Caltech256(tmp_path)
    assert data.categories[1] == "002.american-flag" and data[1][1] == 1
    for name in ("airplanes", "BACKGROUND_Google", "wrench"):
        save(tmp_path / f"caltech101/101_ObjectCategories/{name}/image_0001.jpg")
    data = datasets.Caltech101(tmp_path)
    assert (
        len(data) == 2
        and data[1][1] == 1
        and data.annotation_categories == ["Airplanes_Side_2", "wrench"]
    )
    with pytest.raises(NotImplementedError, match=r"data\.caltech\.edu"):
        datasets.Caltech101(tmp_path, download=True)


def archive(path, files):
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def jpeg():
    written = io.BytesIO()
    Image.new("RGB", (8, 6), "red").save(written, "JPEG")
    return written.getvalue()


def test_imagenet_from_its_archives(tmp_path):
    scipy = pytest.importorskip("scipy.io")
    kind = [
        ("ILSVRC2012_ID", "f8"),
        ("WNID", "O"),
        ("words", "O"),
        ("gloss", "O"),
        ("num_children", "f8"),
    ]
    synsets = np.array(
        [
            (1, "n02", "tench, Tinca", "", 0),
            (2, "n01", "goldfish", "", 0),
            (3, "n00", "animal", "", 2),
        ],
        dtype=kind,
    )
    written = io.BytesIO()
    scipy.savemat(written, {"synsets": synsets})
    base = "ILSVRC2012_devkit_t12/data"
    archive(
        tmp_path / "ILSVRC2012_devkit_t12.tar.gz",
        {
            f"{base}/meta.mat": written.getvalue(),
            f"{base}/ILSVRC2012_validation_ground_truth.txt": b"2\n1\n",
        },
    )
    archive(
        tmp_path / "ILSVRC2012_img_val.tar",
        {f"ILSVRC2012_val_{i:08d}.JPEG": jpeg() for i in (1, 2)},
    )
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as tar:
        info = tarfile.TarInfo("n01_1.JPEG")
        info.size = len(jpeg())
        tar.addfile(info, io.BytesIO(jpeg()))
    archive(tmp_path / "ILSVRC2012_img_train.tar", {"n01.tar": inner.getvalue()})
    val = datasets.ImageNet(tmp_path, "val")
    assert val.wnids == ["n01", "n02"] and val.classes == [("goldfish",), ("tench", "Tinca")]
    assert val.targets == [0, 1] and val.samples[0][0].endswith("n01/ILSVRC2012_val_00000001.JPEG")
    assert len(datasets.ImageNet(tmp_path)) == 1
    with pytest.raises(RuntimeError, match=r"image-net\.org gives it out"):
        datasets.ImageNet(tmp_path / "elsewhere")


# -- downloads


class Server(BaseHTTPRequestHandler):
    """Has one file, and sends parts of it."""

    content = bytes(range(256)) * 40
    asked = []

    def do_GET(self):
        begin = 0
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        if self.path != "/file.bin":
            self.send_error(404)
            return
        if wanted:
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(self.content) - begin))
        self.end_headers()
        self.wfile.write(self.content[begin:])

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    server = HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Server.asked.clear()
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
    urllib.request.install_opener(None)


def test_a_download_goes_on_where_it_stopped(tmp_path, address):
    import hashlib

    md5 = hashlib.md5(Server.content).hexdigest()
    (tmp_path / ".file.bin.part").write_bytes(Server.content[:1000])
    utils.download_url([f"{address}/none", f"{address}/file.bin"], tmp_path, "file.bin", md5)
    assert (tmp_path / "file.bin").read_bytes() == Server.content
    assert Server.asked == ["bytes=1000-", "bytes=1000-"]
    utils.download_url(f"{address}/file.bin", tmp_path, md5=md5)  # it is there
    assert len(Server.asked) == 2 and utils.check_integrity(tmp_path / "file.bin", md5)
    with pytest.raises(RuntimeError, match="MD5 .*, not 0"):
        utils.download_url(f"{address}/file.bin", tmp_path, "other.bin", "0")
    with pytest.raises(
        RuntimeError, match=r"404(.|\n)*Without a network, copy the file to .*x\.bin"
    ):
        utils.download_url(f"{address}/x.bin", tmp_path)


def test_archives(tmp_path):
    archive(tmp_path / "a.tar.gz", {"x/y.txt": b"hello"})
    utils.extract_archive(tmp_path / "a.tar.gz", tmp_path / "out")
    assert (tmp_path / "out/x/y.txt").read_text() == "hello"
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"plain"))
    plain = utils.extract_archive(tmp_path / "b.txt.gz", remove_finished=True)
    assert plain == tmp_path / "b.txt"
    assert (tmp_path / "b.txt").read_text() == "plain" and not (tmp_path / "b.txt.gz").exists()
    assert utils.list_files(tmp_path, ".txt") == ["b.txt"] and utils.list_dir(tmp_path) == ["out"]
    with pytest.raises(RuntimeError, match=r"c\.dat is no archive by its name"):
        utils.extract_archive(tmp_path / "c.dat")


def test_one_compressed_file_goes_into_a_folder(tmp_path):
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"plain"))
    (tmp_path / "to").mkdir()
    made = utils.extract_archive(str(tmp_path / "b.txt.gz"), str(tmp_path / "to"))
    assert made == str(tmp_path / "to" / "b.txt") and Path(made).read_text() == "plain"
    with pytest.raises(RuntimeError, match=r"_decompress: a\.zip is not compressed"):
        utils._decompress("a.zip")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.tar.xz", (".tar.xz", ".tar", ".xz")),
        ("a.TGZ", (".tgz", ".tar", ".gz")),
        ("a.b.zip", (".zip", ".zip", None)),
        ("a.csv.bz2", (".bz2", None, ".bz2")),
    ],
)
def test_endings_of_archives(name, parts):
    assert utils._detect_file_type(name) == parts


def test_addresses_of_google_drive():
    found = utils._get_google_drive_file_id("https://drive.google.com/file/d/abc_1/view")
    assert found == "abc_1"
    assert utils._get_google_drive_file_id("https://example.org/file/d/abc_1/view") is None


def test_programs_of_torchvision_get_pillow(tmp_path, monkeypatch):
    digits = datasets.Digits()
    assert isinstance(digits[0][0], torch.Tensor)
    monkeypatch.setattr("flambeau.vision.datasets.image_dataset.asked_as_torchvision", lambda: True)
    image, _ = digits[0]
    assert isinstance(image, Image.Image) and image.mode == "L" and image.size == (8, 8)
    assert isinstance(datasets.FakeData(2)[0][0], Image.Image)
    images, _ = next(
        iter(DataLoader(datasets.Digits(transform=transforms.ToTensor()), batch_size=4))
    )
    assert images.shape == (4, 1, 8, 8)
