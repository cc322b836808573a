"""Data sets of images with sentences: Flickr8k, Flickr30k, SBU. COCO's captions stand in annotated.py."""

import os
from html.parser import HTMLParser
from pathlib import Path

from .folder import default_loader
from .utils import check_integrity, download_and_extract_archive, download_url
from .vision import VisionDataset, absent

__all__ = ["SBU", "Flickr30k", "Flickr8k"]


class Captioned(VisionDataset):
    """Images of a folder with the sentences that a file has of each: annotations, path -> list of str."""

    def __init__(
        self, root, ann_file, transform=None, target_transform=None, loader=default_loader
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.ann_file = os.path.expanduser(ann_file)
        self.loader = loader
        self.annotations = self._read(Path(self.ann_file).read_text(encoding="utf-8"))
        self.ids = sorted(self.annotations)

    def __getitem__(self, index):
        name = self.ids[index]
        return self._sample(self.loader(os.path.join(self.root, name)), self.annotations[name])

    def __len__(self):
        return len(self.ids)


class _Table(HTMLParser):
    """A table of links to images, each with a list of sentences."""

    def __init__(self):
        super().__init__()
        self.found, self._tag, self._table, self._sentences = [], None, False, None

    def handle_starttag(self, tag, attrs):
        self._tag = tag
        self._table |= tag == "table"

    def handle_endtag(self, tag):
        self._tag = None
        self._table &= tag != "table"

    def handle_data(self, data):
        if not self._table:
            return
        if data == "Image Not Found":
            self._sentences = None
        elif self._tag == "a":
            self._sentences = []
            self.found.append((data.split("/")[-2], self._sentences))
        elif self._tag == "li" and self._sentences is not None:
            self._sentences.append(data.strip())


class Flickr8k(Captioned):
    """8,092 photographs with five sentences each; root: the images, ann_file: the page of sentences, HTML.

    Source: Hodosh, Young, Hockenmaier, JAIR 47 (2013) 853.
    """

    def _read(self, text):
        table = _Table()
        table.feed(text)
        return {
            str(path): sentences
            for number, sentences in table.found
            for path in sorted(Path(self.root).glob(f"{number}_*.jpg"))[:1]
        }


class Flickr30k(Captioned):
    """31,783 photographs with five sentences each; root: the images, ann_file: the sentences, "NAME#0 tab sentence" a line.

    Source: Young et al., TACL 2 (2014) 67.
    """

    def _read(self, text):
        found = {}
        for line in text.splitlines():
            name, _, sentence = line.strip().partition("\t")
            found.setdefault(name.rpartition("#")[0] or name[:-2], []).append(sentence)
        return found


class SBU(VisionDataset):
    """A million photographs with a sentence each, those that are there; download fetches each from its address.

    Source: Ordonez, Kulkarni, Berg, "Im2Text", NIPS 2011.
    """

    url = "https://www.cs.rice.edu/~vo9/sbucaptions/SBUCaptionedPhotoDataset.tar.gz"
    filename = "SBUCaptionedPhotoDataset.tar.gz"
    md5_checksum = "9aec147b3488753cf758b4d493422285"

    def __init__(
        self, root, transform=None, target_transform=None, download=True, loader=default_loader
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        archive = os.path.join(self.root, self.filename)
        folder = Path(self.root, "dataset")
        if download and not check_integrity(archive, self.md5_checksum):
            self._fetch(folder)
        if not check_integrity(archive, self.md5_checksum):
            raise absent(self, archive)
        names = (os.path.basename(line) for line in self._lines(folder, "urls"))
        pairs = zip(names, self._lines(folder, "captions"))
        there = [(name, caption) for name, caption in pairs if (folder / name).exists()]
        self.photos = [name for name, _ in there]
        self.captions = [caption for _, caption in there]

    def _lines(self, folder, what):
        path = folder / f"SBU_captioned_photo_dataset_{what}.txt"
        return path.read_text(encoding="utf-8").splitlines()

    def _fetch(self, folder):
        download_and_extract_archive(
            self.url, self.root, self.root, self.filename, self.md5_checksum
        )
        for address in self._lines(folder, "urls"):
            try:
                download_url(address.strip(), folder)
            except (OSError, RuntimeError):  # many are gone; the others are the data set
                continue

    def __getitem__(self, index):
        path = os.path.join(self.root, "dataset", self.photos[index])
        return self._sample(self.loader(path), self.captions[index])

    def __len__(self):
        return len(self.photos)
