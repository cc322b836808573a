"""PyTorch's interface on an engine of its own: `import flambeau as torch`."""

from . import _core, _loading, types  # noqa: I001
from .torch_version import TorchVersion
from .types import (
    Size,
    DeviceError,
    OutOfMemoryError,
    channels_last,
    channels_last_3d,
    contiguous_format,
    contiguous_format as legacy_contiguous_format,
    device,
    finfo,
    iinfo,
    jagged,
    layout,
    memory_format,
    qscheme,
    preserve_format,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)

from ._core import dtype

# The core's table of dtypes, under its names; then PyTorch's other names for some.
globals().update({name: value for name, value in vars(_core).items() if isinstance(value, dtype)})
half, float, double = _core.float16, _core.float32, _core.float64
short, int, long = _core.int16, _core.int32, _core.int64
chalf, cfloat, cdouble = _core.complex32, _core.complex64, _core.complex128
bit = _core.uint1
globals().update(types.QSCHEMES)

# The version of PyTorch whose interface this is: what programs and libraries compare. Ours: version.flambeau
__version__ = TorchVersion("2.13.0")

from . import ops  # noqa: E402
from .tensor import Tensor  # noqa: E402

globals().update(ops.NAMESPACES["torch"])

from math import e, inf, nan, pi  # noqa: E402

newaxis = None


def _registry(name):
    from ._ops import namespace

    return namespace(name)


def _of_classes(name):
    from . import classes

    return getattr(classes, name)


ops.registries.update(aten=_registry, prims=_registry, profiler=_registry, torchvision=_registry)
ops.registries.update(load_library=_of_classes, loaded_libraries=_of_classes)


def _make_public(name, function, method, namespaces):
    if "torch" in namespaces:
        globals()[name] = function
    if method:
        setattr(Tensor, name, function)


ops.core.declare.late.append(_make_public)


def is_tensor(obj, /):
    """Whether obj is a Tensor."""
    return isinstance(obj, Tensor)


# Loaded at first use, so that importing flambeau stays quick.
_PACKAGES = frozenset(
    "autograd func functional multiprocessing version nn optim utils vision linalg fft special random kernels cuda masked "
    "distributions serialization storage printing overrides ops testing types backends amp jit signal return_types "
    "accelerator compiler mps xpu _C _VF _vmap_internals _utils _ops __config__ quasirandom array_api legacy train fx library "
    "profiler sparse torch_version hub cpu futures _dynamo distributed monitor mtia package quantization ao classes cpp __future__ _inductor _jit_internal "
    "_decomp _prims_common _refs "
    "onnx export nested _tensor _tensor_str _subclasses _functorch _guards".split()
)
_LAZY = {
    **dict.fromkeys(
        "no_grad enable_grad set_grad_enabled inference_mode".split(), "autograd.grad_mode"
    ),
    **dict.fromkeys("save load".split(), "serialization"),
    **dict.fromkeys(
        "UntypedStorage TypedStorage DoubleStorage FloatStorage HalfStorage BFloat16Storage LongStorage IntStorage "
        "ShortStorage CharStorage ByteStorage BoolStorage ComplexFloatStorage ComplexDoubleStorage "
        "_storage_classes QUInt8Storage QInt8Storage QInt32Storage QUInt4x2Storage QUInt2x4Storage".split(),
        "storage",
    ),
    **dict.fromkeys(
        "quantize_per_tensor quantize_per_tensor_dynamic quantize_per_channel dequantize int_repr q_scale q_zero_point "
        "q_per_channel_scales q_per_channel_zero_points q_per_channel_axis empty_quantized quantized_batch_norm "
        "quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d quantized_lstm quantized_gru quantized_lstm_cell "
        "quantized_gru_cell quantized_rnn_relu_cell quantized_rnn_tanh_cell fake_quantize_per_tensor_affine "
        "fake_quantize_per_channel_affine fused_moving_avg_obs_fake_quant choose_qparams_optimized fbgemm_linear_quantize_weight "
        "fbgemm_pack_quantized_matrix".split(),
        "quantized",
    ),
    "set_printoptions": "printing",
    "_grouped_mm": "nn.functional.inner",
    "vmap": "func",
    **dict.fromkeys(
        "autocast GradScaler is_autocast_enabled set_autocast_enabled is_autocast_cpu_enabled "
        "set_autocast_cpu_enabled get_autocast_dtype set_autocast_dtype get_autocast_cpu_dtype "
        "set_autocast_cpu_dtype get_autocast_gpu_dtype is_autocast_cache_enabled set_autocast_cache_enabled "
        "clear_autocast_cache autocast_increment_nesting autocast_decrement_nesting set_autocast_gpu_dtype "
        "is_autocast_ipu_enabled set_autocast_ipu_enabled get_autocast_ipu_dtype set_autocast_ipu_dtype "
        "is_autocast_xla_enabled set_autocast_xla_enabled get_autocast_xla_dtype set_autocast_xla_dtype".split(),
        "amp",
    ),
    **dict.fromkeys(
        "is_anomaly_enabled is_anomaly_check_nan_enabled set_anomaly_enabled".split(),
        "autograd.anomaly_mode",
    ),
    **dict.fromkeys(
        "SymBool SymFloat SymInt sym_constrain_range sym_constrain_range_for_size sym_float sym_fresh_size sym_int "
        "sym_ite sym_max sym_min sym_not sym_sqrt sym_sum".split(),
        "symbolic",
    ),
    **dict.fromkeys(
        "AggregationType AVG DispatchKey DispatchKeySet ExcludeDispatchKeyGuard SUM Tag".split(),
        "dispatch_names",
    ),
    **dict.fromkeys(
        "AcceleratorError Event FatalError Stream compiled_with_cxx11_abi cudnn_is_acceptable get_device_module has_lapack "
        "has_mkl has_openmp has_spectral init_num_threads is_vulkan_available".split(),
        "build_names",
    ),
    **dict.fromkeys(
        "cudnn_affine_grid_generator cudnn_batch_norm cudnn_convolution cudnn_convolution_add_relu "
        "cudnn_convolution_relu cudnn_convolution_transpose cudnn_grid_sampler miopen_batch_norm miopen_convolution "
        "miopen_convolution_add_relu miopen_convolution_relu miopen_convolution_transpose miopen_ctc_loss "
        "miopen_depthwise_convolution miopen_rnn mkldnn_adaptive_avg_pool2d mkldnn_convolution "
        "mkldnn_linear_backward_weights mkldnn_max_pool2d mkldnn_max_pool3d mkldnn_rnn_layer fbgemm_linear_fp16_weight "
        "fbgemm_linear_fp16_weight_fp32_activation fbgemm_linear_int8_weight fbgemm_linear_int8_weight_fp32_activation "
        "fbgemm_pack_gemm_matrix_fp16 batch_norm_backward_elemt batch_norm_backward_reduce batch_norm_elemt "
        "batch_norm_gather_stats batch_norm_gather_stats_with_counts batch_norm_stats".split(),
        "foreign_kernels",
    ),
    **dict.fromkeys(
        "AnyType AwaitType BoolType ComplexType DeviceObjType DictType FloatType FutureType IntType ListType NoneType "
        "NumberType OptionalType PyObjectType RRefType StreamObjType StringType SymBoolType SymIntType TensorType "
        "TupleType Type UnionType".split(),
        "jit.types",
    ),
    **dict.fromkeys(
        "AliasDb Argument ArgumentSpec BenchmarkConfig BenchmarkExecutionStats Block BufferDict CallStack Capsule "
        "ClassType Code CompleteArgumentSpec ConcreteModuleType ConcreteModuleTypeBuilder DeepCopyMemoTable "
        "DeserializationStorageContext EnumType ErrorReport ExecutionPlan FunctionSchema Gradient Graph "
        "GraphExecutorState IODescriptor InferredType InterfaceType JITException LiteScriptModule LockingLogger LoggerBase "
        "ModuleDict Node NoopLogger OperatorInfo ParameterDict ScriptClass ScriptClassFunction ScriptDict "
        "ScriptDictIterator ScriptDictKeyIterator ScriptList ScriptListIterator ScriptMethod ScriptModuleSerializer "
        "ScriptObject ScriptObjectProperty SerializationStorageContext StaticModule ThroughputBenchmark TracingState Use "
        "Value import_ir_module import_ir_module_from_buffer merge_type_from_type_comment parse_ir parse_schema "
        "parse_type_comment unify_type_list".split(),
        "jit.compiler_names",
    ),
    **dict.fromkeys("CompilationUnit Future ScriptFunction ScriptModule fork wait".split(), "jit"),
    "FileCheck": "jit.file_check",
    "compile": "compiled.api",
    "thread_safe_generator": "random",
    "load_ipython_extension": "identity",
    "lobpcg": "ops.linalg.lobpcg",
    **dict.fromkeys("DisableTorchFunction DisableTorchFunctionSubclass".split(), "overrides"),
    **dict.fromkeys("PyTorchFileReader PyTorchFileWriter".split(), "serialization.records"),
    "StorageBase": "storage",
    **dict.fromkeys(
        "alpha_dropout_ batch_norm_update_stats binary_cross_entropy_with_logits cosine_embedding_loss dropout_ "
        "embedding_bag embedding_renorm_ feature_alpha_dropout_ feature_dropout feature_dropout_ gru "
        "hinge_embedding_loss instance_norm kl_div lstm margin_ranking_loss poisson_nll_loss rnn_relu rnn_tanh "
        "triplet_margin_loss".split(),
        "nn.native_forms",
    ),
    **dict.fromkeys(
        "bilinear conv_tbc cosine_similarity pairwise_distance pdist pixel_shuffle pixel_unshuffle "
        "channel_shuffle native_channel_shuffle rrelu rrelu_ dropout alpha_dropout feature_alpha_dropout "
        "group_norm grid_sampler grid_sampler_2d _grid_sampler_2d_cpu_fallback grid_sampler_3d affine_grid_generator".split(),
        "nn.functional",
    ),
    **dict.fromkeys(
        "sparse_coo_tensor sparse_csr_tensor sparse_csc_tensor sparse_bsr_tensor sparse_bsc_tensor "
        "sparse_compressed_tensor".split(),
        "sparse",
    ),
    **dict.fromkeys("lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell".split(), "nn.cells"),
    **dict.fromkeys(
        "use_deterministic_algorithms are_deterministic_algorithms_enabled "
        "get_default_device set_default_device set_default_tensor_type "
        "is_deterministic_algorithms_warn_only_enabled get_num_interop_threads set_num_interop_threads "
        "set_flush_denormal get_float32_matmul_precision set_float32_matmul_precision is_storage typename "
        "from_dlpack to_dlpack cond while_loop get_deterministic_debug_mode "
        "set_deterministic_debug_mode set_warn_always is_warn_always_enabled frombuffer from_file asarray FloatTensor DoubleTensor HalfTensor BFloat16Tensor LongTensor IntTensor "
        "ShortTensor CharTensor ByteTensor BoolTensor kernel".split(),
        "compat",
    ),
    **dict.fromkeys(
        "_check _check_index _check_value _check_type _check_not_implemented _check_is_size _check_with "
        "_check_tensor_all _check_tensor_all_with _assert _assert_async _debug_has_internal_overlap".split(),
        "checks",
    ),
    **dict.fromkeys(
        ("_nested_tensor_from_mask", "_nested_tensor_from_mask_left_aligned"), "nested.tensor"
    ),
}


def __getattr__(name):
    from importlib import import_module

    if name == "Storage":  # the storage of the default dtype, which may change
        names = {"float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16"}
        kind = names[str(_core.get_default_dtype()).removeprefix("torch.")]
        return getattr(import_module(".storage", __name__), kind + "Storage")
    if name == "torch":  # PyTorch's module holds itself, and programs write torch.torch
        return import_module(__name__)
    if name in _PACKAGES:
        return import_module("." + name, __name__)
    if name.startswith(("_foreach_", "_amp_")):
        import_module(".ops.foreach", __name__)  # declares them
        if name in globals():
            return globals()[name]
    if name in _LAZY:
        value = getattr(import_module("." + _LAZY[name], __name__), name)
        globals()[name] = value
        return value
    from .misspelled import in_namespace

    raise in_namespace(__name__, name)


def __dir__():
    from .lazy_modules import without_inner

    return without_inner(globals(), {*_PACKAGES, *_LAZY})
