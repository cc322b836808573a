"""VideoClips: the clips of equal length in some videos, by PyAV (the extra "video")."""

import bisect
import math

from ... import _core, arange, as_tensor, float32, int64
from .vision import one_of

__all__ = ["VideoClips", "unfold"]


def unfold(tensor, size, step, dilation=1):
    """Windows of a 1-d tensor, a view: (windows, size), each `step` further, its elements `dilation` apart."""
    if tensor.dim() != 1:
        raise ValueError(f"unfold: tensor has {tensor.dim()} dims; it must have 1.")
    stride = tensor.stride(0)
    windows = max((len(tensor) - dilation * (size - 1) - 1) // step + 1, 0)
    return tensor.as_strided((windows, size), (step * stride, dilation * stride))


class _Times:
    """A data set of the times of the frames of each video, for the workers of a loader."""

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        from ..io import read_video_timestamps

        return read_video_timestamps(self.paths[index])


class VideoClips:
    """Clips of clip_length_in_frames frames, frames_between_clips apart, of the videos in some files, one after another.

    frame_rate: frames a second that clips are resampled to, by leaving out or repeating frames. num_workers: processes
    that read the times of frames. A video that is too short for a clip has none; metadata, the times, may be given
    again as _precomputed_metadata. output_format: "THWC" or "TCHW".

    NotImplementedError: _video_width and the like, which ask for other sizes of the pictures; a transform does that.
    """

    def __init__(
        self, video_paths, clip_length_in_frames=16, frames_between_clips=1, frame_rate=None, _precomputed_metadata=None,
        num_workers=0, _video_width=0, _video_height=0, _video_min_dimension=0, _video_max_dimension=0, _audio_samples=0,
        _audio_channels=0, output_format="THWC",
    ):  # fmt: skip
        asked = {
            "_video_width": _video_width,
            "_video_height": _video_height,
            "_video_min_dimension": _video_min_dimension,
            "_video_max_dimension": _video_max_dimension,
            "_audio_samples": _audio_samples,
            "_audio_channels": _audio_channels,
        }
        for name, value in asked.items():
            if value:
                raise NotImplementedError(
                    f"VideoClips: {name} is not offered; let a transform change the clips."
                )
        self.video_paths, self.num_workers = list(video_paths), num_workers
        formats = ("THWC", "TCHW")
        self.output_format = one_of("VideoClips", "output_format", output_format.upper(), formats)
        if _precomputed_metadata is None:
            self._read_times()
        else:
            self.video_paths = _precomputed_metadata["video_paths"]
            self.video_pts = _precomputed_metadata["video_pts"]
            self.video_fps = _precomputed_metadata["video_fps"]
        self.compute_clips(clip_length_in_frames, frames_between_clips, frame_rate)

    def _read_times(self):
        from ...utils.data import DataLoader

        loader = DataLoader(
            _Times(self.video_paths), batch_size=16, num_workers=self.num_workers, collate_fn=list
        )
        found = [one for batch in loader for one in batch]
        self.video_pts = [as_tensor(times, dtype=int64) for times, _ in found]
        self.video_fps = [rate for _, rate in found]

    @property
    def metadata(self):
        """What reading the times has found: video_paths, video_pts and video_fps."""
        return {
            "video_paths": self.video_paths,
            "video_pts": self.video_pts,
            "video_fps": self.video_fps,
        }

    def subset(self, indices):
        """The clips of some of the videos."""
        metadata = {key: [values[i] for i in indices] for key, values in self.metadata.items()}
        return type(self)(
            metadata["video_paths"], self.num_frames, self.step, self.frame_rate, metadata, self.num_workers,
            output_format=self.output_format,
        )  # fmt: skip

    @staticmethod
    def _resample_video_idx(num_frames, original_fps, new_fps):
        """Which frames another rate takes: a slice, where it is a divisor, or indices."""
        step = original_fps / new_fps
        if float(step).is_integer():
            return slice(None, None, int(step))
        return (arange(num_frames, dtype=float32) * step).floor().to(int64)

    @staticmethod
    def compute_clips_for_video(video_pts, num_frames, step, fps, frame_rate=None):
        """(times of the frames of each clip, which frames of the video they are) of one video."""
        fps = fps or 1
        frame_rate = frame_rate or fps
        total = math.floor(len(video_pts) * frame_rate / fps)
        places = VideoClips._resample_video_idx(total, fps, frame_rate)
        clips = unfold(video_pts[places], num_frames, step)
        if not clips.numel():
            _core._warn(
                f"VideoClips: a video has {len(video_pts)} frames, too few for a clip of {num_frames}; it is left out."
            )
        if isinstance(places, slice):
            return clips, [places] * len(clips)
        return clips, unfold(places, num_frames, step)

    def compute_clips(self, num_frames, step, frame_rate=None):
        """Cuts the videos anew."""
        self.num_frames, self.step, self.frame_rate = num_frames, step, frame_rate
        cut = [
            self.compute_clips_for_video(times, num_frames, step, fps, frame_rate)
            for times, fps in zip(self.video_pts, self.video_fps)
        ]
        self.clips = [clips for clips, _ in cut]
        self.resampling_idxs = [places for _, places in cut]
        self.cumulative_sizes, total = [], 0
        for clips in self.clips:
            total += len(clips)
            self.cumulative_sizes.append(total)

    def num_videos(self):
        return len(self.video_paths)

    def num_clips(self):
        return self.cumulative_sizes[-1] if self.cumulative_sizes else 0

    __len__ = num_clips

    def get_clip_location(self, idx):
        """(number of the video, number of the clip in it) of a clip."""
        video = bisect.bisect_right(self.cumulative_sizes, idx)
        return video, idx - (self.cumulative_sizes[video - 1] if video else 0)

    def get_clip(self, idx):
        """(frames, sound, facts, number of the video) of a clip, as read_video gives them."""
        from ..io import read_video

        if not 0 <= idx < self.num_clips():
            raise IndexError(f"VideoClips: index {idx} is not one of the {self.num_clips()} clips.")
        video, own = self.get_clip_location(idx)
        times = self.clips[video][own]
        frames, sound, facts = read_video(
            self.video_paths[video],
            int(times[0]),
            int(times[-1]),
            output_format=self.output_format,
        )
        if self.frame_rate is not None:
            places = self.resampling_idxs[video][own]
            frames = frames[places if isinstance(places, slice) else places - places[0]]
            facts["video_fps"] = self.frame_rate
        if len(frames) != self.num_frames:
            raise RuntimeError(
                f"VideoClips: {self.video_paths[video]} gives {len(frames)} frames from {int(times[0])} to "
                f"{int(times[-1])}; its times say {self.num_frames}. The file has changed or is damaged."
            )
        return frames, sound, facts, video

    def __getstate__(self):
        # Clips are views of the times; they are cut anew.
        derived = ("clips", "resampling_idxs", "cumulative_sizes")
        return {key: value for key, value in vars(self).items() if key not in derived}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.compute_clips(self.num_frames, self.step, self.frame_rate)
