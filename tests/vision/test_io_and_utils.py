"""Images in files and bytes, and pictures of tensors."""

import io as python_io

import pytest

import flambeau as torch
from flambeau.vision import io, utils

Image = pytest.importorskip("PIL.Image")


def picture():
    return torch.randint(0, 256, (3, 20, 30)).to(torch.uint8)


def test_png_keeps_every_value(tmp_path):
    image = picture()
    io.write_png(image, tmp_path / "x.png")
    assert torch.equal(io.read_image(tmp_path / "x.png"), image)
    assert torch.equal(io.decode_png(io.encode_png(image)), image)
    assert io.read_image(str(tmp_path / "x.png"), "GRAY").shape == (1, 20, 30)
    assert io.decode_image(io.encode_png(image), io.ImageReadMode.RGB_ALPHA).shape == (4, 20, 30)
    assert torch.equal(io.decode_image(str(tmp_path / "x.png")), image)


@pytest.mark.parametrize(
    "mode", ["UNCHANGED", "RGB"]
)  # Pillow, and simplejpeg where it is installed
def test_jpeg_is_near(tmp_path, mode):
    smooth = (
        (torch.arange(20)[:, None] * 5 + torch.arange(30) * 3).to(torch.uint8).expand(3, 20, 30)
    )
    io.write_jpeg(smooth, tmp_path / "x.jpg", quality=95)
    read = io.read_image(tmp_path / "x.jpg", mode)
    assert (read.float() - smooth.float()).abs().mean() < 2
    assert len(io.encode_jpeg(smooth, 10)) < len(io.encode_jpeg(smooth, 95))
    assert [tuple(x.shape) for x in io.decode_jpeg(io.encode_jpeg([smooth, smooth]), mode)] == [
        (3, 20, 30)
    ] * 2


def test_other_formats(tmp_path):
    frames = [Image.new("RGB", (5, 4), color) for color in ("red", "blue")]
    written = python_io.BytesIO()
    frames[0].save(written, "GIF", save_all=True, append_images=frames[1:])
    data = torch.frombuffer(bytearray(written.getvalue()), dtype=torch.uint8)
    gif = io.decode_gif(data)
    assert gif.shape == (2, 3, 4, 5) and gif[1, 2].min() > 250
    written = python_io.BytesIO()
    frames[0].save(written, "WEBP", lossless=True)
    data = torch.frombuffer(bytearray(written.getvalue()), dtype=torch.uint8)
    assert io.decode_webp(data)[0].min() > 250
    io.write_file(tmp_path / "x", data)
    assert torch.equal(io.read_file(tmp_path / "x"), data)


def test_images_are_turned_as_their_camera_says():
    written = python_io.BytesIO()
    image = Image.new("RGB", (6, 4))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(written, "JPEG", exif=exif)
    data = torch.frombuffer(bytearray(written.getvalue()), dtype=torch.uint8)
    assert io.decode_image(data).shape == (3, 4, 6)
    assert io.decode_image(data, apply_exif_orientation=True).shape == (3, 6, 4)


def test_what_is_no_image():
    with pytest.raises(RuntimeError, match="decode_image: the bytes are not an image"):
        io.decode_image(torch.arange(20).to(torch.uint8))
    with pytest.raises(RuntimeError, match="decode_png: the bytes are not one of PNG"):
        io.decode_png(io.encode_jpeg(picture()))
    with pytest.raises(RuntimeError, match=r"input is torch\.float32 \(3,\); it must be bytes"):
        io.decode_image(torch.zeros(3))
    with pytest.raises(RuntimeError, match="it must be uint8"):
        io.encode_png(torch.zeros(3, 4, 4))
    with pytest.raises(ValueError, match="quality is 0"):
        io.encode_jpeg(picture(), 0)
    with pytest.raises(ValueError, match="mode is 'COLOR'"):
        io.decode_image(io.encode_png(picture()), "COLOR")


# -- pictures


def test_grids(tmp_path):
    images = torch.arange(5.0).view(5, 1, 1, 1).expand(5, 1, 2, 3)
    grid = utils.make_grid(images, nrow=3, padding=1, pad_value=9)
    assert grid.shape == (3, 7, 13)
    assert (
        grid[0, 1, 1:4].tolist() == [0, 0, 0]
        and grid[0, 4, 5] == 4
        and grid[0, 0, 0] == 9
        and grid[0, 5, 9] == 9
    )
    assert utils.make_grid(images, normalize=True).max() == 1
    assert utils.make_grid(list(images), normalize=True, scale_each=True, pad_value=0).max() == 0
    assert utils.make_grid(torch.zeros(4, 5)).shape == (3, 4, 5)
    utils.save_image(images / 4, tmp_path / "grid.png", nrow=5)
    with Image.open(tmp_path / "grid.png") as written:
        assert written.size == (27, 6)
    with pytest.raises(TypeError, match="make_grid: takes a tensor or a list"):
        utils.make_grid(3)


@pytest.mark.parametrize("floating", [False, True])
def test_boxes_are_drawn(floating):
    image = torch.zeros(3, 40, 50, dtype=torch.uint8)
    image = image.float() if floating else image
    boxes = torch.tensor([[5.0, 5, 20, 30]])
    drawn = utils.draw_bounding_boxes(image, boxes, colors="red", width=2)
    white = 1.0 if floating else 255
    assert drawn[:, 5, 5].tolist() == [white, 0, 0] and drawn[:, 15, 12].tolist() == [0, 0, 0]
    assert utils.draw_bounding_boxes(image, boxes, fill=True, colors=[(0, 255, 0)])[1, 15, 12] > 0
    labelled = utils.draw_bounding_boxes(
        image, boxes, labels=["cat"], fill_labels=True, colors="blue"
    )
    assert labelled[2].sum() > utils.draw_bounding_boxes(image, boxes, colors="blue")[2].sum()
    corners = torch.tensor([[5.0, 5, 30, 5, 30, 30, 5, 30]])
    assert utils.draw_bounding_boxes(image, corners, colors="red")[0, 5, 10] == white
    with pytest.raises(ValueError, match="2 labels for 1 boxes"):
        utils.draw_bounding_boxes(image, boxes, labels=["a", "b"])
    with pytest.raises(ValueError, match="x1 <= x2"):
        utils.draw_bounding_boxes(image, boxes.flip(1))


def test_masks_and_keypoints_are_drawn():
    image = torch.full((3, 10, 12), 100, dtype=torch.uint8)
    masks = torch.zeros(2, 10, 12, dtype=torch.bool)
    masks[0, :5], masks[1, 4:] = True, True
    drawn = utils.draw_segmentation_masks(image, masks, 0.5, ["red", (0, 200, 0)])
    assert drawn[:, 0, 0].tolist() == [177, 50, 50] and drawn[:, 9, 0].tolist() == [50, 150, 50]
    assert drawn[:, 4, 0].tolist() == [50, 50, 50]  # both
    with pytest.raises(ValueError, match="masks are torch.int64"):
        utils.draw_segmentation_masks(image, masks.long())
    points = torch.tensor([[[2.0, 2], [8, 8]]])
    dots = utils.draw_keypoints(
        image, points, colors="white", radius=1, visibility=torch.tensor([[True, False]])
    )
    assert dots[0, 2, 2] == 255 and dots[0, 8, 8] == 100
    lines = utils.draw_keypoints(image, points, connectivity=[(0, 1)], colors="white", radius=1)
    assert lines[0, 5, 5] != 100


def test_flows_become_colours():
    flow = torch.zeros(2, 4, 4)
    flow[0, 0], flow[0, 1] = 1.0, -1.0
    image = utils.flow_to_image(flow)
    assert image.dtype == torch.uint8 and image.shape == (3, 4, 4)
    assert image[:, 3, 0].tolist() == [255, 255, 255]  # nothing moves
    assert image[:, 0, 0].tolist() != image[:, 1, 0].tolist()
    assert utils.flow_to_image(flow[None]).shape == (1, 3, 4, 4)
    with pytest.raises(ValueError, match=r"flow is \(3, 4, 4\)"):
        utils.flow_to_image(torch.zeros(3, 4, 4))
