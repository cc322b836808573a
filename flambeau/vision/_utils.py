"""Small helpers that programs import from torchvision._utils."""

import enum


class StrEnumMeta(enum.EnumMeta):
    """Enums of str whose members are found by their names in any case."""

    def from_str(cls, member):
        """The member of a name. ValueError: there is none."""
        for name, value in cls.__members__.items():
            if name.lower() == member.lower():
                return value
        raise ValueError(
            f"{cls.__name__}: there is no {member!r}; it must be one of {', '.join(cls.__members__)}."
        )


class StrEnum(enum.Enum, metaclass=StrEnumMeta):
    """An enum of names."""


def sequence_to_str(seq, separate_last=""):
    """The reprs of some things in one string, commas between; separate_last: the word before the last, "and " for one."""
    if not seq:
        return ""
    *head, last = [repr(item) for item in seq]
    if not head:
        return last
    comma = "" if separate_last and len(head) == 1 else ","
    return f"{', '.join(head)}{comma} {separate_last}{last}"
