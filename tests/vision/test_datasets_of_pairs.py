"""Data sets of optical flow and stereo matching, read from small made files in the real format."""

import json
import struct

import numpy as np
import pytest

from flambeau.vision import datasets
from flambeau.vision.datasets.flow import read_pfm

Image = pytest.importorskip("PIL.Image")
from .made_files import rng, save, write

SIZE = (8, 6)


def flo(path):
    values = rng.random((6, 8, 2)).astype("<f4")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"PIEH" + struct.pack("<ii", *SIZE) + values.tobytes())
    return values.transpose(2, 0, 1)


def pfm(path, channels=1, order="<"):
    """A file of numbers, whose rows go up; what it shows, (H, W, C)."""
    values = rng.random((6, 8, channels)).astype(f"{order}f4")
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f"{'PF' if channels == 3 else 'Pf'}\n8 6 \n{'-' if order == '<' else ''}1.0\n".encode()
    path.write_bytes(head + values[::-1].tobytes())
    return values


def png16(path, x, y, known):
    """A PNG of three channels of 16 bits, which Pillow does not write."""
    import zlib

    rows = np.stack([x, y, known], -1).astype(">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)

    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def test_pfm_of_either_order(tmp_path):
    for order in "<>":
        values = pfm(tmp_path / "a.pfm", 3, order)
        assert np.array_equal(read_pfm(tmp_path / "a.pfm"), values.transpose(2, 0, 1)[:2])
    (tmp_path / "b.pfm").write_bytes(b"P6\n1 1\n1.0\n")
    with pytest.raises(ValueError, match=r"b\.pfm is no \.pfm file"):
        read_pfm(tmp_path / "b.pfm")


# -- flow


def test_sintel(tmp_path):
    for scene in ("alley_1", "bamboo_1"):
        for i in (1, 2, 3):
            save(tmp_path / f"Sintel/training/clean/{scene}/frame_000{i}.png")
            save(tmp_path / f"Sintel/test/final/{scene}/frame_000{i}.png")
        for i in (1, 2):
            values = flo(tmp_path / f"Sintel/training/flow/{scene}/frame_000{i}.flo")
    data = datasets.Sintel(tmp_path)
    assert len(data) == 4 and len(data[0]) == 3 and np.array_equal(data[3][2], values)
    assert data._image_list[3][1].endswith("bamboo_1/frame_0003.png")
    test = datasets.Sintel(tmp_path, "test", "final")
    assert len(test) == 4 and test[0][2] is None and len(2 * test) == 8
    swap = lambda a, b, flow, mask: (b, a, flow, flow[0] > 0.5)
    assert datasets.Sintel(tmp_path, transforms=swap)[0][3].dtype == bool
    with pytest.raises(FileNotFoundError, match="Sintel has no images"):
        datasets.Sintel(tmp_path, pass_name="final")


def test_kitti_flow_and_hd1k(tmp_path):
    x, y = (rng.integers(0, 2**16, (6, 8)) for _ in range(2))
    known = rng.integers(0, 2, (6, 8))
    base = tmp_path / "KittiFlow/training"
    for n in (10, 11):
        save(base / f"image_2/000000_{n}.png")
    png16(base / "flow_occ/000000_10.png", x, y, known)
    flow, mask = datasets.KittiFlow(tmp_path)[0][2:]
    assert np.array_equal(flow[0], (x - 2.0**15) / 64) and np.array_equal(
        flow[1], (y - 2.0**15) / 64
    )
    assert np.array_equal(mask, known == 1)
    for i in (0, 1, 2):
        save(tmp_path / f"hd1k/hd1k_input/image_2/000003_000{i}.png")
        png16(tmp_path / f"hd1k/hd1k_flow_gt/flow_occ/000003_000{i}.png", x, y, known)
    assert len(datasets.HD1K(tmp_path)) == 2
    with pytest.raises(FileNotFoundError, match="HD1K has no images"):
        datasets.HD1K(tmp_path, "test")


def test_flying_chairs(tmp_path):
    for i in (1, 2, 3):
        for n in (1, 2):
            save(tmp_path / f"FlyingChairs/data/0000{i}_img{n}.ppm")
        values = flo(tmp_path / f"FlyingChairs/data/0000{i}_flow.flo")
    with pytest.raises(FileNotFoundError, match="FlyingChairs_train_val"):
        datasets.FlyingChairs(tmp_path)
    write(tmp_path / "FlyingChairs/FlyingChairs_train_val.txt", "1\n1\n2\n")
    data = datasets.FlyingChairs(tmp_path, "val")
    assert len(data) == 1 and np.array_equal(data[0][2], values)
    assert len(datasets.FlyingChairs(tmp_path)) == 2


def test_flying_things(tmp_path):
    base = tmp_path / "FlyingThings3D"
    for i in (6, 7, 8):
        save(base / f"frames_cleanpass/TEST/A/0000/left/000{i}.png")
        for time in ("into_future", "into_past"):
            pfm(base / f"optical_flow/TEST/A/0000/{time}/left/{time}_000{i}.pfm", 3)
    data = datasets.FlyingThings3D(tmp_path, "test")
    assert len(data) == 4 and data[0][2].shape == (2, 6, 8)
    names = [
        ([p[-8:] for p in pair], flow[-8:]) for pair, flow in zip(data._image_list, data._flow_list)
    ]
    assert names[0] == (["0006.png", "0007.png"], "0006.pfm")
    assert names[3] == (["0008.png", "0007.png"], "0008.pfm")


# -- stereo


def pair(folder, left, right):
    save(folder / left)
    save(folder / right)


def grey16(path):
    values = rng.integers(1, 2**16, (6, 8)).astype("uint16")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return values.astype("float32")


def test_stereo_by_pfm(tmp_path):
    folder = tmp_path / "carla-highres/trainingF/a"
    pair(folder, "im0.png", "im1.png")
    values = pfm(folder / "disp0GT.pfm")
    pfm(folder / "disp1GT.pfm")
    left, right, disparity = datasets.CarlaStereo(tmp_path)[0]
    assert left.size == right.size == SIZE and np.array_equal(disparity[0], values[..., 0])

    folder = tmp_path / "SceneFlow/Monkaa"
    for side in ("left", "right"):
        save(folder / f"frames_finalpass/a/{side}/0001.png")
        pfm(folder / f"disparity/a/{side}/0001.pfm")
    assert len(datasets.SceneFlowStereo(tmp_path, "Monkaa", "final")[0]) == 3

    folder = tmp_path / "ETH3D"
    for part in ("two_view_training", "two_view_test"):
        pair(folder / part / "a", "im0.png", "im1.png")
    pfm(folder / "two_view_training_gt/a/disp0GT.pfm")
    known = save(folder / "two_view_training_gt/a/mask0nocc.png", mode="L") > 0
    assert np.array_equal(datasets.ETH3DStereo(tmp_path)[0][3], known)
    assert datasets.ETH3DStereo(tmp_path, "test")[0][2:] == (None, None)


def test_middlebury(tmp_path):
    folder = tmp_path / "Middlebury2014/train/Piano-perfect"
    pair(folder, "im0.png", "im1.png")
    save(folder / "im1E.png")
    for i in (0, 1):
        values = pfm(folder / f"disp{i}.pfm")
    data = datasets.Middlebury2014Stereo(tmp_path, use_ambient_views=True)
    disparity, known = data[0][2:]
    assert disparity.shape == (1, 6, 8) and known.all() and values.shape == (6, 8, 1)
    with pytest.raises(ValueError, match="of split 'test' it must be None"):
        datasets.Middlebury2014Stereo(tmp_path, "test")
    with pytest.raises(FileNotFoundError, match="no scenes of split 'additional'"):
        datasets.Middlebury2014Stereo(tmp_path, "additional")


def test_stereo_by_png(tmp_path):
    folder = tmp_path / "Kitti2012/training"
    pair(folder, "colored_0/000000_10.png", "colored_1/000000_10.png")
    values = grey16(folder / "disp_noc/000000_10.png")
    *_, disparity, mask = datasets.Kitti2012Stereo(tmp_path)[0]
    assert np.array_equal(disparity[0], values / 256) and mask is None
    folder = tmp_path / "Kitti2015/testing"
    pair(folder, "image_2/000000_10.png", "image_3/000000_10.png")
    assert datasets.Kitti2015Stereo(tmp_path, "test")[0][2] is None

    folder = tmp_path / "InStereo2k/test/0"
    pair(folder, "left.png", "right.png")
    values = grey16(folder / "left_disp.png")
    grey16(folder / "right_disp.png")
    assert np.array_equal(datasets.InStereo2k(tmp_path, "test")[0][2][0], values / 1024)

    for part in ("shapenet", "reflective", "tree", "hole"):
        folder = tmp_path / "CREStereo" / part
        pair(folder, "0_left.jpg", "0_right.jpg")
        for side in ("left", "right"):
            grey16(folder / f"0_{side}.disp.png")
    assert len(datasets.CREStereo(tmp_path)) == 4

    folder = tmp_path / "FallingThings/single/box/kitchen"
    pair(folder, "0.left.jpg", "0.right.jpg")
    values = grey16(folder / "0.left.depth.png")
    grey16(folder / "0.right.depth.png")
    camera = {"camera_settings": [{"intrinsic_settings": {"fx": 768.0}}]}
    write(folder / "_camera_settings.json", json.dumps(camera))
    disparity = datasets.FallingThingsStereo(tmp_path)[0][2]
    assert np.allclose(disparity[0], 6 * 768 * 100 / values)
    save(folder / "1.left.jpg")
    with pytest.raises(ValueError, match=r"2 files \*/\*/\*\.left\.jpg|2 files \*/\*\.left\.jpg"):
        datasets.FallingThingsStereo(tmp_path)


def test_sintel_stereo(tmp_path):
    base = tmp_path / "Sintel/training"
    for name in ("final_left", "final_right"):
        save(base / name / "alley/0.png")
    colours = save(base / "disparities/alley/0.png").astype("float32")
    masks = [save(base / kind / "alley/0.png", mode="L") for kind in ("occlusions", "outofframe")]
    *_, disparity, known = datasets.SintelStereo(tmp_path)[0]
    red, green, blue = np.moveaxis(colours, -1, 0)
    assert np.array_equal(disparity[0], red * 4 + green / 64 + blue / 2**14)
    assert np.array_equal(known, (masks[0] == 0) & (masks[1] == 0))


def test_png_of_16_bits_in_colour(tmp_path):
    from flambeau.vision import io

    planes = [rng.integers(0, 2**16, (6, 8)) for _ in range(3)]
    png16(tmp_path / "a.png", *planes)
    image = io.decode_image(tmp_path / "a.png")
    assert str(image.dtype) == "torch.uint16" and np.array_equal(image.numpy(), np.stack(planes))
    with_alpha = io.decode_png(io.read_file(tmp_path / "a.png"), "RGB_ALPHA").numpy()
    assert np.array_equal(with_alpha[:3], np.stack(planes)) and (with_alpha[3] == 2**16 - 1).all()
    grey = io.decode_image(tmp_path / "a.png", "GRAY_ALPHA").numpy()
    light = 0.2989 * planes[0] + 0.587 * planes[1] + 0.1141 * planes[2]
    assert np.abs(grey[0] - light).max() <= 1 and (grey[1] == 2**16 - 1).all()
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    with pytest.raises(RuntimeError, match="damaged"):
        io.decode_image(tmp_path / "b.png")


def test_filters_of_png():
    import flambeau as torch

    lines = rng.integers(0, 256, (6, 13)).astype("uint8")
    lines[:, 0] = [0, 1, 2, 3, 4, 4]
    out = np.zeros((6, 12), int)
    for row, (kind, *values) in enumerate(lines.tolist()):
        for i, value in enumerate(values):
            left, corner = (out[row, i - 3] if i >= 3 else 0), 0
            above = out[row - 1, i] if row else 0
            corner = out[row - 1, i - 3] if row and i >= 3 else 0
            near = min((left, above, corner), key=lambda v: abs(left + above - corner - v))
            guess = [0, left, above, (left + above) // 2, near][kind]
            out[row, i] = (value + guess) % 256
    found = torch._core._png_lines(torch.from_numpy(lines), 3)
    assert np.array_equal(found.numpy(), out)
    lines[2, 0] = 9
    with pytest.raises(RuntimeError, match="the filter of line 2"):
        torch._core._png_lines(torch.from_numpy(lines), 3)
