"""Images and videos between files, bytes and tensors. image: by Pillow and simplejpeg; video: by PyAV."""

from .. import _lazy

__all__, __getattr__ = _lazy.contents(
    __name__,
    {
        "image": "ImageReadMode decode_avif decode_gif decode_heic decode_image decode_jpeg decode_png decode_webp "
        "encode_jpeg encode_png read_file read_image write_file write_jpeg write_png",
        "video": "VideoReader read_video read_video_timestamps write_video",
    },
)


def __dir__():
    return [*__all__, "image", "video"]
