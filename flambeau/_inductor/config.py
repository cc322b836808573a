"""torch._inductor.config: options of a compiler that is not used. They are kept for who set them, and change nothing."""

from types import SimpleNamespace

from ..compiled.options import patch_of

OPTIONS = {
    "aggressive_fusion": False, "alignment_asserts": True, "allow_buffer_reuse": True, "autotune_local_cache": True,
    "b2b_gemm_pass": False, "batch_fusion": True, "benchmark_fusion": False, "benchmark_kernel": False,
    "combo_kernels": False, "compile_threads": 1, "comprehensive_padding": True,
    "constant_and_index_propagation": True, "conv_1x1_as_mm": False, "coordinate_descent_tuning": False,
    "coordinate_descent_check_all_directions": False, "coordinate_descent_search_radius": 1, "cpp_wrapper": False,
    "dce": False, "debug": False, "decompose_mem_bound_mm": False, "deterministic": False,
    "emulate_precision_casts": False, "epilogue_fusion": True, "epilogue_fusion_first": False,
    "fallback_random": False, "force_disable_caches": False, "force_fuse_int_mm_with_mul": False, "freezing": False,
    "freezing_discard_parameters": False, "fx_graph_cache": False, "fx_graph_remote_cache": None,
    "graph_partition": True, "group_fusion": False, "implicit_fallbacks": True, "inplace_buffers": True,
    "joint_graph_constant_folding": True, "keep_output_stride": True, "layout_optimization": True,
    "loop_ordering_after_fusion": False, "max_autotune": False, "max_autotune_conv_backends": "ATEN",
    "max_autotune_gemm": False, "max_autotune_gemm_backends": "ATEN", "max_autotune_gemm_search_space": "DEFAULT",
    "max_autotune_pointwise": False, "max_fusion_size": 64, "memory_planning": False, "nan_asserts": False,
    "online_softmax": True, "pattern_matcher": True, "permute_fusion": False, "profile_bandwidth": False,
    "profiler_mark_wrapper_call": False, "prologue_fusion": True, "realize_reads_threshold": 4,
    "reorder_for_locality": True, "reorder_for_peak_memory": True, "scalar_asserts": True, "shape_padding": False,
    "size_asserts": True, "split_reductions": True, "static_weight_shapes": True, "unroll_reductions_threshold": 8,
    "use_fast_math": False, "use_mixed_mm": False, "verbose_progress": False,
}  # fmt: skip
_ROOMS = {
    "triton": {
        "autotune_at_compile_time": None, "autotune_pointwise": True, "cooperative_reductions": False,
        "cudagraph_skip_dynamic_graphs": False, "cudagraph_support_input_mutation": False, "cudagraph_trees": False,
        "cudagraphs": False, "dense_indexing": False, "descriptive_names": "original_aten", "max_tiles": None,
        "multi_kernel": 0, "persistent_reductions": True, "prefer_nd_tiling": False, "store_cubin": False,
        "tile_reductions": False, "unique_kernel_names": False,
    },
    "cpp": {
        "cxx": None, "descriptive_names": "original_aten", "enable_floating_point_contract_flag": "off",
        "enable_kernel_profile": False, "enable_tiling_heuristics": True, "enable_unsafe_math_opt_flag": False,
        "min_chunk_size": 512, "simdlen": None, "threads": -1, "weight_prepack": True,
    },
    "trace": {
        "debug_dir": None, "debug_log": False, "enabled": False, "fx_graph": True, "fx_graph_transformed": True,
        "graph_diagram": False, "info_log": False, "ir_post_fusion": True, "ir_pre_fusion": True,
        "log_autotuning_results": False, "output_code": True,
    },
}  # fmt: skip
globals().update(OPTIONS)
for _room, _options in _ROOMS.items():
    globals()[_room] = SimpleNamespace(**_options)
    OPTIONS.update({f"{_room}.{name}": value for name, value in _options.items()})
patch = patch_of(__name__)


def check_options(options):
    """Raises for what torch.compile(options=...) does not take: other names, or no bool where there is one."""
    for name, value in options.items():
        known = str(name).replace("-", "_")
        if known not in OPTIONS:
            raise RuntimeError(
                f"compile: options has no {name!r} that is known here. Leave it out: no option changes what is "
                "computed, and torch._inductor.list_options() names those that are taken."
            )
        if type(OPTIONS[known]) is bool and type(value) is not bool:
            raise RuntimeError(f"compile: option {name} is {value!r}; it must be True or False.")
