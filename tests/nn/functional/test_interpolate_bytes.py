"""Bytes are resampled in fixed point, columns first, each direction rounded: as image libraries do."""

import pytest

import flambeau as torch

interpolate = torch.nn.functional.interpolate

# Values of PyTorch 2.13 for the image below.
EXPECTED = [
    ("bilinear", False, False, [66, 118, 169, 93, 175, 99, 150, 74, 92, 144, 67, 183]),
    ("bilinear", True, False, [0, 128, 171, 129, 156, 114, 157, 29, 56, 184, 57, 185]),
    ("bicubic", False, False, [61, 111, 179, 88, 180, 89, 163, 72, 87, 156, 48, 194]),
    ("bilinear", False, True, [76, 116, 142, 79, 164, 103, 129, 110, 106, 125, 86, 177]),
    ("bicubic", False, True, [71, 118, 148, 68, 177, 93, 132, 109, 105, 130, 76, 188]),
]


@pytest.mark.parametrize(("mode", "corners", "antialias", "expected"), EXPECTED)
def test_bytes_are_those_of_fixed_point(mode, corners, antialias, expected):
    image = (torch.arange(30).reshape(1, 1, 5, 6) * 77 % 256).to(torch.uint8)
    result = interpolate(image, size=(3, 4), mode=mode, align_corners=corners, antialias=antialias)
    assert result.dtype is torch.uint8
    assert result.flatten().tolist() == expected


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("value", [0, 1, 128, 255])
@pytest.mark.parametrize("size", [(1, 1), (2, 900), (700, 3), (31, 17)])
def test_a_plain_image_stays_plain(mode, antialias, value, size):
    image = torch.full((1, 2, 29, 300), value, dtype=torch.uint8)
    assert (interpolate(image, size=size, mode=mode, antialias=antialias) == value).all()
