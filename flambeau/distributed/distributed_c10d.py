"""The names of groups and operations under the name that PyTorch gives their module."""

from ..nn.lazy_names import table_of_contents

__getattr__, __dir__, __all__ = table_of_contents(
    __name__,
    {
        "..collectives": (
            "P2POp all_gather all_gather_coalesced all_gather_into_tensor all_reduce all_reduce_coalesced all_to_all "
            "all_to_all_single barrier batch_isend_irecv broadcast gather irecv isend monitored_barrier recv reduce "
            "reduce_scatter reduce_scatter_tensor scatter send"
        ),
        "..constants": "default_pg_nccl_timeout default_pg_timeout",
        "..errors": "DistBackendError DistError DistNetworkError DistStoreError QueueEmptyError",
        "..groups": (
            "Backend BackendConfig GroupMember ProcessGroup _get_default_group _get_default_store "
            "_resolve_process_group destroy_process_group get_backend get_backend_config "
            "get_default_backend_for_device get_global_rank get_group_rank get_node_local_rank get_pg_count "
            "get_process_group_ranks get_rank get_world_size group init_process_group is_available "
            "is_backend_available is_gloo_available is_initialized is_mpi_available is_nccl_available "
            "is_torchelastic_launched is_ucc_available is_xccl_available new_group new_subgroups "
            "new_subgroups_by_enumeration split_group supports_complex"
        ),
        "..joining": "register_rendezvous_handler rendezvous",
        "..objects": (
            "all_gather_object broadcast_object_list gather_object recv_object_list scatter_object_list "
            "send_object_list"
        ),
        "..store": "FileStore HashStore PrefixStore Store",
        "..tcp_store": "TCPStore",
        "..work": "ReduceOp Work reduce_op",
    },
)
