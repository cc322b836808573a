"""Videos written and read, their clips, and data sets of them."""

import pickle

import pytest

import flambeau as torch
from flambeau.vision import datasets, io
from flambeau.vision.datasets.samplers import (
    DistributedSampler,
    RandomClipSampler,
    UniformClipSampler,
)
from flambeau.vision.datasets.video_utils import VideoClips, unfold

LOSSLESS = {"video_codec": "libx264rgb", "options": {"crf": "0"}}


@pytest.fixture
def av():
    return pytest.importorskip("av")


def made(frames, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (frames, 16, 24, 3), dtype=torch.uint8, generator=generator)


def test_written_and_read(av, tmp_path):
    path, frames = tmp_path / "a.mp4", made(10)
    io.write_video(path, frames, fps=5, **LOSSLESS)
    video, sound, facts = io.read_video(path)
    assert torch.equal(video, frames) and facts == {"video_fps": 5} and sound.shape == (1, 0)
    times, rate = io.read_video_timestamps(path)
    seconds, _ = io.read_video_timestamps(path, "sec")
    assert rate == 5 and len(times) == 10 and [float(s) for s in seconds[:3]] == [0, 0.2, 0.4]
    part, _, _ = io.read_video(path, times[3], times[5])
    assert torch.equal(part, frames[3:6])
    part, _, _ = io.read_video(path, times[4] + 1, times[7], output_format="TCHW")
    assert torch.equal(part, frames[4:8].permute(0, 3, 1, 2))  # 4 is what is seen at that time
    part, _, _ = io.read_video(path, seconds[2], seconds[2], "sec")
    assert torch.equal(part, frames[2:3])
    with pytest.raises(ValueError, match="end_pts 3 lies before start_pts 4"):
        io.read_video(path, 4, 3)
    with pytest.raises(ValueError, match="pts_unit is 'ms'"):
        io.read_video_timestamps(path, "ms")
    with pytest.raises(RuntimeError, match=r"there is no file .*b\.mp4"):
        io.read_video(tmp_path / "b.mp4")
    with pytest.raises(ValueError, match=r"video_array is \(16, 24, 3\)"):
        io.write_video(tmp_path / "b.mp4", frames[0], fps=5)


def test_frames_stored_in_another_order(av, tmp_path):
    path = tmp_path / "a.mp4"
    ramp = torch.arange(40, dtype=torch.uint8).view(40, 1, 1, 1).expand(40, 16, 24, 3) * 6
    options = {"bframes": "8", "keyint": "10", "min-keyint": "4"}
    io.write_video(path, ramp, fps=5, options=options)
    times, _ = io.read_video_timestamps(path)
    assert times == sorted(times) and len(times) == 40
    part, _, _ = io.read_video(path, times[21], times[25])
    assert part.shape[0] == 5 and (part.float() - ramp[21:26].float()).abs().max() < 6


def test_what_is_no_video_is_empty(av, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"nothing of the kind")
    video, sound, facts = io.read_video(path)
    assert video.numel() == 0 == sound.numel() and facts == {}
    assert io.read_video_timestamps(path) == ([], None)


def test_sound(av, tmp_path):
    path = tmp_path / "a.mp4"
    wave = torch.sin(torch.arange(16000) * (2 * torch.pi * 440 / 16000)).expand(2, -1)
    io.write_video(path, made(10), 10, audio_array=wave, audio_fps=16000, audio_codec="aac")
    _, sound, facts = io.read_video(path)
    assert facts == {"video_fps": 10, "audio_fps": 16000} and sound.shape[0] == 2
    assert abs(sound.shape[1] - 16000) < 2100  # AAC fills its last frame
    start = sound[0, 4000:12000]
    assert start.abs().max() > 0.9 and (start[1:] * start[:-1] < 0).sum() == 440
    _, half, _ = io.read_video(path, 0.25, 0.5, "sec")
    assert abs(half.shape[1] - 4000) <= 2 * 1024
    with pytest.raises(ValueError, match="audio_fps and audio_codec must be, too"):
        io.write_video(path, made(2), 10, audio_array=wave)


def test_reader(av, tmp_path):
    path, frames = tmp_path / "a.mp4", made(8)
    io.write_video(path, frames, fps=4, **LOSSLESS)
    for source in (path, path.read_bytes(), io.read_file(path)):
        reader = io.VideoReader(source)
        read = list(reader)
        assert torch.equal(torch.stack([f["data"] for f in read]), frames.permute(0, 3, 1, 2))
        assert [f["pts"] for f in read] == [i / 4 for i in range(8)]
    assert next(reader.seek(1.0))["pts"] == 1.0
    assert reader.get_metadata() == {"video": {"duration": [2.0], "fps": [4.0]}}
    with pytest.raises(ValueError, match="there is no stream 'audio'; the file has 1 video and 0"):
        io.VideoReader(path, "audio")


def test_without_pyav(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r"pip install 'flambeau\[video\]'"):
        io.write_video("x.mp4", made(1), 1)


# -- clips


def test_windows():
    a = torch.arange(7)
    assert unfold(a, 3, 2).tolist() == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    assert unfold(a, 3, 2, 2).tolist() == [[0, 2, 4], [2, 4, 6]]
    assert unfold(a, 9, 1).shape == (0, 9)
    clips, places = VideoClips.compute_clips_for_video(torch.arange(30), 4, 4, 30, 12)
    assert clips[0].tolist() == places[0].tolist() == [0, 2, 5, 7]
    with pytest.warns(UserWarning, match="too few for a clip of 32"):
        VideoClips.compute_clips_for_video(torch.arange(30), 32, 32, 30, 13)


def videos(tmp_path, *lengths):
    paths = [tmp_path / f"{i}.mp4" for i in range(len(lengths))]
    for i, (path, length) in enumerate(zip(paths, lengths)):
        io.write_video(path, made(length, i), fps=5, **LOSSLESS)
    return paths


def test_clips(av, tmp_path):
    clips = VideoClips(videos(tmp_path, 5, 10, 15), 5, 5)
    assert len(clips) == 6 and [clips.get_clip_location(i)[0] for i in range(6)] == [
        0,
        1,
        1,
        2,
        2,
        2,
    ]
    video, _, facts, number = clips.get_clip(4)
    assert torch.equal(video, made(15, 2)[5:10]) and facts["video_fps"] == 5 and number == 2
    again = pickle.loads(pickle.dumps(clips))
    assert torch.equal(again.get_clip(4)[0], video) and len(again.subset([1])) == 2
    slower = VideoClips(clips.video_paths, 2, 2, 2.5, clips.metadata)
    video, _, facts, _ = slower.get_clip(0)
    assert torch.equal(video, made(5)[[0, 2]]) and facts["video_fps"] == 2.5
    with pytest.raises(IndexError, match="index 6 is not one of the 6 clips"):
        clips.get_clip(6)
    with pytest.raises(NotImplementedError, match="_video_width is not offered"):
        VideoClips(clips.video_paths, _video_width=8)


def test_samplers(av, tmp_path):
    clips = VideoClips(videos(tmp_path, 10, 25, 25), 5, 5)
    assert list(UniformClipSampler(clips, 3)) == [0, 0, 1, 2, 4, 6, 7, 9, 11]
    drawn = list(RandomClipSampler(clips, 3))
    assert len(drawn) == 8 and {0, 1} < set(drawn) and len(set(drawn)) == 8
    uniform = UniformClipSampler(clips, 3)
    parts = [list(DistributedSampler(uniform, 2, rank, group_size=3)) for rank in (0, 1)]
    assert parts == [[0, 0, 1, 7, 9, 11], [2, 4, 6, 0, 0, 1]]
    with pytest.raises(ValueError, match="9 samples, no multiple of group_size, 2"):
        DistributedSampler(uniform, 2, 0, group_size=2)


def test_data_sets_of_videos(av, tmp_path):
    for name, kind in (("walk/a.mp4", 0), ("run/b.mp4", 1)):
        (tmp_path / "k/val" / name).parent.mkdir(parents=True)
        io.write_video(tmp_path / "k/val" / name, made(6, kind), 5, **LOSSLESS)
    data = datasets.Kinetics(tmp_path / "k", 3, split="val", step_between_clips=3, num_workers=0)
    assert data.classes == ["run", "walk"] and [data[i][2] for i in range(4)] == [0, 0, 1, 1]
    assert torch.equal(data[3][0], made(6, 0)[3:].permute(0, 3, 1, 2))
    for kind, (name, place) in enumerate((("jump_1.avi", "jump"), ("swim_2.avi", "swim"))):
        (tmp_path / "u" / place).mkdir(parents=True)
        path = tmp_path / "u" / place / name
        io.write_video(path, made(6, kind), 5, video_codec="mpeg4")
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "trainlist02.txt").write_text("jump/jump_1.avi 1\n")
    (lists / "testlist02.txt").write_text("swim/swim_2.avi\n")
    (lists / "jump_test_split3.txt").write_text("jump_1.avi 1 \n")
    (lists / "swim_test_split3.txt").write_text("swim_2.avi 2 \n")
    for kind, fold in ((datasets.UCF101, 2), (datasets.HMDB51, 3)):
        for train in (True, False):
            data = kind(tmp_path / "u", lists, 6, fold=fold, train=train, num_workers=0)
            assert len(data) == 1 and data[0][2] == (0 if train else 1)
            assert data[0][0].shape == (6, 16, 24, 3)
    with pytest.raises(ValueError, match="fold is 4"):
        datasets.UCF101(tmp_path / "u", lists, 6, fold=4)
