"""Where parts lie in the whole, for any place in any mesh."""

import importlib
import itertools

import pytest

import flambeau.distributed.tensor._utils as places
from flambeau.distributed.tensor import Replicate, Shard


class Mesh:
    """What is asked of a DeviceMesh, without processes."""

    def __init__(self, shape, coordinate):
        self.shape, self.coordinate = shape, coordinate

    def size(self, dim):
        return self.shape[dim]

    def get_coordinate(self):
        return self.coordinate


@pytest.mark.parametrize(
    "shape, mesh, dims",
    [((5, 3), (2, 2), (0, 0)), ((5, 3), (2, 2), (0, -1)), ((3, 7), (4, 2), (0, 0)), ((9, 4), (3,), (1,)),
     ((0, 2), (2,), (0,)), ((1, 65), (5,), (1,))],
)  # fmt: skip
def test_parts_cover_the_whole_once(shape, mesh, dims):
    seen = []
    for place in itertools.product(*map(range, mesh)):
        sizes, offsets = places.compute_local_shape_and_global_offset(
            shape, Mesh(mesh, place), [Shard(dim) for dim in dims]
        )
        ranges = (range(o, o + s) for o, s in zip(offsets, sizes, strict=True))
        seen += itertools.product(*ranges)
    assert sorted(seen) == list(itertools.product(*map(range, shape)))


def test_empty_parts_replicas_and_processes_outside():
    where = places.compute_local_shape_and_global_offset
    assert where((2,), Mesh((2, 3), (1, 2)), [Shard(0), Shard(0)]) == ((0,), (2,))
    assert where((9, 4), Mesh((3, 2), (1, 1)), [Replicate(), Shard(1)]) == ((9, 2), (0, 2))
    assert where((9, 4), Mesh((3,), (1,)), [Shard(0)], skip_offset=True) == ((3, 4), ())
    assert where((9, 4), Mesh((3,), None), [Shard(0)]) == ((0,), ())


def test_what_lies_over_several_dims_or_in_safetensors_is_refused(tmp_path):
    from flambeau.distributed.checkpoint.hf_storage import (
        HuggingFaceStorageReader,
        HuggingFaceStorageWriter,
    )
    from flambeau.distributed.tensor.placement_types import _StridedShard

    with pytest.raises(NotImplementedError, match="one dimension of a mesh"):
        _StridedShard(0, split_factor=2)
    for kind, instead in (
        (HuggingFaceStorageReader, "Reader"),
        (HuggingFaceStorageWriter, "Writer"),
    ):
        with pytest.raises(NotImplementedError, match=f"Use FileSystem{instead}"):
            kind(tmp_path)


def test_homes_of_options():
    from flambeau.distributed import checkpoint, fsdp

    homes = {
        fsdp: ("api", "fully_sharded_data_parallel"),
        checkpoint: ("default_planner",),
    }
    for package, modules in homes.items():
        for name in modules:
            home = importlib.import_module(f"{package.__name__}.{name}")
            for each in home.__all__:
                assert getattr(home, each) is getattr(package, each)
