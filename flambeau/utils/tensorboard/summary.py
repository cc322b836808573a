"""Summaries, the entries of an event file: numbers, tensors, sounds, settings; and how records are written."""

import io
import struct
import wave
from operator import attrgetter

from .library import array, plain, proto

__all__ = ["RecordWriter", "audio", "hparams", "scalar", "tensor_proto"]


class RecordWriter:
    """Writes records in the format of event files (TFRecord) to a file object.

    Example:
        >>> import io
        >>> from flambeau.utils.tensorboard import RecordWriter
        >>> file = io.BytesIO()
        >>> RecordWriter(file).write(b"data")
        >>> len(file.getvalue())  # its length in 8 bytes, two checksums of 4, and the data
        20
    """

    def __init__(self, writer):
        self._writer = writer

    def write(self, data):
        """Append one record."""
        header = struct.pack("<Q", len(data))
        checks = [struct.pack("<I", _checksum(part)) for part in (header, data)]
        self._writer.write(header + checks[0] + data + checks[1])

    def flush(self):
        """Flush the file."""
        self._writer.flush()

    def close(self):
        """Close the file."""
        self._writer.close()

    closed = property(attrgetter("_writer.closed"), doc="Whether the file is closed.")


def _crc_table():
    """CRC-32C (Castagnoli), reflected: polynomial 0x82f63b78 (RFC 3720, appendix B.4)."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC = _crc_table()


def _checksum(data):
    """The masked checksum of TFRecord files."""
    crc, table = 0xFFFFFFFF, _CRC
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def value_of(tag, **fields):
    """A summary of one value."""
    Summary = proto("summary").Summary
    return Summary(value=[Summary.Value(tag=tag, **fields)])


def plugin(name, content=b""):
    """What tells TensorBoard which of its pages shows a value."""
    metadata = proto("summary").SummaryMetadata
    return metadata(plugin_data=metadata.PluginData(plugin_name=name, content=content))


def _tensor(values, dtype, shape=()):
    fields = {
        "DT_FLOAT": "float_val",
        "DT_DOUBLE": "double_val",
        "DT_INT64": "int64_val",
        "DT_BOOL": "bool_val",
    }
    sizes = proto("tensor_shape").TensorShapeProto
    dims = sizes(dim=[sizes.Dim(size=size) for size in shape])
    return proto("tensor").TensorProto(dtype=dtype, tensor_shape=dims, **{fields[dtype]: values})


def scalar(tag, value, new_style=False, double_precision=False):
    """A scalar; the newer form of TensorBoard is a tensor of no dimensions, of 32 or 64 bits."""
    value = array(value)
    if getattr(value, "size", 1) != 1:
        raise AssertionError(
            f"SummaryWriter.add_scalar: expected one number, got {tuple(value.shape)} of them."
        )
    value = float(value.item() if hasattr(value, "item") else value)
    Summary = proto("summary").Summary
    if not new_style and not double_precision:
        return Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    tensor = _tensor([value], "DT_DOUBLE" if double_precision else "DT_FLOAT")
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=plugin("scalars"))])


def tensor_proto(tag, tensor):
    """A whole tensor, its values and sizes."""
    values = array(tensor)
    dtype = {"f": "DT_FLOAT", "i": "DT_INT64", "u": "DT_INT64", "b": "DT_BOOL"}.get(
        values.dtype.kind
    )
    if dtype is None:
        raise TypeError(f"SummaryWriter.add_tensor: cannot write a tensor of {values.dtype}.")
    dtype = "DT_DOUBLE" if str(values.dtype) == "float64" else dtype
    made = _tensor(values.reshape(-1).tolist(), dtype, values.shape)
    Summary = proto("summary").Summary
    return Summary(value=[Summary.Value(tag=tag, tensor=made, metadata=plugin("tensor"))])


def audio(tag, tensor, sample_rate=44100):
    """A sound, (L,), (C, L) or (L, C) with C of 1 or 2 and values from -1 to 1, as a WAV of 16 bits."""
    sound = array(tensor)
    if sound.ndim == 1:
        sound = sound[:, None]
    elif sound.ndim == 2 and sound.shape[0] <= 2 < sound.shape[1]:
        sound = sound.T
    if sound.ndim != 2 or not 1 <= sound.shape[1] <= 2:
        raise AssertionError(
            f"SummaryWriter.add_audio: expected (L,) or (C, L) with 1 or 2 channels, got {tuple(sound.shape)}."
        )
    frames, channels = sound.shape
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(2)
        wav.setframerate(sample_rate)
        wav.writeframes((sound.clip(-1, 1) * 32767).round().astype("<i2").tobytes())
    Summary = proto("summary").Summary
    made = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=channels,
        length_frames=frames,
        encoded_audio_string=file.getvalue(),
        content_type="audio/wav",
    )
    return Summary(value=[Summary.Value(tag=tag, audio=made)])


_TYPES = {bool: "BOOL", str: "STRING", int: "FLOAT64", float: "FLOAT64"}


def hparams(hparam_dict=None, metric_dict=None, hparam_domain_discrete=None):
    """The three summaries of one run for TensorBoard's HPARAMS page: experiment, start and end of the session.

    Args:
        hparam_dict (dict): settings; str, bool, int, float, or tensors of one number.
        metric_dict (dict): names of scalars that judge the run.
        hparam_domain_discrete (dict, optional): all values of a setting that occur in the experiment.

    Raises:
        TypeError: an argument is no dict.
        ValueError: a value is of another type, or a domain is of a setting that is not there or mixes types.
    """
    if not isinstance(hparam_dict, dict) or not isinstance(metric_dict, dict):
        raise TypeError(
            f"hparams: hparam_dict and metric_dict must be dicts, got {type(hparam_dict).__name__} and "
            f"{type(metric_dict).__name__}."
        )
    domains = hparam_domain_discrete or {}
    if not isinstance(domains, dict):
        raise TypeError(
            f"hparams: hparam_domain_discrete must be a dict, got {type(domains).__name__}."
        )
    api, messages, Summary = proto("api"), proto("plugin_hparams"), proto("summary").Summary
    start, infos = messages.SessionStartInfo(), []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        value = plain(value)
        kind = _TYPES.get(type(value))
        if kind is None:
            raise ValueError(
                f"hparams: {name!r} is a {type(value).__name__}. Use int, float, bool, str or a tensor of one number."
            )
        info = api.HParamInfo(name=name, type=api.DataType.Value(f"DATA_TYPE_{kind}"))
        if name in domains:
            allowed = domains[name]
            if any(_TYPES.get(type(one)) != kind for one in allowed):
                raise ValueError(
                    f"hparams: the domain of {name!r} has values of another type than {value!r}."
                )
            info.domain_discrete.extend(allowed)
        infos.append(info)
        field = {"BOOL": "bool_value", "STRING": "string_value", "FLOAT64": "number_value"}[kind]
        setattr(start.hparams[name], field, value)
    missing = set(domains) - set(hparam_dict)
    if missing:
        raise ValueError(
            f"hparams: domains are given of {sorted(missing)}, which hparam_dict lacks."
        )
    metrics = [api.MetricInfo(name=api.MetricName(tag=name)) for name in metric_dict]
    contents = {
        "experiment": {"experiment": api.Experiment(hparam_infos=infos, metric_infos=metrics)},
        "session_start_info": {"session_start_info": start},
        "session_end_info": {
            "session_end_info": messages.SessionEndInfo(status=api.Status.Value("STATUS_SUCCESS"))
        },
    }
    made = []
    for name, fields in contents.items():
        content = messages.HParamsPluginData(version=0, **fields).SerializeToString()
        value = Summary.Value(tag=f"_hparams_/{name}", metadata=plugin("hparams", content))
        made.append(Summary(value=[value]))
    return tuple(made)
