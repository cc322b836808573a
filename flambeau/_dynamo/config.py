"""torch._dynamo.config: options of a tracer that is not used. They are kept for who set them, and change nothing."""

from ..compiled.options import patch_of

accumulated_cache_size_limit = 256
allow_unspec_int_on_nn_module = False
assume_static_by_default = True
automatic_dynamic_shapes = True
cache_size_limit = recompile_limit = 8
capture_dynamic_output_shape_ops = False
capture_scalar_outputs = False
compiled_autograd = False
disable = False
dynamic_shapes = True
error_on_recompile = False
force_parameter_static_shapes = True
guard_nn_modules = True
inline_inbuilt_nn_modules = True
optimize_ddp = True
skip_nnmodule_hook_guards = True
specialize_int = False
suppress_errors = False
verbose = False

patch = patch_of(__name__)
