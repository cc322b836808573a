"""Names that programs hold: each answers for this build, or refuses in a sentence of its own."""

import os
import pickle

import pytest

import flambeau as torch
from flambeau import _core

REFUSING = """
    torch.cudnn_convolution torch.miopen_rnn torch.mkldnn_max_pool2d torch.fbgemm_linear_int8_weight
    torch.batch_norm_stats torch.SymInt torch.DispatchKeySet torch.AliasDb torch.Graph torch.parse_ir
    torch.package.PackageExporter torch.ao.quantization.prepare torch.quantization.convert
    torch.ao.quantization.quantize_fx.prepare_fx torch.nn.quantized.Linear torch.nn.qat.Linear
    torch.nn.intrinsic.ConvBn2d torch.cpp.ModuleWrapper torch.jit.export_opnames
    torch.backends.python_native.enable_operations torch.jit.frontend.get_jit_def
    torch.utils.checkpoint.create_selective_checkpoint_contexts torch.autograd.NestedIOFunction
    torch.profiler.ExecutionTraceObserver torch.compiler.load_compiled_function
""".split()


@pytest.mark.parametrize("path", REFUSING)
def test_a_refusal_names_what_was_called(path):
    value = torch
    for part in path.split(".")[1:]:
        value = getattr(value, part)
    assert value.__doc__
    with pytest.raises(NotImplementedError, match=rf"{path.rpartition('.')[2]}: .*\."):
        value("x")


DEVICES = """
    torch.xpu.current_device torch.xpu.Stream torch.mtia.get_rng_state torch.mps.Event torch.cuda.GreenContext
    torch.cuda.nccl.version torch.cuda.tunable.enable torch.accelerator.memory_allocated torch.accelerator.Graph
""".split()


@pytest.mark.parametrize("path", DEVICES)
def test_what_needs_a_device_says_there_is_none(path):
    value = torch
    for part in path.split(".")[1:]:
        value = getattr(value, part)
    for kind in (AssertionError, RuntimeError):  # PyTorch raises one or the other
        with pytest.raises(kind, match=path.partition(".")[2]):
            value()


def test_what_asks_about_devices_is_answered():
    for kind in (torch.xpu, torch.mtia, torch.mps):
        assert not kind.is_available() and kind.device_count() == 0
        kind.manual_seed(3)
        kind.synchronize()
    assert torch.xpu.memory_allocated() == 0 and torch.xpu.memory_stats() == {}
    with torch.xpu.device(0), torch.mtia.stream(None):
        pass
    assert not torch.cuda.tunable.is_enabled() and not torch.cuda.nccl.is_available([])
    with torch.cuda.caching_allocator_disabled(), torch.cuda.device_of(torch.ones(1)):
        pass
    assert torch.get_device_module() is torch.get_device_module("cpu") is torch.cpu
    assert torch.get_device_module("cuda:0") is torch.cuda
    with pytest.raises(RuntimeError, match="there is no module of 'meta'"):
        torch.get_device_module("meta")
    for name in ("nnpack", "cusparselt", "kleidiai", "miopen"):
        assert not getattr(torch.backends, name).is_available()


def test_streams_and_events_of_the_cpu():
    stream, event = torch.Stream(), torch.Event()
    with stream as entered:
        assert entered is stream and stream.query() and event.query()
    assert stream.device == torch.device("cpu")
    with pytest.raises(AssertionError, match="Stream: device 'cuda' is not available"):
        torch.Stream("cuda")


def test_methods_for_what_is_not_here():
    x = torch.ones(2)
    for name in (
        "q_scale",
        "int_repr",
        "qscheme",
        "to_mkldnn",
        "index",
        "xpu",
        "mtia",
        "ipu",
    ):
        with pytest.raises(NotImplementedError, match=f"{name}: "):
            getattr(x, name)()
    assert torch.equal(x.half().dequantize(), x) and x.half().dequantize().dtype is torch.float32
    assert x.const_data_ptr() == x.data_ptr() and x.grad_dtype is torch.float32
    with pytest.raises(NotImplementedError, match="grad_dtype"):
        x.grad_dtype = torch.float64
    made = torch.empty(0)
    made.__setstate__((torch.arange(6.0).untyped_storage(), 1, (2, 2), (2, 1)))
    assert made.tolist() == [[1, 2], [3, 4]]
    base = torch.arange(6.0)
    assert torch.equal(torch.slice_inverse(base[2:4], torch.empty(6)), base)
    assert torch.as_strided_(base, (2, 2), (1, 1)) is base and base.tolist() == [[0, 1], [1, 2]]


def test_symbols_are_numbers():
    assert torch.sym_sum([1, 2, 3]) == torch.sym_sum(1, 2, 3) == 6 and torch.sym_sqrt(4) == 2.0
    assert not isinstance(3, torch.SymInt) and torch.sym_fresh_size(3) == 3
    torch.sym_constrain_range(3, min=1, max=5)
    for call in (
        lambda: torch.sym_constrain_range(3, min=4),
        lambda: torch.sym_constrain_range_for_size(-1),
    ):
        with pytest.raises(RuntimeError, match="does not lie from"):
            call()


def test_tags_and_keys_compare():
    assert torch.Tag.core is not torch.Tag.pointwise and repr(torch.Tag.core) == "<Tag.core: 0>"
    assert (
        str(torch.DispatchKey.CPU) == "DispatchKey.CPU"
        and "AutogradMeta" in torch.DispatchKey.__members__
    )


def test_anomaly_detection_as_a_switch():
    assert not torch.is_anomaly_enabled()
    torch.set_anomaly_enabled(True, False)
    try:
        assert torch.is_anomaly_enabled() and not torch.is_anomaly_check_nan_enabled()
    finally:
        torch.set_anomaly_enabled(False)


def test_autocast_of_devices_that_are_not_there():
    torch.set_autocast_ipu_enabled(True)
    assert not torch.is_autocast_ipu_enabled() and not torch.is_autocast_xla_enabled()
    before = torch.get_autocast_gpu_dtype()
    torch.set_autocast_gpu_dtype(torch.bfloat16)
    assert torch.get_autocast_gpu_dtype() is torch.bfloat16
    torch.set_autocast_gpu_dtype(before)


def test_named_results():
    result = torch.sort(torch.tensor([2.0, 1.0]))
    kind = type(result)
    assert (
        kind is torch.return_types.sort
        and kind.__bases__ == (tuple,)
        and not hasattr(result, "_fields")
    )
    assert (kind.n_fields, kind.__match_args__) == (2, ("values", "indices"))
    assert kind(iter([1, 2])) == (1, 2) and kind([1, 2]).indices == 2
    with pytest.raises(TypeError, match=r"sort: takes 2 values \(values, indices\), not 3"):
        kind((1, 2, 3))
    assert type(pickle.loads(pickle.dumps(result))) is kind
    values, indices = torch.empty(0), torch.empty(0, dtype=torch.int64)
    written = torch.sort(torch.tensor([2.0, 1.0]), out=(values, indices))
    assert type(written) is torch.return_types.sort_out and written.values is values
    assert type(torch.qr(torch.eye(2))) is torch.return_types.qr
    assert type(torch.slogdet(torch.eye(2))) is torch.return_types.slogdet
    assert type(torch.frexp(torch.ones(1))) is torch.return_types.frexp
    names = [kind.__name__ for kind in torch.return_types.all_return_types]
    assert len(names) == len(set(names)) == 67
    with pytest.raises(AttributeError):
        torch.return_types.wibble


def test_quantization_before_it_converts():
    quantization = torch.ao.quantization
    net = torch.nn.Sequential(
        quantization.QuantStub(), torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU(),
        quantization.DeQuantStub(),
    )  # fmt: skip
    net[2].running_mean.fill_(0.3)
    net.eval()
    x = torch.randn(1, 1, 5, 5)
    fused = quantization.fuse_modules(net, [["1", "2", "3"]])
    torch.testing.assert_close(fused(x), net(x))
    assert isinstance(fused[2], torch.nn.Identity) and isinstance(net[2], torch.nn.BatchNorm2d)
    with pytest.raises(NotImplementedError, match="fuse_modules: 1 is training"):
        quantization.fuse_modules(net.train(), ["1", "2"])
    with pytest.raises(NotImplementedError, match="cannot be fused"):
        quantization.fuse_modules(net.eval(), ["3", "1"])
    both = torch.nn.quantized.FloatFunctional()
    one = torch.ones(2)
    assert both.add(one, one).tolist() == [2, 2] and both.cat([one, one]).shape == (4,)
    assert both.add_relu(-one, -one).tolist() == [0, 0] and both.mul_scalar(one, 3).tolist() == [
        3,
        3,
    ]
    with pytest.raises(RuntimeError, match="it is not called"):
        both(one)


def test_classes_of_other_libraries():
    with pytest.raises(RuntimeError, match="there is no class mine.Thing"):
        torch.classes.mine.Thing


def test_libraries_are_loaded_where_they_can_be(tmp_path):
    before = set(torch.ops.loaded_libraries)
    with pytest.raises(OSError, match="cannot be loaded .*without its compiled part"):
        torch.ops.load_library(tmp_path / "nowhere.so")
    assert torch.ops.loaded_libraries == before
    assert torch.classes.load_library is torch.ops.load_library
    place = _core.__file__  # in the process already: nothing more happens
    torch.ops.load_library(place)
    try:
        assert torch.classes.loaded_libraries == before | {os.path.realpath(place)}
    finally:
        torch.classes.loaded_libraries.discard(os.path.realpath(place))
