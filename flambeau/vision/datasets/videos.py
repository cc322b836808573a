"""Data sets of videos: Kinetics, UCF101, HMDB51, by PyAV, and MovingMNIST."""

import csv
import os
from operator import attrgetter
from pathlib import Path
from urllib.parse import quote

from .folder import find_classes, make_dataset
from .utils import check_integrity, download_and_extract_archive, download_url
from .video_utils import VideoClips
from .vision import VisionDataset, absent, one_of

__all__ = ["HMDB51", "Kinetics", "MovingMNIST", "UCF101"]


class Clips(VisionDataset):
    """Clips of videos in a folder for each class: sample i is (frames, sound, number of the class)."""

    def _cut(self, folder, extensions, *args, chosen=None, **options):
        self.classes, class_to_idx = find_classes(folder)
        self.samples = make_dataset(folder, class_to_idx, extensions)
        paths = [path for path, _ in self.samples]
        self.full_video_clips = VideoClips(paths, *args, **options)
        self.indices = list(range(len(paths))) if chosen is None else chosen(paths)
        self.video_clips = self.full_video_clips
        if chosen is not None:
            self.video_clips = self.full_video_clips.subset(self.indices)

    metadata = property(
        attrgetter("full_video_clips.metadata"),
        doc="The times of all frames, for _precomputed_metadata of the next time.",
    )

    def __getitem__(self, index):
        video, sound, _, number = self.video_clips.get_clip(index)
        label = self.samples[self.indices[number]][1]
        return video if self.transform is None else self.transform(video), sound, label

    def __len__(self):
        return self.video_clips.num_clips()


class Kinetics(Clips):
    """What people do, in clips of frames_per_clip frames; num_classes "400", "600" or "700", split "train", "val" or "test".

    root/split/class/NAME.mp4. frame_rate, step_between_clips, num_workers: as VideoClips has them. download: the
    archives, of some hundred GB, by num_download_workers threads. Frames are (T, C, H, W), or as output_format says.
    Source: Kay et al., 2017, arXiv:1705.06950.
    """

    _SERVER = "https://s3.amazonaws.com/kinetics/"
    _NAMES = {"400": ("400", "k400"), "600": ("600", "k600"), "700": ("700_2020", "k700_2020")}

    def __init__(
        self, root, frames_per_clip, num_classes="400", split="train", frame_rate=None, step_between_clips=1,
        transform=None, extensions=("avi", "mp4"), download=False, num_download_workers=1, num_workers=1,
        _precomputed_metadata=None, _video_width=0, _video_height=0, _video_min_dimension=0, _audio_samples=0,
        _audio_channels=0, _legacy=False, output_format="TCHW",
    ):  # fmt: skip
        super().__init__(root, transform=transform)
        self.num_classes = one_of("Kinetics", "num_classes", num_classes, tuple(self._NAMES))
        self.split = one_of("Kinetics", "split", split, ("train", "val", "test"))
        self.split_folder = os.path.join(self.root, split)
        if _legacy:
            if download:
                raise ValueError("Kinetics: download is not offered with _legacy.")
            self.split, self.split_folder, output_format = "unknown", self.root, "THWC"
        if download and not os.path.isdir(self.split_folder):
            self._fetch(num_download_workers)
            self._sort()
        if not os.path.isdir(self.split_folder):
            raise absent(self, self.split_folder)
        self._cut(
            self.split_folder, extensions, frames_per_clip, step_between_clips, frame_rate, _precomputed_metadata,
            num_workers, _video_width, _video_height, _video_min_dimension, _audio_samples=_audio_samples,
            _audio_channels=_audio_channels, output_format=output_format,
        )  # fmt: skip

    def _fetch(self, workers):
        folder, name = self._NAMES[self.num_classes]
        lists = os.path.join(self.root, "files")
        listed = f"{name}_{self.split}_path.txt"
        if not check_integrity(os.path.join(lists, listed)):
            download_url(f"{self._SERVER}{folder}/{self.split}/{listed}", lists)
        addresses = Path(lists, listed).read_text().splitlines()
        archives = os.path.join(self.root, "tars")
        fetch = lambda address: download_and_extract_archive(
            quote(address, safe="/,:"), archives, self.split_folder
        )
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(fetch, addresses))

    def _sort(self):
        """Moves the videos, which the archives have side by side, to folders of their classes."""
        folder, _ = self._NAMES[self.num_classes]
        lists = os.path.join(self.root, "annotations")
        if not check_integrity(os.path.join(lists, f"{self.split}.csv")):
            download_url(f"{self._SERVER}{folder}/annotations/{self.split}.csv", lists)
        with open(os.path.join(lists, f"{self.split}.csv"), newline="") as file:
            for row in csv.DictReader(file):
                times = f"{int(row['time_start']):06}_{int(row['time_end']):06}"
                video = Path(self.split_folder, f"{row['youtube_id']}_{times}.mp4")
                label = row["label"].replace(" ", "_").translate(dict.fromkeys(map(ord, "'()")))
                place = Path(self.split_folder, label)
                place.mkdir(exist_ok=True)
                if video.is_file():
                    video.rename(place / video.name)


class _Folds(Clips):
    """Clips of one of three published partitions, of which annotation_path has the files."""

    def __init__(
        self, root, annotation_path, frames_per_clip, step_between_clips=1, frame_rate=None, fold=1, train=True,
        transform=None, _precomputed_metadata=None, num_workers=1, _video_width=0, _video_height=0,
        _video_min_dimension=0, _audio_samples=0, output_format="THWC",
    ):  # fmt: skip
        super().__init__(root, transform=transform)
        if fold not in (1, 2, 3):
            raise ValueError(f"{type(self).__name__}: fold is {fold!r}; it must be 1, 2 or 3.")
        self.fold, self.train = fold, train
        wanted = self._listed(Path(annotation_path))
        self._cut(
            self.root, ("avi",), frames_per_clip, step_between_clips, frame_rate, _precomputed_metadata, num_workers,
            _video_width, _video_height, _video_min_dimension, _audio_samples=_audio_samples,
            output_format=output_format,
            chosen=lambda paths: [i for i, path in enumerate(paths) if self._key(path) in wanted],
        )  # fmt: skip


class UCF101(_Folds):
    """13,320 videos of 101 things that people do, in clips; fold 1, 2 or 3, `train` or not.

    annotation_path: the folder of trainlist01.txt and the like. Further arguments are VideoClips's.
    Source: Soomro, Zamir, Shah, 2012, arXiv:1212.0402.
    """

    def _listed(self, folder):
        lines = (folder / f"{'train' if self.train else 'test'}list{self.fold:02d}.txt").read_text()
        return {line.split()[0] for line in lines.splitlines() if line.strip()}

    def _key(self, path):
        return "/".join(Path(path).parts[-2:])


class HMDB51(_Folds):
    """6,766 videos of 51 things that people do, in clips; fold 1, 2 or 3, `train` or not.

    annotation_path: the folder of NAME_test_split1.txt and the like. Further arguments are VideoClips's.
    Source: Kuehne et al., "HMDB", ICCV 2011.
    """

    TRAIN_TAG, TEST_TAG = 1, 2

    def _listed(self, folder):
        tag = str(self.TRAIN_TAG if self.train else self.TEST_TAG)
        rows = (
            line.split()
            for path in folder.glob(f"*test_split{self.fold}.txt")
            for line in path.read_text().splitlines()
        )
        return {row[0] for row in rows if row and row[1] == tag}

    def _key(self, path):
        return os.path.basename(path)


class MovingMNIST(VisionDataset):
    """10,000 videos of two digits that move, uint8 (20, 1, 64, 64); split "train" has the first split_ratio frames, "test" the others.

    Source: Srivastava, Mansimov, Salakhutdinov, 2015, arXiv:1502.04681.
    """

    _URL = "http://www.cs.toronto.edu/~nitish/unsupervised_video/mnist_test_seq.npy"
    _MD5 = "be083ec986bfe91a449d63653c411eb2"

    def __init__(self, root, split=None, split_ratio=10, download=False, transform=None):
        super().__init__(root, transform=transform)
        import numpy

        from ... import from_numpy

        if split is not None:
            one_of("MovingMNIST", "split", split, ("train", "test"))
        self.split = split
        if not isinstance(split_ratio, int):
            raise TypeError(
                f"MovingMNIST: split_ratio is {split_ratio!r}; it must be an int of 1 to 19."
            )
        if not 1 <= split_ratio <= 19:
            raise ValueError(f"MovingMNIST: split_ratio is {split_ratio}; it must be 1 to 19.")
        self.split_ratio = split_ratio
        folder = os.path.join(self.root, "MovingMNIST")
        path = os.path.join(folder, os.path.basename(self._URL))
        if download and not os.path.exists(path):
            download_url(self._URL, folder, md5=self._MD5)
        if not os.path.exists(path):
            raise absent(self, path)
        frames = {"train": slice(split_ratio), "test": slice(split_ratio, None), None: slice(None)}
        data = from_numpy(numpy.load(path))[frames[split]]
        self.data = data.transpose(0, 1).unsqueeze(2).contiguous()

    def __getitem__(self, index):
        video = self.data[index]
        return video if self.transform is None else self.transform(video)

    def __len__(self):
        return len(self.data)
