"""Data sets of faces, streets, sentences and packed images, read from small made files in the real format."""

import json

import numpy as np
import pytest

import flambeau as torch
from flambeau.vision import datasets, tv_tensors

Image = pytest.importorskip("PIL.Image")
from .made_files import rng, save, unchecked, write

# -- faces


def test_lfw(tmp_path, monkeypatch):
    unchecked(monkeypatch, "faces")
    base = tmp_path / "lfw-py"
    for name, count in (("Ann_A", 2), ("Bob_B", 1)):
        for i in range(count):
            save(base / f"lfw_funneled/{name}/{name}_{i + 1:04d}.jpg")
    with pytest.raises(RuntimeError, match=r"LFWPeople has no files.*lfw-funneled\.tgz"):
        datasets.LFWPeople(tmp_path)
    write(base / "lfw-funneled.tgz", "")
    write(base / "lfw-names.txt", "Ann_A\t2\nBob_B\t1\n")
    write(base / "people.txt", "2\n1\nBob_B\t1\n1\nAnn_A\t2\n")
    people = datasets.LFWPeople(tmp_path)
    assert people.targets == [1, 0, 0] and people[2][0].size == (8, 6)
    write(base / "pairsDevTrain.txt", "1\nAnn_A\t1\t2\nAnn_A\t1\tBob_B\t1\n")
    pairs = datasets.LFWPairs(tmp_path, "train", target_transform=bool)
    assert [pairs[i][2] for i in (0, 1)] == [True, False]
    assert pairs.pair_names == [("Ann_A", "Ann_A"), ("Ann_A", "Bob_B")]
    write(base / "pairs.txt", "2\t1\n" + "Ann_A\t1\t2\nAnn_A\t1\tBob_B\t1\n" * 2)
    assert datasets.LFWPairs(tmp_path).targets == [1, 0, 1, 0]


def test_wider_face(tmp_path):
    base = tmp_path / "widerface"
    for part in ("train", "val", "test"):
        save(base / f"WIDER_{part}/images/0--Parade/a.jpg")
    boxes = "10 20 30 40 1 0 0 2 0 0\n5 6 7 8 0 0 1 0 1 1"
    write(
        base / "wider_face_split/wider_face_train_bbx_gt.txt",
        f"0--Parade/a.jpg\n2\n{boxes}\n0--Parade/a.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n",
    )
    write(base / "wider_face_split/wider_face_test_filelist.txt", "0--Parade/a.jpg\n")
    data = datasets.WIDERFace(tmp_path)
    target = data[0][1]
    assert target["bbox"].tolist() == [[10, 20, 30, 40], [5, 6, 7, 8]]
    assert target["occlusion"].tolist() == [2, 0] and target["invalid"].tolist() == [0, 1]
    assert len(data) == 2 and datasets.WIDERFace(tmp_path, "test")[0][1] is None


def test_fer(tmp_path, monkeypatch):
    unchecked(monkeypatch, "faces")
    with pytest.raises(RuntimeError, match=r"no train\.csv.*kaggle"):
        datasets.FER2013(tmp_path)
    pixels = " ".join(str(i % 256) for i in range(48 * 48))
    write(tmp_path / "fer2013/train.csv", f"emotion,pixels\n4,{pixels}\n")
    write(tmp_path / "fer2013/test.csv", f"pixels\n{pixels}\n")
    image, target = datasets.FER2013(tmp_path)[0]
    assert target == 4 and np.asarray(image)[0, :3].tolist() == [0, 1, 2]
    assert datasets.FER2013(tmp_path, "test")[0][1] is None
    rows = [f"{n}, {use},{pixels}" for n, use in ((1, "Training"), (2, "PublicTest"))]
    text = "emotion, Usage, pixels\n" + "\n".join(row.replace(", ", ",") for row in rows) + "\n"
    write(tmp_path / "fer2013/icml_face_data.csv", text)
    assert [datasets.FER2013(tmp_path, part)[0][1] for part in ("train", "test")] == [1, 2]


# -- streets


def test_cityscapes(tmp_path):
    for city in ("bonn", "ulm"):
        start = f"{city}_000001_000019"
        save(tmp_path / f"leftImg8bit/val/{city}/{start}_leftImg8bit.png")
        for kind in ("instanceIds", "labelIds", "color"):
            save(tmp_path / f"gtFine/val/{city}/{start}_gtFine_{kind}.png", mode="L")
        write(tmp_path / f"gtFine/val/{city}/{start}_gtFine_polygons.json", json.dumps({"a": city}))
    data = datasets.Cityscapes(tmp_path, "val", target_type=["semantic", "polygon"])
    assert len(data) == 2 and data[1][1][1] == {"a": "ulm"} and data[0][1][0].mode == "L"
    data = datasets.Cityscapes(tmp_path, "val", target_type="instance")
    masks = datasets.wrap_dataset_for_transforms_v2(data)[0][1]
    assert masks["masks"].shape == (len(masks["labels"]), *tv_tensors.Mask(data[0][1]).shape)
    classes = datasets.Cityscapes.classes
    assert len(classes) == 35 and classes[-1].id == -1 and classes[-1].train_id == -1
    assert [c.name for c in classes if c.train_id == 13] == ["car"] and classes[26].category_id == 7
    with pytest.raises(
        ValueError, match="split is 'test'; it must be one of 'train', 'train_extra'"
    ):
        datasets.Cityscapes(tmp_path, "test", "coarse")
    with pytest.raises(RuntimeError, match="Cityscapes has no files"):
        datasets.Cityscapes(tmp_path, "train")


def test_kitti(tmp_path):
    folder = tmp_path / "Kitti/raw"
    save(folder / "training/image_2/000001.png")
    save(folder / "testing/image_2/000001.png")
    line = "Car 0.00 1 -1.57 599.41 156.40 629.75 189.25 2.85 2.63 12.34 0.47 1.49 69.44 -1.56\n"
    write(folder / "training/label_2/000001.txt", line)
    (target,) = datasets.Kitti(tmp_path)[0][1]
    assert target["type"] == "Car" and target["occluded"] == 1 and target["rotation_y"] == -1.56
    assert target["bbox"] == [599.41, 156.40, 629.75, 189.25] and target["location"][2] == 69.44
    assert datasets.Kitti(tmp_path, train=False)[0][1] is None


# SciPy leaves out dimensions of size 1 if it is asked to; then a mask of one pixel was a number.
@pytest.mark.parametrize("size", [(6, 8), (1, 1), (1, 5), (5, 1)])
def test_sbd(tmp_path, size):
    scipy = pytest.importorskip("scipy.io")
    from scipy.sparse import csc_matrix

    save(tmp_path / "img/2008_000002.jpg")
    write(tmp_path / "val.txt", "2008_000002\n")
    (tmp_path / "cls").mkdir()
    row, column = size[0] // 2, size[1] // 2
    planes = np.zeros((*size, 20), "uint8")
    planes[row, column, 19] = 1
    edges = np.array([csc_matrix(planes[..., i]) for i in range(20)], dtype=object)[:, None]
    found = {"Segmentation": np.full(size, 20, "uint8"), "Boundaries": edges}
    scipy.savemat(tmp_path / "cls/2008_000002.mat", {"GTcls": found})
    edges = datasets.SBDataset(tmp_path, "val")[0][1]
    assert edges.shape == (20, *size) and np.argwhere(edges).tolist() == [[19, row, column]]
    mask = datasets.SBDataset(tmp_path, "val", "segmentation")[0][1]
    assert isinstance(mask, Image.Image) and mask.size == size[::-1]
    assert np.asarray(mask).max() == 20


# -- sentences


def test_flickr(tmp_path):
    save(tmp_path / "images/123_abc.jpg")
    page = (
        "<table><tr><td><a href='x'>http://www.flickr.com/photos/me/123/</a></td><td><ul><li>A dog .</li>"
        "<li>It runs.</li></ul></td></tr><tr><td>Image Not Found</td><td><ul><li>no</li></ul></td></tr></table>"
    )
    write(tmp_path / "8k.html", page)
    data = datasets.Flickr8k(tmp_path / "images", tmp_path / "8k.html")
    assert len(data) == 1 and data[0][1] == ["A dog .", "It runs."]
    write(tmp_path / "30k.token", "123_abc.jpg#0\tA dog .\n123_abc.jpg#1\tIt runs.\n")
    data = datasets.Flickr30k(str(tmp_path / "images"), str(tmp_path / "30k.token"))
    assert data.ids == ["123_abc.jpg"] and data[0][1] == ["A dog .", "It runs."]


def test_sbu(tmp_path, monkeypatch):
    unchecked(monkeypatch, "captions")
    write(tmp_path / "SBUCaptionedPhotoDataset.tar.gz", "")
    start = tmp_path / "dataset/SBU_captioned_photo_dataset"
    write(start.with_name(start.name + "_urls.txt"), "http://a.b/gone.jpg\nhttp://a.b/here.jpg\n")
    write(start.with_name(start.name + "_captions.txt"), "one\ntwo\n")
    save(tmp_path / "dataset/here.jpg")
    data = datasets.SBU(tmp_path, download=False)
    assert data.photos == ["here.jpg"] and data[0][1] == "two"


# -- in one file


def test_lsun(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    import io

    for name, count in (("bedroom_train", 2), ("tower_val", 1)):
        env = lmdb.open(str(tmp_path / f"{name}_lmdb"))
        with env.begin(write=True) as transaction:
            for i in range(count):
                written = io.BytesIO()
                Image.new("RGB", (8, 6), (i, 0, 0)).save(written, "PNG")
                transaction.put(b"%d" % i, written.getvalue())
        env.close()
    data = datasets.LSUN(tmp_path, ["bedroom_train", "tower_val"])
    assert [data[i][1] for i in range(3)] == [0, 0, 1] and data[1][0].getpixel((0, 0)) == (1, 0, 0)
    with pytest.raises(ValueError, match="the category of 'cellar_val' is 'cellar'"):
        datasets.LSUN(tmp_path, ["cellar_val"])
    with pytest.raises(lmdb.Error, match="LSUNClass has no files"):
        datasets.LSUN(tmp_path, ["tower_train"])


def test_pcam(tmp_path):
    h5py = pytest.importorskip("h5py")
    images = rng.integers(0, 256, (2, 96, 96, 3)).astype("uint8")
    (tmp_path / "pcam").mkdir()
    with h5py.File(tmp_path / "pcam/camelyonpatch_level_2_split_valid_x.h5", "w") as file:
        file["x"] = images
    with h5py.File(tmp_path / "pcam/camelyonpatch_level_2_split_valid_y.h5", "w") as file:
        file["y"] = np.array([0, 1], "uint8").reshape(2, 1, 1, 1)
    data = datasets.PCAM(tmp_path, "val")
    assert len(data) == 2 and data[1][1] == 1 and np.array_equal(np.asarray(data[0][0]), images[0])


def test_semeion_and_moving_mnist(tmp_path, monkeypatch):
    unchecked(monkeypatch, "packed")
    row = "1.0 " * 16 + "0.0 " * 240 + "0 0 0 1 0 0 0 0 0 0"
    write(tmp_path / "semeion.data", f"{row}\n")
    image, target = datasets.SEMEION(tmp_path, download=False)[0]
    assert target == 3 and np.asarray(image)[0].min() == 255 and np.asarray(image)[1:].max() == 0

    (tmp_path / "MovingMNIST").mkdir()
    frames = rng.integers(0, 256, (20, 3, 64, 64)).astype("uint8")
    np.save(tmp_path / "MovingMNIST/mnist_test_seq.npy", frames)
    data = datasets.MovingMNIST(tmp_path, "test", split_ratio=15)
    assert len(data) == 3 and data[0].shape == (5, 1, 64, 64)
    assert np.array_equal(data[2][0, 0].numpy(), frames[15, 2])
    with pytest.raises(ValueError, match="split_ratio is 20"):
        datasets.MovingMNIST(tmp_path, split_ratio=20)


def test_photo_tour(tmp_path):
    sheets = [save(tmp_path / f"liberty/patches000{i}.bmp", (128, 128), "L") for i in (0, 1)]
    write(tmp_path / "liberty/info.txt", "".join(f"{i // 2} 0\n" for i in range(8)))
    write(tmp_path / "liberty/m50_100000_100000_0.txt", "0 5 0 1 5 0 0\n2 6 0 7 8 0 0\n")
    data = datasets.PhotoTour(tmp_path, "liberty")
    assert len(data) == 8 and np.array_equal(data[6].numpy(), sheets[1][64:, :64])
    pairs = datasets.PhotoTour(tmp_path, "liberty", train=False)
    assert [int(pairs[i][2]) for i in (0, 1)] == [1, 0] and data.mean == 0.4437
    assert torch.equal(pairs[1][1], data[7])


def test_qmnist(tmp_path):
    import gzip
    import lzma
    import struct

    def idx(name, array, code, pack):
        path = tmp_path / "QMNIST/raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        head = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
        path.write_bytes(pack(head + array.tobytes()))

    images = rng.integers(0, 256, (3, 28, 28)).astype("uint8")
    labels = np.arange(24).reshape(3, 8).astype(">i4")
    idx("qmnist-test-images-idx3-ubyte.gz", images, 8, gzip.compress)
    idx("qmnist-test-labels-idx2-int.gz", labels, 12, gzip.compress)
    data = datasets.QMNIST(tmp_path, train=False)
    assert [data[i][1] for i in range(3)] == [0, 8, 16] and len(data) == 3
    assert datasets.QMNIST(tmp_path, "test", compat=False)[1][1].tolist() == list(range(8, 16))
    assert len(datasets.QMNIST(tmp_path, "test50k")) == 0
    loader = torch.utils.data.DataLoader(data, batch_size=3)
    assert next(iter(loader))[1].tolist() == [0, 8, 16]
    idx("xnist-images-idx3-ubyte.xz", images, 8, lzma.compress)
    idx("xnist-labels-idx2-int.xz", labels, 12, lzma.compress)
    assert np.array_equal(datasets.QMNIST(tmp_path, "nist").data.numpy(), images)
    with pytest.raises(ValueError, match="what is 'all'"):
        datasets.QMNIST(tmp_path, "all")
