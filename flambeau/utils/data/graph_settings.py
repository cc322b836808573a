"""Settings of all steps of a pipe: shuffling and shares."""

from .datapipes.datapipe import IterDataPipe, MapDataPipe
from .datapipes.iter import Shuffler
from .graph import traverse_dps

__all__ = [
    "apply_random_seed",
    "apply_sharding",
    "apply_shuffle_seed",
    "apply_shuffle_settings",
    "get_all_graph_pipes",
]


def get_all_graph_pipes(graph):
    """Every pipe of a graph once."""
    found = {}

    def visit(part):
        for number, (pipe, before) in part.items():
            if number not in found:
                found[number] = pipe
                visit(before)

    visit(graph)
    return list(found.values())


def _steps(datapipe):
    return get_all_graph_pipes(traverse_dps(datapipe))


def apply_sharding(datapipe, num_of_instances, instance_id, sharding_group=None):
    """Tell every sharding_filter how many share the pipe, and which of them this is; the pipe."""
    for pipe in _steps(datapipe):
        if hasattr(type(pipe), "apply_sharding"):
            pipe.apply_sharding(num_of_instances, instance_id)
    return datapipe


def apply_shuffle_settings(datapipe, shuffle=None):
    """Let every shuffling step shuffle, or not; None leaves them as they are; the pipe.

    shuffle=True adds a step to a pipe that has none.
    """
    if shuffle is None:
        return datapipe
    shufflers = [pipe for pipe in _steps(datapipe) if isinstance(pipe, Shuffler)]
    if not shufflers and shuffle and isinstance(datapipe, (IterDataPipe, MapDataPipe)):
        datapipe = datapipe.shuffle()
        shufflers = [datapipe]
    for pipe in shufflers:
        pipe.set_shuffle(shuffle)
    return datapipe


def apply_random_seed(datapipe, rng):
    """Give every step that draws random numbers a seed from a Generator; the pipe."""
    import flambeau

    for pipe in _steps(datapipe):
        if hasattr(type(pipe), "set_seed"):
            pipe.set_seed(int(flambeau.randint(2**62, (), generator=rng).item()))
    return datapipe


apply_shuffle_seed = apply_random_seed
