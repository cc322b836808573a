"""Names from PyTorch's inside that libraries import: they are there, and do or answer what they say."""

import importlib
from collections import OrderedDict

import pytest

import flambeau as torch
from tests.told import telling


def test_the_module_holds_itself():
    assert torch.torch is torch


def test_switches_of_what_is_not_here():
    from flambeau import _C

    assert _C._get_tracing_state() is None and not _C._are_functorch_transforms_active()
    assert _C._jit_set_profiling_mode(True) is False
    assert _C._get_default_device() == "cpu" and _C._get_accelerator().type == "cpu"
    assert isinstance(torch.Tensor, _C._TensorMeta)
    for name in "cuda cudnn cusparselt magma mkldnn mps xpu".split():
        assert getattr(_C, f"_has_{name}") is False
    with pytest.raises(AttributeError, match="no attribute"):
        _C.never_there
    with pytest.raises(NotImplementedError, match="TorchScript"):
        _C.Graph()


@pytest.mark.parametrize(
    "name",
    """_dynamo.eval_frame.OptimizedModule _dynamo.exc.Unsupported _subclasses.fake_tensor.is_fake
    fx._pytree.tree_flatten_spec nn.modules.container.Sequential nn.modules.fold.Unfold nn.modules.sparse.Embedding
    nn.modules.pixelshuffle.PixelShuffle nn.modules.upsampling.Upsample nn.modules.channelshuffle.ChannelShuffle
    nn.modules.module._EXTRA_STATE_KEY_SUFFIX nn.modules.transformer._get_activation_fn nn.init._no_grad_normal_
    fx.experimental.symbolic_shapes.free_unbacked_symbols serialization.MAP_LOCATION serialization.DEFAULT_PROTOCOL
    types.Number hub.HASH_REGEX hub.tqdm hub.urlparse hub.URLError hub.MODULE_HUBCONF
    optim.optimizer.ParamsT _tensor._rebuild_from_type_v2 backends.__allow_nonbracketed_mutation
    distributions.utils._standard_normal optim.optimizer._params_t _functorch.vmap._get_name""".split(),
)
def test_names_that_libraries_import(name):
    module, _, attribute = name.rpartition(".")
    assert getattr(importlib.import_module(f"flambeau.{module}"), attribute) is not None


def test_parts_of_a_tensor_s_text():
    from flambeau import _tensor_str

    x = torch.tensor([1.0, 2.0])
    assert _tensor_str._tensor_str(x, 7) == "[1., 2.]"
    assert _tensor_str._add_suffixes("Mine([1., 2.]", ["a=1"], 5, False) == "Mine([1., 2.], a=1)"
    assert _tensor_str.PRINT_OPTS.precision == 4


def test_optimizers_of_libraries_find_their_helpers():
    from flambeau.optim import optimizer

    class Mine(torch.optim.Optimizer):
        @optimizer._use_grad_for_differentiable
        def step(self, closure=None):
            return torch.is_grad_enabled()

    assert Mine([torch.ones(1)], {}).step() is False
    assert Mine([torch.ones(1)], {"differentiable": True}).step() is True
    lists = [[torch.ones(1), torch.ones(1).double(), torch.ones(2)], [None, None, torch.zeros(2)]]
    groups = torch.optim.Optimizer._group_tensors_by_device_and_dtype(lists, with_indices=True)
    assert [places for _, places in groups.values()] == [[0, 2], [1]]


def test_a_step_set_later_has_hooks_too():
    """Optimizers that wrap another need not call Optimizer.__init__, and set their step's hooks themselves."""

    class Wrapping(torch.optim.Optimizer):
        def __init__(self, inner):
            self.inner, self._optimizer_step_post_hooks = inner, OrderedDict()
            self._patch_step_function()

        def step(self, closure=None):
            self._cuda_graph_capture_health_check()
            return self.inner.step(closure)

    x, seen = torch.ones(1), []
    x.grad = torch.ones(1)
    Wrapping.step = lambda self: self.inner.step()
    optimizer = Wrapping(torch.optim.SGD([x], lr=0.5))
    optimizer.register_step_post_hook(lambda *_: seen.append(x.item()))
    optimizer.step()
    Wrapping(optimizer.inner).step()
    assert seen == [0.5] and x.item() == 0


def test_a_module_holds_other_tensors_for_a_while():
    from flambeau.nn.utils import stateless

    linear, weight = torch.nn.Linear(2, 1, bias=False), torch.ones(1, 2, requires_grad=True)
    own = linear.weight
    with stateless._reparametrize_module(linear, {"weight": weight}):
        assert linear.weight is weight
        linear(torch.tensor([[2.0, 3.0]])).sum().backward()
    assert linear.weight is own and own.grad is None and weight.grad.tolist() == [[2, 3]]
    strict = stateless._reparametrize_module(linear, {}, strict=True)
    with pytest.raises(RuntimeError, match="missing key.*weight"), strict:
        pass


def test_bytes_of_an_object_in_a_tensor():
    storage = torch.ByteStorage._from_buffer(b"\1\2\377")
    assert torch.ByteTensor(storage).tolist() == [1, 2, 255]


@pytest.mark.parametrize("device", ("cpu", "meta"))
def test_tensors_of_one_storage(device):
    x = torch.ones(4, device=device)
    assert torch._C._is_alias_of(x, x[1:].view(3, 1))
    assert not torch._C._is_alias_of(x, torch.ones(4, device=device))


def test_no_fake_tensors_are_in_force():
    assert torch._guards.active_fake_mode() is None
    assert torch._guards.detect_fake_mode([torch.ones(1)]) is None


@pytest.mark.parametrize("kind", ("parameter", "buffer", "module"))
def test_hooks_at_registration_are_found(kind):
    from flambeau.nn.modules import module

    class Part(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.p = torch.nn.Parameter(torch.ones(1))
            self.register_buffer("b", torch.ones(1))
            self.m = torch.nn.Identity()

    seen, table = [], getattr(module, f"_global_{kind}_registration_hooks")
    register = getattr(module, f"register_module_{kind}_registration_hook")
    handle = register(lambda owner, name, value: seen.append(name))
    try:
        assert len(table) == 1
        Part()
    finally:
        handle.remove()
    Part()
    assert seen == [kind[0]] and not table


def test_types_of_one_s_own_in_a_batch():
    from flambeau.utils.data._utils import collate

    class Point:
        def __init__(self, x):
            self.x = x

    def points(batch, *, collate_fn_map=None):
        return torch.tensor([p.x for p in batch])

    collate.default_collate_fn_map[Point] = points
    try:
        batch = torch.utils.data.default_collate(
            [{"p": Point(1), "n": 2.0}, {"p": Point(3), "n": 4.0}]
        )
    finally:
        del collate.default_collate_fn_map[Point]
        collate.default_collate_fn_map.changed = False
    assert batch["p"].tolist() == [1, 3] and batch["n"].dtype == torch.float64
    with pytest.raises(TypeError, match="does not become part"):
        collate.collate([Point(1)], collate_fn_map={})


def test_a_loader_of_a_library_s_own():
    """An iteration reads of its loader only what PyTorch's reads."""
    from flambeau.utils.data import dataloader

    class Loader:
        _dataset_kind, _auto_collation, drop_last = dataloader._DatasetKind.Iterable, False, False
        num_workers, timeout, pin_memory, persistent_workers, generator = 0, 0, False, False, None
        dataset = range(3)

        def collate_fn(self, sample):
            return sample + 1

        @property
        def _index_sampler(self):
            return iter(int, 1)

    assert list(dataloader._SingleProcessDataLoaderIter(Loader())) == [1, 2, 3]


def test_divergences_between_distributions_of_a_library():
    from flambeau.distributions import kl

    class Foreign:
        pass

    kl.register_kl(Foreign, Foreign)(lambda p, q: 1.5)
    assert kl.kl_divergence(Foreign(), Foreign()) == 1.5
    with pytest.raises(TypeError, match="takes types"):
        kl.register_kl(3, Foreign)


def test_make_fx():
    from flambeau.fx.experimental.proxy_tensor import make_fx

    graph = make_fx(lambda x, y: {"a": x + y})(torch.ones(2), torch.ones(2))
    assert graph(torch.zeros(2), torch.ones(2))["a"].tolist() == [1, 1]
    with pytest.raises(NotImplementedError, match="symbolic"):
        make_fx(lambda x: x, tracing_mode="symbolic")


def test_annotations_of_modules_can_be_read():
    import typing

    class Mine(torch.nn.Module):
        size: int

    assert typing.get_type_hints(Mine)["size"] is int


def test_unbind_the_method_is_told_from_the_function():
    seen = []
    told = torch.ones(2, 3).as_subclass(telling(seen))
    for one in (told.unbind(), torch.unbind(told)):
        assert len(one) == 2
    assert seen == [torch.Tensor.unbind, torch.unbind] and torch.unbind != torch.Tensor.unbind


def test_whoever_takes_einsum_over_is_told_its_operands_one_by_one():
    from flambeau.fx import symbolic_trace

    graph = symbolic_trace(lambda x, y: torch.einsum("ij,jk->ik", (x, y)))
    (node,) = [n for n in graph.graph.nodes if n.op == "call_function"]
    assert [str(a) for a in node.args] == ["ij,jk->ik", "x", "y"]
    assert graph(torch.ones(2, 3), torch.ones(3, 2)).tolist() == [[3, 3], [3, 3]]


def test_tensors_of_a_module_are_swapped():
    from flambeau.nn.utils._named_member_accessor import swap_tensor

    layer, other = torch.nn.BatchNorm1d(2), torch.ones(2)
    old = swap_tensor(layer, "running_mean", other)
    assert layer.running_mean is other and old.tolist() == [0, 0]
    with pytest.raises(AttributeError, match="no tensor 'nothing'"):
        swap_tensor(layer, "nothing", other)
    with pytest.raises(KeyError, match="has a dot"):
        swap_tensor(layer, "a.b", other)


def test_devices_and_what_data_loaders_are_annotated_with():
    from flambeau import _utils
    from flambeau.utils.data import dataloader

    assert (
        _utils._get_device_module("cpu") is torch.cpu
        and _utils._get_available_device_type() is None
    )
    with pytest.raises(RuntimeError, match="'warp'"):
        _utils._get_device_module("warp")
    assert dataloader._collate_fn_t is not None
