"""distributed.tensor by its old name."""

from ...nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        "..device_mesh": "DeviceMesh init_device_mesh",
        "..tensor": (
            "DTensor Partial Placement Replicate Shard distribute_module distribute_tensor empty full ones rand randn zeros"
        ),
    },
    submodules=("device_mesh", "placement_types"),
)
