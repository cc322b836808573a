"""PNG of 16 bits a channel, of which Pillow keeps but the upper 8. Source: RFC 2083."""

import zlib

from ... import _core, frombuffer, uint8

_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by type of colour


def _chunks(data):
    place = 8
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += 12 + length


def is_wide(data):
    """Whether bytes are a PNG of 16 bits in several channels."""
    return data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:25] == b"\x10" and data[25:26] in b"\2\4\6"


def decode(name, data):
    """uint16 (C, H, W)."""
    import numpy

    from ... import from_numpy

    if data[28]:
        raise RuntimeError(
            f"{name}: a PNG of 16 bits that is interlaced is not read; save it anew."
        )
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    channels = _CHANNELS[data[25]]
    step = 2 * channels
    try:
        packed = b"".join(body for kind, body in _chunks(data) if kind == b"IDAT")
        lines = zlib.decompress(packed)
    except zlib.error as error:
        raise RuntimeError(f"{name}: the PNG is damaged: {error}.") from error
    if len(lines) != height * (width * step + 1):
        raise RuntimeError(
            f"{name}: the PNG has {len(lines)} bytes for {height} lines of {width} pixels; it is damaged."
        )
    lines = frombuffer(bytearray(lines), dtype=uint8).view(height, -1)
    values = _core._png_lines(lines, step).numpy().view(">u2").astype("uint16")
    return from_numpy(
        numpy.ascontiguousarray(values.reshape(height, width, channels).transpose(2, 0, 1))
    )
