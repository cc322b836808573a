"""Digits, MNIST and FashionMNIST, and the files they are read from."""

import gzip
import os
import struct

import pytest

import flambeau as torch
from flambeau.utils.data import DataLoader, Subset
from flambeau.vision import transforms
from flambeau.vision.datasets import MNIST, Digits, FakeData, FashionMNIST
from flambeau.vision.datasets import download as download_module
from flambeau.vision.datasets.download import download
from flambeau.vision.datasets.idx import read_idx


def test_digits():
    train, test = Digits(train=True), Digits(train=False)
    assert (len(train), len(test), len(Digits(train=None))) == (1438, 359, 1797)
    image, target = train[0]
    assert image.shape == (1, 8, 8)
    assert image.dtype == torch.uint8
    assert target == 0
    # the first row of the file: 0,0,5,13,9,1,0,0 of 16
    assert image[0, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]
    assert int(train.data.max()) == 255
    assert torch.bincount(test.targets).min() > 20
    assert len(train.classes) == 10
    assert "1438" in repr(train)


def test_fake_data():
    data = FakeData(5, (3, 4, 4), 7, transforms.ToTensor(), lambda target: target + 10)
    image, target = data[2]
    assert len(data) == 5 and image.shape == (3, 4, 4) and image.is_floating_point()
    assert (
        10 <= target < 17 and torch.equal(image, data[2][0]) and not torch.equal(image, data[3][0])
    )
    assert torch.equal(FakeData(5, (3, 4, 4), random_offset=1)[1][0], FakeData(5, (3, 4, 4))[2][0])
    with pytest.raises(IndexError, match="0 to 4"):
        data[5]


def test_batches_equal_single_samples():
    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Resize((32, 32)), transforms.Normalize((0.5,), (0.25,))]
    )
    data = Digits(train=False, transform=transform)
    images, targets = next(iter(DataLoader(data, batch_size=5)))
    assert images.shape == (5, 1, 32, 32)
    for i in range(5):
        image, target = data[i]
        assert (images[i] - image).abs().max() < 1e-6
        assert targets[i] == target
    part = Subset(data, [7, 3])
    images, targets = next(iter(DataLoader(part, batch_size=2)))
    assert (images[1] - data[3][0]).abs().max() < 1e-6


def test_transforms_that_see_one_image_are_given_one():
    seen = []
    data = Digits(train=False, transform=transforms.Lambda(lambda x: seen.append(x.shape) or x))
    next(iter(DataLoader(data, batch_size=3)))
    assert seen == [(1, 8, 8)] * 3
    data = Digits(train=False, target_transform=lambda t: -t)
    _, targets = next(iter(DataLoader(data, batch_size=3)))
    assert targets.tolist() == [-t for t in Digits(train=False).targets[:3].tolist()]


def idx(values, sizes, kind=0x08):
    return bytes([0, 0, kind, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + values


def write_mnist(folder, compress):
    folder.mkdir(parents=True)
    for part, n in (("train", 6), ("t10k", 2)):
        images = idx(bytes(i % 256 for i in range(n * 784)), (n, 28, 28))
        labels = idx(bytes(range(n)), (n,))
        for name, content in (("images-idx3", images), ("labels-idx1", labels)):
            path = folder / f"{part}-{name}-ubyte"
            if compress:
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("where", ["", "MNIST/raw"])
def test_mnist_from_a_folder(tmp_path, compress, where):
    write_mnist(tmp_path / "d" / where, compress)
    data = MNIST(tmp_path / "d")
    assert len(data) == 6
    assert len(MNIST(str(tmp_path / "d"), train=False)) == 2
    image, target = data[3]
    assert image.shape == (1, 28, 28)
    assert image[0, 0, :3].tolist() == [(3 * 784 + i) % 256 for i in range(3)]
    assert target == 3
    assert data.targets.dtype == torch.int64


def test_system_folder(tmp_path, monkeypatch):
    write_mnist(tmp_path / "system", True)
    monkeypatch.setattr(FashionMNIST, "system_folder", tmp_path / "system")
    assert len(FashionMNIST(tmp_path / "none")) == 6


def test_missing_files_say_where_they_were_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(FashionMNIST, "system_folder", tmp_path / "system")
    with pytest.raises(
        RuntimeError, match=r"FashionMNIST/raw.*download=True.*dataset-fashion-mnist"
    ):
        FashionMNIST(tmp_path / "none")


def test_idx_types_and_damage(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(idx(struct.pack(">3h", 1, -2, 300), (3,), 0x0B))
    assert read_idx(path).tolist() == [1, -2, 300]
    path.write_bytes(idx(struct.pack(">2f", 1.5, -2), (2, 1), 0x0D))
    assert read_idx(path).tolist() == [[1.5], [-2.0]]
    path.write_bytes(idx(b"123", (4,)))
    with pytest.raises(RuntimeError, match=r"sizes \[4\] need 12"):
        read_idx(path)
    path.write_bytes(b"nothing")
    with pytest.raises(RuntimeError, match="no IDX file"):
        read_idx(path)
    cut = tmp_path / "a.gz"
    cut.write_bytes(gzip.compress(idx(b"1234", (4,)))[:-6])
    with pytest.raises(RuntimeError, match="damaged"):
        read_idx(cut)


def test_download_checks_and_falls_back(tmp_path, monkeypatch):
    contents = {"http://a": b"wrong", "http://b": b"right"}

    def fetch(url, path):
        path.write_bytes(contents[url])

    monkeypatch.setattr(download_module, "_fetch", fetch)
    md5 = "7c4f29407893c334a6cb7a87bf045c0d"  # of b"right"
    download(["http://a", "http://b"], tmp_path / "x" / "f", md5)
    assert (tmp_path / "x" / "f").read_bytes() == b"right"
    with pytest.raises(RuntimeError, match=r"http://a: MD5"):
        download(["http://a"], tmp_path / "g", md5)
    assert os.listdir(tmp_path) == ["x"]
