"""TorchVersion: a version that compares as versions do, also with tuples of numbers."""

__all__ = ["TorchVersion"]


def _key(version):
    """A version as something that compares: its numbers, then whether it is a release, then what follows.

    Raises:
        ValueError: the text begins with no number.
    """
    import re  # only here: it would slow the import down

    if isinstance(version, (tuple, list)):
        version = ".".join(map(str, version))
    text = str(version).strip().lstrip("v").partition("+")[0]
    match = re.match(r"(\d+(?:\.\d+)*)(.*)", text)
    if match is None:
        raise ValueError(f"TorchVersion: {version!r} is no version.")
    numbers = [int(n) for n in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    rest = match[2].lstrip(".-_")
    # 2.0.dev1 < 2.0a0 < 2.0rc1 < 2.0 < 2.0.post1
    stage = {"d": 0, "a": 1, "b": 2, "c": 3, "r": 3, "": 4, "p": 5}.get(rest[:1], 1)
    return numbers, stage, [int(n) for n in re.findall(r"\d+", rest)]


class TorchVersion(str):
    """A str that compares with versions as text or as tuples.

    Example:
        >>> from flambeau.torch_version import TorchVersion
        >>> TorchVersion("2.13.0") > "2.9", TorchVersion("2.13.0") >= (2, 13), TorchVersion("2.0.0a0") < "2.0"
        (True, True, True)
    """

    def _against(self, other, compare, plain):
        if not isinstance(other, (str, tuple, list)):
            return NotImplemented
        try:
            mine, theirs = _key(self), _key(other)
        except ValueError:  # what is no version is compared as text
            return plain(self, str(other))
        return compare(mine, theirs)

    def __eq__(self, other):
        return self._against(other, lambda a, b: a == b, str.__eq__)

    def __ne__(self, other):
        return self._against(other, lambda a, b: a != b, str.__ne__)

    def __lt__(self, other):
        return self._against(other, lambda a, b: a < b, str.__lt__)

    def __le__(self, other):
        return self._against(other, lambda a, b: a <= b, str.__le__)

    def __gt__(self, other):
        return self._against(other, lambda a, b: a > b, str.__gt__)

    def __ge__(self, other):
        return self._against(other, lambda a, b: a >= b, str.__ge__)

    __hash__ = str.__hash__
