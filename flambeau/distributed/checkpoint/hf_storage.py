"""Checkpoints in safetensors files, each process its part: not offered; the names tell so when they are used."""

__all__ = ["HuggingFaceStorageReader", "HuggingFaceStorageWriter"]


def _refuse(name, instead):
    raise NotImplementedError(
        f"{name}: parts of a checkpoint in safetensors files are not offered. Use {instead}, or gather the whole "
        "state with get_model_state_dict and write it with safetensors.torch.save_file."
    )


class HuggingFaceStorageReader:
    """Refuses to be made."""

    def __init__(self, path):
        _refuse("HuggingFaceStorageReader", "FileSystemReader")


class HuggingFaceStorageWriter:
    """Refuses to be made."""

    def __init__(self, path, **_):
        _refuse("HuggingFaceStorageWriter", "FileSystemWriter")
