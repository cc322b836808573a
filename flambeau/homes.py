"""PyTorch's modules that are no files here: what they hold lies elsewhere, and is found under their names too.

Programs import from the module in which PyTorch defines a name (`from torch.optim.adamw import AdamW`). A module of the
table is made when it is imported; it holds the names that stand beside it, read from their own module when asked for.
"""

import importlib
import importlib.abc
import importlib.machinery
import types

# PyTorch's module: (ours, the names). A module without names is a folder of others.
HOMES = {
    "_C._distributed_c10d": (
        "distributed",
        "Backend DebugLevel FileStore GradBucket HashStore PrefixStore ProcessGroup ReduceOp Store TCPStore Work "
        "get_debug_level set_debug_level set_debug_level_from_env",
    ),
    "_C._distributed_rpc": ("distributed.rpc", "PyRRef RpcAgent RpcBackendOptions WorkerInfo"),
    "_functorch.batch_norm_replacement": ("func", "replace_all_batch_norm_modules_"),
    "_functorch.deprecated": (
        "functorch",
        "combine_state_for_ensemble functionalize grad grad_and_value hessian jacfwd jacrev jvp make_functional "
        "make_functional_with_buffers vjp vmap",
    ),
    "_functorch.python_key": ("fx.experimental.proxy_tensor", "make_fx"),
    "_higher_order_ops": ("", "cond while_loop"),
    "_linalg_utils": ("", "matmul"),
    "_lobpcg": ("", "lobpcg"),
    "_lowrank": ("", "svd_lowrank pca_lowrank"),
    "distributed.checkpoint.filesystem": ("distributed.checkpoint", "FileSystemReader FileSystemWriter"),
    "distributed.checkpoint.metadata": ("distributed.checkpoint", "Metadata"),
    "distributed.checkpoint.planner": ("distributed.checkpoint", "LoadPlanner SavePlanner"),
    "distributed.checkpoint.state_dict_loader": ("distributed.checkpoint", "load load_state_dict"),
    "distributed.checkpoint.state_dict_saver": ("distributed.checkpoint", "async_save save save_state_dict"),
    "distributed.optim.optimizer": ("distributed.optim", "DistributedOptimizer"),
    "distributed.optim.post_localSGD_optimizer": ("distributed.optim", "PostLocalSGDOptimizer"),
    "distributed.pipelining.schedules": (
        "distributed.pipelining",
        "Schedule1F1B ScheduleGPipe ScheduleInterleaved1F1B ScheduleInterleavedZeroBubble ScheduleLoopedBFS "
        "ScheduleZBVZeroBubble",
    ),
    "distributed.pipelining.stage": ("distributed.pipelining", "PipelineStage build_stage"),
    "distributed.rendezvous": ("distributed", "register_rendezvous_handler rendezvous"),
    "distributed.tensor.device_mesh": ("distributed", "DeviceMesh init_device_mesh"),
    "distributed.tensor.parallel.api": ("distributed.tensor.parallel", "parallelize_module"),
    "export.decomp_utils": ("export", "CustomDecompTable"),
    "export.dynamic_shapes": ("export", "AdditionalInputs Dim ShapesCollection dims"),
    "export.exported_program": (
        "export",
        "ExportedProgram ModuleCallEntry ModuleCallSignature default_decompositions",
    ),
    "export.graph_signature": ("export", "ExportGraphSignature InputKind InputSpec OutputKind OutputSpec"),
    "nested._internal": ("", ""),
    "nested._internal.nested_tensor": ("nested", "NestedTensor"),
    "nn.modules.linear_cross_entropy_options": ("nn.modules", "LinearCrossEntropyOptions"),
    "nn.parallel.data_parallel": ("nn.parallel.devices", "DataParallel data_parallel"),
    "nn.parallel.parallel_apply": ("nn.parallel.replicas", "parallel_apply"),
    "nn.parallel.replicate": ("nn.parallel.replicas", "replicate"),
    "nn.utils.spectral_norm": ("nn.utils.hooked_normalization", "remove_spectral_norm spectral_norm"),
    "nn.utils.weight_norm": ("nn.utils.hooked_normalization", "remove_weight_norm weight_norm"),
    "optim._adafactor": ("optim", "Adafactor"),
    "optim._multi_tensor": (
        "optim",
        "ASGD Adadelta Adagrad Adam AdamW Adamax NAdam RAdam RMSprop Rprop SGD",
    ),
    "optim._muon": ("optim", "Muon"),
    "optim.adamw": ("optim", "AdamW"),
    "sparse.semi_structured": (
        "sparse",
        "SparseSemiStructuredTensor SparseSemiStructuredTensorCUSPARSELT SparseSemiStructuredTensorCUTLASS "
        "to_sparse_semi_structured",
    ),
    "utils.benchmark.utils": ("", ""),
    "utils.data._utils.pin_memory": ("utils.data.iterators", "pin_memory"),
    "utils.benchmark.utils.common": (
        "utils.benchmark",
        "Measurement TaskSpec ordered_unique select_unit set_torch_threads trim_sigfig unit_to_english",
    ),
    "utils.benchmark.utils.compare": ("utils.benchmark", "Colorize Compare"),
    "utils.benchmark.utils.fuzzer": ("utils.benchmark", "FuzzedParameter FuzzedTensor Fuzzer ParameterAlias"),
    "utils.benchmark.utils.timer": ("utils.benchmark", "Language Timer timer"),
}  # fmt: skip
_PACKAGE = __spec__.parent


class _Home(types.ModuleType):
    """A module of the table. Where PyTorch has a function of its name beside it, it can be called as that, too.

    Then the table must name the file that defines the function: the package holds the module under that name.
    """

    def __getattr__(self, name):
        source, names = HOMES[self.__spec__.loader_state]
        if name not in names.split():
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{_PACKAGE}.{source}".rstrip(".")), name)
        setattr(self, name, value)
        return value

    def __dir__(self):
        return sorted({*super().__dir__(), *self.__all__})

    def __call__(self, *args, **kwargs):
        return getattr(self, self.__spec__.loader_state.rpartition(".")[2])(*args, **kwargs)


class _Loader(importlib.abc.Loader):
    def create_module(self, spec):
        return _Home(spec.name)

    def exec_module(self, module):
        source, names = HOMES[module.__spec__.loader_state]
        module.__doc__ = f"What lies in {_PACKAGE}.{source}, under PyTorch's name for its module."
        module.__all__ = names.split()


def find(name):
    """The specification of a module of the table; None for other names."""
    home = name.removeprefix(f"{_PACKAGE}.")
    if home not in HOMES:
        return None
    holds_others = any(other.startswith(f"{home}.") for other in HOMES)
    return importlib.machinery.ModuleSpec(
        name, _Loader(), origin=home, loader_state=home, is_package=holds_others
    )
