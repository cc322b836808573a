"""Data sets of labelled images, read from small made files in the real format."""

import json

import numpy as np
import pytest

from flambeau.vision import datasets

pytest.importorskip("PIL.Image")
from .made_files import save, unchecked, write


def targets(data):
    return [data[i][1] for i in range(len(data))]


def test_clevr_counts_objects(tmp_path):
    base = tmp_path / "clevr/CLEVR_v1.0"
    for part in ("train", "test"):
        for i in (0, 1):
            save(base / f"images/{part}/CLEVR_{part}_{i:06d}.png")
    scenes = [
        {"image_filename": f"CLEVR_train_{i:06d}.png", "objects": [{}] * (3 - i)} for i in (0, 1)
    ]
    write(base / "scenes/CLEVR_train_scenes.json", json.dumps({"scenes": scenes}))
    assert targets(datasets.CLEVRClassification(tmp_path)) == [3, 2]
    assert targets(datasets.CLEVRClassification(tmp_path, "test")) == [None, None]


def test_folders_that_are_unpacked(tmp_path):
    save(tmp_path / "country211/train/AD/1.jpg")
    save(tmp_path / "country211/train/ZW/2.jpg")
    data = datasets.Country211(tmp_path)
    assert data.classes == ["AD", "ZW"] and targets(data) == [0, 1] and data.root == str(tmp_path)
    save(tmp_path / "eurosat/2750/Forest/Forest_1.jpg")
    assert datasets.EuroSAT(tmp_path)[0][0].size == (8, 6)
    with pytest.raises(RuntimeError, match=r"Country211 has no files.*download=True"):
        datasets.Country211(tmp_path, "test")


def test_dtd_and_aircraft(tmp_path):
    write(tmp_path / "dtd/dtd/labels/val3.txt", "banded/b_1.jpg\nzigzag/z_2.jpg\nbanded/b_2.jpg\n")
    for name in ("banded/b_1", "zigzag/z_2", "banded/b_2"):
        save(tmp_path / f"dtd/dtd/images/{name}.jpg")
    data = datasets.DTD(tmp_path, "val", partition=3)
    assert data.classes == ["banded", "zigzag"] and targets(data) == [0, 1, 0]
    with pytest.raises(ValueError, match="partition is 11"):
        datasets.DTD(tmp_path, partition=11)
    folder = tmp_path / "fgvc-aircraft-2013b/data"
    write(folder / "families.txt", "Boeing 707\nCessna 172\n")
    write(folder / "images_family_test.txt", "0034309 Cessna 172\n0034958 Boeing 707\n")
    for number in ("0034309", "0034958"):
        save(folder / f"images/{number}.jpg")
    assert targets(datasets.FGVCAircraft(tmp_path, "test", "family")) == [1, 0]


def test_gtsrb(tmp_path):
    for name in ("00000/00000_1.ppm", "00014/00000_2.ppm"):
        save(tmp_path / f"gtsrb/GTSRB/Training/{name}")
    assert targets(datasets.GTSRB(tmp_path)) == [0, 1]
    save(tmp_path / "gtsrb/GTSRB/Final_Test/Images/00000.ppm")
    write(tmp_path / "gtsrb/GT-final_test.csv", "Filename;Width;ClassId\n00000.ppm;53;16\n")
    assert targets(datasets.GTSRB(tmp_path, "test")) == [16]


def test_imagenette_and_sst(tmp_path):
    for wnid in ("n03028079", "n01440764"):
        save(tmp_path / f"imagenette2-160/val/{wnid}/x_1.JPEG")
    data = datasets.Imagenette(tmp_path, "val", "160px")
    assert data.classes == [("tench", "Tinca tinca"), ("church", "church building")]
    assert data.class_to_idx["church building"] == 1 and targets(data) == [0, 1]
    for name in ("negative", "positive"):
        save(tmp_path / f"rendered-sst2/valid/{name}/0.png")
    assert targets(datasets.RenderedSST2(tmp_path, "val")) == [0, 1]


def test_cars(tmp_path):
    scipy = pytest.importorskip("scipy.io")
    base = tmp_path / "stanford_cars"
    for i in (1, 2):
        save(base / f"cars_train/{i:05d}.jpg")
    (base / "devkit").mkdir()
    rows = np.array([(14, "00001.jpg"), (2, "00002.jpg")], dtype=[("class", "f8"), ("fname", "O")])
    scipy.savemat(base / "devkit/cars_train_annos.mat", {"annotations": rows})
    names = np.array([f"car {i}" for i in range(14)], dtype=object)
    scipy.savemat(base / "devkit/cars_meta.mat", {"class_names": names})
    data = datasets.StanfordCars(tmp_path)
    assert targets(data) == [13, 1] and data.classes[13] == "car 13"
    with pytest.raises(ValueError, match="the server that gave it out is gone"):
        datasets.StanfordCars(tmp_path, download=True)


def test_places(tmp_path, monkeypatch):
    unchecked(monkeypatch, "labelled")
    write(tmp_path / "SUN397/ClassName.txt", "/a/abbey\n/c/church/outdoor\n")
    save(tmp_path / "SUN397/a/abbey/sun_a.jpg")
    save(tmp_path / "SUN397/c/church/outdoor/sun_b.jpg")
    data = datasets.SUN397(tmp_path)
    assert data.classes == ["abbey", "church/outdoor"] and sorted(targets(data)) == [0, 1]

    write(tmp_path / "categories_places365.txt", "/a/airfield 0\n/z/zen_garden 364\n")
    write(tmp_path / "places365_val.txt", "Places365_val_00000001.jpg 364\n")
    write(tmp_path / "places365_test.txt", "Places365_test_00000001.jpg\n")
    write(tmp_path / "places365_train_standard.txt", "/a/airfield/00000001.jpg 0\n")
    save(tmp_path / "val_256/Places365_val_00000001.jpg")
    save(tmp_path / "test_256/Places365_test_00000001.jpg")
    save(tmp_path / "data_large_standard/a/airfield/00000001.jpg")
    assert targets(datasets.Places365(tmp_path, "val", small=True)) == [364]
    assert targets(datasets.Places365(tmp_path, "test", small=True)) == [None]
    data = datasets.Places365(tmp_path)
    assert data.class_to_idx["/z/zen_garden"] == 364 and data[0][0].size == (8, 6)


def test_omniglot(tmp_path, monkeypatch):
    unchecked(monkeypatch, "labelled")
    folder = tmp_path / "omniglot-py/images_evaluation"
    for name in ("Atlantean/character01/0965_01", "Atlantean/character02/0966_01"):
        save(folder / f"{name}.png", mode="L")
    with pytest.raises(RuntimeError, match="Omniglot has no files"):
        datasets.Omniglot(tmp_path, background=False)
    write(tmp_path / "omniglot-py/images_evaluation.zip", "")
    data = datasets.Omniglot(tmp_path, background=False)
    assert targets(data) == [0, 1] and data[0][0].mode == "L"


def test_inaturalist(tmp_path):
    ranks = "Animalia_Annelida_Clitellata_Haplotaxida_Lumbricidae"
    for number, rest in enumerate(("Lumbricus_terrestris", "Eisenia_fetida")):
        save(tmp_path / f"2021_valid/{number:05d}_{ranks}_{rest}/1.jpg")
    data = datasets.INaturalist(tmp_path, "2021_valid", ["full", "family", "genus"])
    assert targets(data) == [(0, 0, 0), (1, 0, 1)]
    assert data.category_name("genus", 1) == "Eisenia"
    with pytest.raises(ValueError, match="no category 7 of 'family'"):
        data.category_name("family", 7)
    for name in ("Plantae/1", "Fungi/0"):
        save(tmp_path / f"2019/{name}/1.jpg")
    assert targets(datasets.INaturalist(tmp_path, "2019", ["full", "super"])) == [(0, 0), (1, 1)]
    (tmp_path / "2019/Fungi/first").mkdir()
    with pytest.raises(RuntimeError, match="must be named by a number"):
        datasets.INaturalist(tmp_path, "2019")
