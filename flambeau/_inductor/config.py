"""torch._inductor.config: options of a compiler that is not used. They are kept for who set them, and change nothing."""

from types import SimpleNamespace

OPTIONS = {
    "compile_threads": 1, "conv_1x1_as_mm": False, "coordinate_descent_tuning": False, "cpp_wrapper": False,
    "debug": False, "epilogue_fusion": True, "fallback_random": False, "force_disable_caches": False,
    "force_fuse_int_mm_with_mul": False, "freezing": False, "fx_graph_cache": False, "max_autotune": False,
    "max_autotune_gemm": False, "shape_padding": False, "use_mixed_mm": False,
}  # fmt: skip
globals().update(OPTIONS)
triton = SimpleNamespace(cudagraphs=False, unique_kernel_names=False, cudagraph_trees=False)
cpp = SimpleNamespace(threads=-1, simdlen=None)
