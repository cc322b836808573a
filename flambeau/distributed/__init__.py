"""Several processes that compute together: groups, collectives, messages. May import: floors 1 to 5.

Read: groups.py, collectives.py, objects.py, work.py; how processes find each other: store.py, tcp_store.py,
joining.py, startup.py; how they are started: run.py, launcher/. The messages go through MPI, by mpi4py:

    pip install flambeau[distributed]
    python -m flambeau.distributed.run --nproc-per-node 2 program.py        (or mpiexec -n 2 ...)

Processes that another program has started (multiprocessing.spawn, a batch system) are joined through a store. A
group of one process needs none of this. The names of backends that programs write, "gloo" and "mpi", mean
the same here; "nccl" needs a GPU, and is refused.
"""

from ..nn.lazy_names import listed, table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        ".collectives": (
            "P2POp all_gather all_gather_coalesced all_gather_into_tensor all_reduce all_reduce_coalesced all_to_all all_to_all_single barrier "
            "batch_isend_irecv broadcast gather irecv isend monitored_barrier recv reduce reduce_scatter "
            "reduce_scatter_tensor scatter send"
        ),
        ".groups": (
            "Backend BackendConfig GroupMember ProcessGroup destroy_process_group get_backend get_backend_config get_default_backend_for_device "
            "get_global_rank get_group_rank get_node_local_rank get_pg_count get_process_group_ranks get_rank "
            "get_world_size group init_process_group is_available is_backend_available is_gloo_available "
            "is_initialized is_mpi_available is_nccl_available is_torchelastic_launched is_ucc_available "
            "is_xccl_available new_group new_subgroups new_subgroups_by_enumeration split_group supports_complex"
        ),
        ".debugging": "DebugLevel breakpoint get_debug_level set_debug_level set_debug_level_from_env",
        ".device_mesh": "DeviceMesh init_device_mesh",
        ".errors": "DistBackendError DistError DistNetworkError DistStoreError QueueEmptyError",
        ".joining": "register_rendezvous_handler rendezvous",
        ".store": "FileStore HashStore PrefixStore Store",
        ".tcp_store": "TCPStore",
        ".objects": (
            "all_gather_object broadcast_object_list gather_object recv_object_list scatter_object_list "
            "send_object_list"
        ),
        ".work": "ReduceOp Work reduce_op",
        "..nn.parallel.buckets": "GradBucket",
    },
    submodules=(
        "_composable", "_functional_collectives", "_tensor", "algorithms", "autograd", "checkpoint", "collectives", "constants", "device_mesh", "distributed_c10d", "elastic", "fsdp", "groups",
        "launcher", "nn", "objects", "optim", "pipelining", "ray", "rpc", "run", "tensor", "work",
    ),
)  # fmt: skip
listed(__name__)
