"""Videos between files and tensors, by PyAV (the extra "video").

Frames are uint8 (T, H, W, C) or (T, C, H, W), sound is float32 (channels, samples). A time is a frame's number of
the stream's own ticks (pts_unit "pts") or of seconds ("sec").
"""

import gc
import math
import os
from fractions import Fraction

from ... import Tensor, as_tensor, empty, from_numpy, uint8

__all__ = ["VideoReader", "read_video", "read_video_timestamps", "write_video"]

_UNITS = ("pts", "sec")


def _av(name):
    try:
        import av
    except ImportError:
        raise ImportError(
            f"vision.io.{name} needs PyAV, which is not installed. Run: pip install 'flambeau[video]'."
        ) from None
    return av


def _av_available():
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


def _check_av_available():
    _av("video")


def _unit(name, pts_unit):
    if pts_unit not in _UNITS:
        raise ValueError(f"{name}: pts_unit is {pts_unit!r}; it must be 'pts' or 'sec'.")


# -- writing


def write_video(
    filename, video_array, fps, video_codec="libx264", options=None,
    audio_array=None, audio_fps=None, audio_codec=None, audio_options=None,
):  # fmt: skip
    """A video, uint8 (T, H, W, C), into a file whose name says its format; with sound (channels, samples) where given.

    fps: frames a second. video_codec, audio_codec, options and audio_options are FFmpeg's.
    ImportError: PyAV is not installed.
    """
    av = _av("write_video")
    frames = as_tensor(video_array, dtype=uint8).cpu().numpy()
    if frames.ndim != 4:
        raise ValueError(
            f"write_video: video_array is {frames.shape}; it must be (T, H, W, C), C the 3 colours."
        )
    # FFmpeg wants a ratio; of a float, such as 29.97, the nearest simple one.
    rate = Fraction(fps).limit_denominator(100_000) if isinstance(fps, float) else fps
    with av.open(os.fspath(filename), mode="w") as container:
        stream = container.add_stream(video_codec, rate=rate)
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "yuv420p" if video_codec != "libx264rgb" else "rgb24"
        stream.options = options or {}
        sound = None
        if audio_array is not None:
            sound = _audio_stream(container, audio_array, audio_fps, audio_codec, audio_options)
        for image in frames:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound is not None:
            _write_audio(av, container, sound, audio_array, audio_fps)


def _audio_stream(container, audio_array, audio_fps, codec, options):
    if audio_fps is None or codec is None:
        raise ValueError(
            "write_video: audio_array is given; audio_fps and audio_codec must be, too."
        )
    stream = container.add_stream(codec, rate=int(audio_fps))
    stream.options = options or {}
    stream.layout = "stereo" if len(audio_array) > 1 else "mono"
    return stream


# What an encoder takes -> NumPy's dtype of it.
_SAMPLES = {
    "dbl": "<f8", "dblp": "<f8", "flt": "<f4", "fltp": "<f4", "s16": "<i2", "s16p": "<i2", "s32": "<i4", "s32p": "<i4",
    "u8": "u1", "u8p": "u1",
}  # fmt: skip


def _write_audio(av, container, stream, audio_array, audio_fps):
    import numpy

    kind = stream.format.name if stream.format is not None else "fltp"
    samples = numpy.asarray(as_tensor(audio_array).cpu().numpy(), dtype=_SAMPLES[kind])
    layout = stream.layout.name
    if not kind.endswith("p"):  # channels side by side
        samples = samples.T.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(numpy.ascontiguousarray(samples), kind, layout)
    frame.sample_rate = int(audio_fps)
    container.mux(stream.encode(frame))
    container.mux(stream.encode())


# -- reading


def read_video(filename, start_pts=0, end_pts=None, pts_unit="pts", output_format="THWC"):
    """(frames, sound, facts) of a file: uint8 (T, H, W, 3), or (T, 3, H, W) as output_format says, and float (channels, samples).

    start_pts, end_pts: the times of the first and the last frame, both included. facts: "video_fps" and "audio_fps",
    as far as there is such a stream. A file that is no video gives nothing: no frames, no sound and no facts.
    RuntimeError: there is no such file.
    """
    output_format = output_format.upper()
    if output_format not in ("THWC", "TCHW"):
        raise ValueError(
            f"read_video: output_format is {output_format!r}; it must be 'THWC' or 'TCHW'."
        )
    _unit("read_video", pts_unit)
    av = _av("read_video")
    filename = os.fspath(filename)
    if not os.path.exists(filename):
        raise RuntimeError(f"read_video: there is no file {filename}.")
    end_pts = math.inf if end_pts is None else end_pts
    if end_pts < start_pts:
        raise ValueError(
            f"read_video: end_pts {end_pts} lies before start_pts {start_pts}; it must not."
        )
    import numpy

    facts, images, sounds = {}, [], []
    span = (start_pts, end_pts, pts_unit)
    try:
        with av.open(filename, metadata_errors="ignore") as container:
            if container.streams.video:
                found = _frames(av, container, container.streams.video[0], *span)
                images = [_as_rgb(frame) for frame in found]
                rate = container.streams.video[0].average_rate
                if rate is not None:
                    facts["video_fps"] = float(rate)
            if container.streams.audio:
                stream = container.streams.audio[0]
                found = _frames(av, container, stream, *span)
                sounds = [_cut(frame, stream, *span) for frame in found]
                facts["audio_fps"] = stream.rate
    except av.error.FFmpegError:
        pass  # what could be read so far is the result
    video = from_numpy(numpy.stack(images)) if images else empty((0, 1, 1, 3), dtype=uint8)
    sound = (
        from_numpy(numpy.ascontiguousarray(numpy.concatenate(sounds, 1)))
        if sounds
        else empty((1, 0))
    )
    return video if output_format == "THWC" else video.permute(0, 3, 1, 2), sound, facts


def _as_rgb(frame):
    """The picture of a frame: (H, W, 3)."""
    return frame.to_rgb().to_ndarray()


def _ticks(stream, time, pts_unit, rounded):
    """A time in ticks of a stream."""
    if pts_unit == "sec" and time != math.inf:
        return rounded(time * (1 / stream.time_base))
    return time


# Frames are stored in another order than they are shown; so many that follow the last one may precede it.
_OUT_OF_ORDER = 16


def _frames(av, container, stream, start, end, pts_unit):
    """The decoded frames of a stream from start to end, in the order in which they are shown."""
    start, end = (
        _ticks(stream, start, pts_unit, math.floor),
        _ticks(stream, end, pts_unit, math.ceil),
    )
    found, beyond = {}, 0
    if start > 0:
        # To the last frame that needs no other, ahead of it; without an index, from the beginning.
        container.seek(int(start), any_frame=False, backward=True, stream=stream)
    elif stream.type == "audio":
        container.seek(0, stream=stream)
    for number, frame in enumerate(container.decode(stream)):
        if frame.pts is None:
            continue
        found[frame.pts] = frame
        if number % 50 == 49:
            gc.collect()  # frames hold cycles and much memory
        if frame.pts >= end:
            if stream.type == "audio" or beyond >= _OUT_OF_ORDER:
                break
            beyond += 1
    times = sorted(time for time in found if start <= time <= end)
    before = [time for time in found if time < start]
    if start > 0 and before and (not times or times[0] > start):
        times.insert(0, max(before))  # the one that is seen at the start
    return [found[time] for time in times]


def _cut(frame, stream, start, end, pts_unit):
    """The samples of a frame of sound that lie between two times, as floats."""
    import numpy

    samples = frame.to_ndarray()
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        samples = samples.reshape(-1, channels).T
    if samples.dtype.kind != "f":
        samples = samples.astype("float32") / numpy.float32(
            -int(numpy.iinfo(samples.dtype).min) or 128
        )
    per_tick = float(stream.time_base) * frame.sample_rate
    start, end = (
        _ticks(stream, start, pts_unit, math.floor),
        _ticks(stream, end, pts_unit, math.ceil),
    )
    first = max(0, round((start - frame.pts) * per_tick))
    last = samples.shape[1] if end == math.inf else round((end - frame.pts) * per_tick)
    return samples[:, first : max(last, first)].astype("float32", copy=False)


def read_video_timestamps(filename, pts_unit="pts"):
    """(times of all frames, frames a second or None) of a file; a file that is no video gives ([], None).

    Times are int in ticks, Fraction in seconds (pts_unit "sec").
    """
    _unit("read_video_timestamps", pts_unit)
    av = _av("read_video_timestamps")
    times, rate, base = [], None, 1
    try:
        with av.open(os.fspath(filename), metadata_errors="ignore") as container:
            if container.streams.video:
                stream = container.streams.video[0]
                rate = float(stream.average_rate) if stream.average_rate else None
                times = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
                if not times:  # some files say the times of decoded frames alone
                    container.seek(0)
                    times = [f.pts for f in container.decode(stream) if f.pts is not None]
                base = stream.time_base
    except av.error.FFmpegError as error:
        if isinstance(error, FileNotFoundError):
            raise
    times.sort()
    return [time * base for time in times] if pts_unit == "sec" else times, rate


class VideoReader:
    """The frames of a stream of a file, or of bytes, one after the other: dicts of "data", uint8 (3, H, W), and "pts", seconds.

    src: a path, bytes, or a tensor of bytes. stream: "video" or "audio", and ":1" for the second; sound is
    (samples, channels). num_threads: how many decode, 0 for as many as FFmpeg takes.

    Example:
        >>> import itertools, tempfile
        >>> from flambeau.vision import io
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     io.write_video(f"{folder}/a.mp4", torch.zeros(4, 16, 16, 3, dtype=torch.uint8), fps=2)
        ...     [frame["pts"] for frame in itertools.islice(io.VideoReader(f"{folder}/a.mp4").seek(1.0), 2)]
        [1.0, 1.5]
    """

    def __init__(self, src, stream="video", num_threads=0):
        av = _av("VideoReader")
        if isinstance(src, Tensor):
            src = src.numpy().tobytes()
        if isinstance(src, bytes | bytearray):
            import io

            src = io.BytesIO(src)
        self.container = av.open(
            src if hasattr(src, "read") else os.fspath(src), metadata_errors="ignore"
        )
        self._threads = num_threads
        self.set_current_stream(stream)

    def set_current_stream(self, stream):
        """Takes another stream; the next frame is its first."""
        kind, _, number = stream.partition(":")
        streams = getattr(self.container.streams, kind, ()) if kind in ("video", "audio") else ()
        number = int(number or 0)
        if number >= len(streams):
            raise ValueError(
                f"VideoReader: there is no stream {stream!r}; the file has {len(self.container.streams.video)} video and "
                f"{len(self.container.streams.audio)} audio streams."
            )
        self._stream = streams[number]
        if self._threads:
            self._stream.codec_context.thread_count = self._threads
        self.seek(0)
        return True

    def seek(self, time_s, keyframes_only=False):
        """Goes to the first frame at or after a time in seconds; keyframes_only: to the key frame before it."""
        self.container.seek(int(time_s * 1_000_000), any_frame=False, backward=True)
        self._from = -math.inf if keyframes_only else time_s
        self._decoded = self.container.decode(self._stream)
        return self

    def __iter__(self):
        return self

    def __next__(self):
        while True:
            frame = next(self._decoded)
            # Half a tick: times are rounded to ticks.
            if frame.time is None or frame.time + float(self._stream.time_base) / 2 >= self._from:
                break
        if self._stream.type == "video":
            data = from_numpy(_as_rgb(frame)).permute(2, 0, 1).contiguous()
        else:
            data = from_numpy(_cut(frame, self._stream, 0, math.inf, "pts").T.copy())
        return {"data": data, "pts": frame.time}

    def get_metadata(self):
        """What is known of the streams: {"video": {"fps": [...], "duration": [...]}, "audio": {"framerate": ...}}."""
        known = {}
        for kind, rate in (("video", "fps"), ("audio", "framerate")):
            streams = getattr(self.container.streams, kind)
            if streams:
                known[kind] = {
                    "duration": [_seconds(s, self.container) for s in streams],
                    rate: [float(s.average_rate if kind == "video" else s.rate) for s in streams],
                }
        return known


def _seconds(stream, container):
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else 0.0
