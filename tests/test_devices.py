"""Tensors off the CPU: where new ones go, that calls do not mix devices, and what meta refuses."""

import copy
import io
import pickle
import threading

import pytest

import flambeau as torch


def meta(*sizes, **options):
    return torch.empty(*sizes, device="meta", **options)


def test_a_meta_tensor_has_a_layout_and_no_bytes():
    x = meta(2, 3)
    assert x.device == torch.device("meta") and x.is_meta and not x.is_cpu
    assert x.shape == (2, 3) and x.stride() == (3, 1) and x.dtype == torch.float32
    assert x.data_ptr() == 0 and x.get_device() == -1
    assert x.untyped_storage().nbytes() == 24 and x.untyped_storage().device == x.device
    assert repr(x) == "tensor(..., device='meta', size=(2, 3))"
    assert repr(meta(2, dtype=torch.int64)).endswith("size=(2,), dtype=torch.int64)")


def test_tensors_larger_than_memory():
    before = torch.memory_stats()["allocated_bytes.current"]
    x = meta(10**6, 10**6, 100)
    y = (x.transpose(0, 1) * 2 + 1).sum(-1)
    assert y.shape == (10**6, 10**6)
    assert torch.memory_stats()["allocated_bytes.current"] == before


@pytest.mark.parametrize(
    "call",
    [
        lambda m, c: m + c,
        lambda m, c: m @ c.T,
        lambda m, c: torch.cat([m, c]),
        lambda m, c: c.mul_(m),
        lambda m, c: torch.where(c > 0, m, m),
        lambda m, c: torch.nn.functional.linear(m, c),
        lambda m, c: torch.add(m, m, out=c),
        lambda m, c: torch.gather(m, 0, torch.tensor([[0]])),
        lambda m, c: c[torch.tensor([0], device="meta")],
        lambda m, c: c[m > 0],
        lambda m, c: c[torch.tensor([0]), torch.tensor([0], device="meta")],
        lambda m, c: c.__setitem__(torch.tensor([0], device="meta"), 1.0),
        lambda m, c: c + meta(()),
        lambda m, c: setattr(c, "data", m),
        lambda m, c: setattr(c, "grad", m),
    ],
)
def test_a_call_takes_tensors_of_one_device(call):
    for kind in (TypeError, RuntimeError):
        with pytest.raises(kind, match="meta") as caught:
            call(meta(2, 3), torch.ones(2, 3))
        assert "cpu" in str(caught.value)


def test_the_error_names_operator_and_devices():
    with pytest.raises(torch.DeviceError, match=r"^add: .*float32 \(2,\) on meta.*\(2,\) on cpu"):
        meta(2) + torch.ones(2)


def test_numbers_on_the_cpu_go_everywhere():
    two = torch.tensor(2.0)
    assert (meta(3) * two).is_meta and (two - meta(3)).is_meta
    assert meta(3)[torch.tensor([0, 2])].shape == (2,)  # indices too
    x = meta(3)
    x[0] = two
    x[1:] = torch.ones(2)
    x.copy_(torch.ones(3))


def test_results_of_calls_on_the_cpu_stay_there():
    meta(2)
    with torch.device("meta"):
        x = torch.ones(2, device="cpu")
        assert (x + 1).device == x.sum().device == x.new_zeros(3).device == torch.device("cpu")


def test_default_device():
    with torch.device("meta") as where:
        assert where == torch.get_default_device() == torch.device("meta")
        assert torch.empty(2).is_meta and torch.tensor([1.0]).is_meta
        assert torch.as_tensor([1]).is_meta and torch.as_tensor(torch.ones(2, device="cpu")).is_meta
        assert not torch.Tensor(2).is_meta
        with torch.device("cpu"):
            assert torch.ones(2).is_cpu
        assert torch.full((2,), 3).is_meta
    assert torch.empty(2).is_cpu
    torch.set_default_device("meta")
    try:
        assert torch.zeros(2).is_meta
        seen = []
        thread = threading.Thread(target=lambda: seen.append(torch.zeros(2).device))
        thread.start()
        thread.join()
        assert seen == [torch.device("cpu")]
    finally:
        torch.set_default_device(None)
    assert torch.get_default_device() == torch.device("cpu")


def test_a_device_as_a_decorator():
    @torch.device("meta")
    def make(n):
        return torch.ones(n)

    assert make(3).is_meta and torch.ones(3).is_cpu


def test_the_default_device_goes_back_after_an_error():
    with pytest.raises(ValueError), torch.device("meta"):
        raise ValueError
    assert torch.empty(1).is_cpu


@pytest.mark.parametrize(
    "refused, call",
    [
        (RuntimeError, lambda m: m[0, 0].item()),
        (RuntimeError, lambda m: bool(m[0, 0])),
        (RuntimeError, lambda m: float(m[0, 0])),
        (RuntimeError, lambda m: int(m[0, 0])),
        (NotImplementedError, lambda m: m.tolist()),
        (NotImplementedError, lambda m: m.cpu()),
        (NotImplementedError, lambda m: torch.ones(2, 3).copy_(m)),
        (NotImplementedError, lambda m: m.nonzero()),
        (NotImplementedError, lambda m: m.unique()),
        (NotImplementedError, lambda m: m.masked_select(m > 0)),
        (NotImplementedError, lambda m: m[m > 0]),
        (NotImplementedError, lambda m: torch.bincount(m.long()[0])),
        (TypeError, lambda m: m.numpy()),
        (ValueError, lambda m: torch.from_dlpack(m)),
        (RuntimeError, lambda m: m.share_memory_()),
    ],
)
def test_what_asks_for_values_is_refused(refused, call):
    with pytest.raises(refused):
        call(meta(2, 3))


def test_moves():
    x = torch.ones(2, 3, requires_grad=True)
    y = x.to("meta")
    assert y.is_meta and y.requires_grad and y.to("meta") is y
    assert x.to(meta(1, dtype=torch.float64)).dtype == torch.float64
    assert torch.empty_like(x, device="meta").is_meta
    assert torch.empty_like(meta(2), device="cpu").is_cpu
    with pytest.raises(NotImplementedError, match="no elements to copy"):
        y.sum().backward()


def test_gradients():
    x = meta(3, 4, requires_grad=True)
    w = torch.nn.Parameter(meta(5, 4))
    torch.nn.functional.linear(x, w).relu().sum().backward()
    assert x.grad.shape == (3, 4) and w.grad.is_meta and w.grad.shape == (5, 4)
    w.grad = None
    (again,) = torch.autograd.grad((x @ w.T).exp().sum(), w, create_graph=True)
    (second,) = torch.autograd.grad(again.sum(), x)
    assert second.is_meta and second.shape == x.shape


def test_copies_and_files():
    x = torch.nn.Parameter(meta(3, 4).t())
    for again in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), saved(x)):
        assert isinstance(again, torch.nn.Parameter) and again.requires_grad and again.is_meta
        assert again.shape == (4, 3) and again.stride() == (1, 4)
    file = io.BytesIO()
    torch.save(torch.ones(2), file)
    file.seek(0)
    assert torch.load(file, map_location="meta").is_meta
    file.seek(0)
    assert torch.load(file, map_location=torch.device("meta")).is_meta


def saved(value):
    file = io.BytesIO()
    torch.save([value], file)
    file.seek(0)
    return torch.load(file)[0]


def test_modules():
    with torch.device("meta"):
        model = torch.nn.Sequential(torch.nn.Linear(10**6, 10**6), torch.nn.BatchNorm1d(10**6))
    assert all(t.is_meta for t in (*model.parameters(), *model.buffers()))
    assert model(meta(4, 10**6)).shape == (4, 10**6)
    small = torch.nn.Linear(2, 3, device="meta")
    with pytest.raises(NotImplementedError, match="to_empty"):
        small.to("cpu")
    state = torch.nn.Linear(2, 3).state_dict()
    with pytest.warns(UserWarning, match="weight lies on meta|bias lies on meta"):
        small.load_state_dict(state)  # copies nothing to meta
    assert small.weight.is_meta
    small.load_state_dict(state, assign=True)
    assert small.weight.is_cpu and torch.equal(small.weight, state["weight"])
    assert torch.nn.Linear(2, 3).to("meta").weight.is_meta
    empty = torch.nn.Linear(2, 3, device="meta").to_empty(device="cpu")
    assert empty.weight.is_cpu and isinstance(empty.weight, torch.nn.Parameter)


def test_devices_that_are_not_here():
    for device in ("cuda", "mps", 0):
        with pytest.raises(NotImplementedError, match="not available"):
            torch.empty(2, device=device)
    with pytest.raises(RuntimeError):
        torch.ones(2).cuda()
    with pytest.raises(NotImplementedError):
        torch.Generator(device="meta")


def test_what_is_larger_than_any_memory_on_meta():
    x = meta(2 * 10**8, 3, 2 * 10**8)
    assert torch.nn.functional.interpolate(x, scale_factor=2).shape == (2 * 10**8, 3, 4 * 10**8)
    assert torch.nn.functional.pad(x, (1, 1)).shape[-1] == 2 * 10**8 + 2
    with torch.device("meta"):
        layer = torch.nn.TransformerEncoderLayer(12288, 96, 49152, batch_first=True)
    out = layer(meta(1, 2048, 12288))
    out.sum().backward()
    assert out.shape == (1, 2048, 12288) and layer.linear1.weight.grad.shape == (49152, 12288)


def test_texts_and_types():
    x = meta(())
    assert format(x) == f"{x}" == repr(x)
    assert x.type() == "torch.meta.FloatTensor" and not isinstance(x, torch.FloatTensor)
    torch.testing.assert_close(meta(3), meta(3))
    with pytest.raises(AssertionError, match="device"):
        torch.testing.assert_close(meta(3), torch.empty(3))


def test_storages_on_meta():
    for storage in (torch.TypedStorage(4, device="meta"), torch.UntypedStorage(4, device="meta")):
        assert storage.device.type == "meta" and storage.data_ptr() == 0 and len(storage) == 4
        with pytest.raises(NotImplementedError):
            storage[0]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "Rprop"])
def test_optimizers_step_on_meta(name):
    weight = torch.nn.Parameter(meta(3, 4))
    optimizer = getattr(torch.optim, name)([weight], lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (weight * 2).sum().backward()
        optimizer.step()
    assert weight.is_meta and weight.grad.is_meta


def test_loaders_draw_on_the_cpu_whatever_the_default_device_is():
    data = torch.utils.data.TensorDataset(torch.arange(6))
    with torch.device("meta"):
        batches = list(torch.utils.data.DataLoader(data, batch_size=2, shuffle=True))
    assert sorted(int(x) for (batch,) in batches for x in batch) == list(range(6))


def test_distributions_on_meta():
    normal = torch.distributions.Normal(meta(3), meta(3))
    assert normal.rsample((2,)).shape == (2, 3) and normal.log_prob(meta(3)).is_meta


def test_lists_that_hold_themselves_are_refused_beside_tensors_of_other_devices():
    there = torch.empty(2, device="meta")
    itself, often = [], []
    itself.append(itself)
    often.extend([often] * 50)
    for endless in (itself, often):
        with pytest.raises((ValueError, torch.OutOfMemoryError)):
            torch.tensor(endless)
    with pytest.raises(TypeError):
        torch.cat(itself)
    assert there.is_meta
