"""Which clips of videos come, in which order, in one process or several."""

import math

from .... import cat, linspace, randperm
from ....utils.data import Sampler
from ..video_utils import VideoClips

__all__ = ["DistributedSampler", "RandomClipSampler", "UniformClipSampler"]


def _clips(name, video_clips):
    if not isinstance(video_clips, VideoClips):
        raise TypeError(f"{name}: takes VideoClips, not {type(video_clips).__name__}.")
    return video_clips


class UniformClipSampler(Sampler):
    """num_clips_per_video clips of each video, evenly; a short video's come several times."""

    def __init__(self, video_clips, num_clips_per_video):
        self.video_clips = _clips("UniformClipSampler", video_clips)
        self.num_clips_per_video = num_clips_per_video

    def __iter__(self):
        start = 0
        for clips in self.video_clips.clips:
            if len(clips):
                last = start + len(clips) - 1
                yield from linspace(start, last, self.num_clips_per_video).floor().long().tolist()
            start += len(clips)

    def __len__(self):
        return self.num_clips_per_video * sum(len(clips) > 0 for clips in self.video_clips.clips)


class RandomClipSampler(Sampler):
    """At most max_clips_per_video clips of each video, drawn and shuffled."""

    def __init__(self, video_clips, max_clips_per_video):
        self.video_clips = _clips("RandomClipSampler", video_clips)
        self.max_clips_per_video = max_clips_per_video

    def __iter__(self):
        drawn, start = [], 0
        for clips in self.video_clips.clips:
            drawn.append(randperm(len(clips))[: self.max_clips_per_video] + start)
            start += len(clips)
        drawn = cat(drawn)
        return iter(drawn[randperm(len(drawn))].tolist())

    def __len__(self):
        return sum(min(len(clips), self.max_clips_per_video) for clips in self.video_clips.clips)


class DistributedSampler(Sampler):
    """The share of one process of what a data set, or another sampler, has; groups of group_size stay together.

    ValueError: the length is no multiple of group_size.
    """

    def __init__(self, dataset, num_replicas=None, rank=None, shuffle=False, group_size=1):
        from .... import distributed

        self.num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
        self.rank = distributed.get_rank() if rank is None else rank
        if len(dataset) % group_size:
            raise ValueError(
                f"DistributedSampler: the data set has {len(dataset)} samples, no multiple of group_size, {group_size}."
            )
        self.dataset, self.group_size, self.shuffle, self.epoch = dataset, group_size, shuffle, 0
        self.num_group_samples = math.ceil(len(dataset) / group_size / self.num_replicas)
        self.num_samples = self.num_group_samples * group_size
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self):
        from .... import Generator

        order = list(range(len(self.dataset)))
        if self.shuffle:
            order = randperm(len(order), generator=Generator().manual_seed(self.epoch)).tolist()
        order += order[: self.total_size - len(order)]  # so that all have as many
        starts = range(0, self.total_size, self.group_size)[self.rank :: self.num_replicas]
        own = [i for start in starts for i in order[start : start + self.group_size]]
        if isinstance(self.dataset, Sampler):
            drawn = list(self.dataset)
            own = [drawn[i] for i in own]
        return iter(own)

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch):
        """Shuffles otherwise."""
        self.epoch = epoch
