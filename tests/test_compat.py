"""Names that programs use around tensors."""

import pytest

import flambeau as torch


def test_control_flow_runs_as_written():
    assert torch.cond(torch.tensor(True), lambda x: x + 1, lambda x: x - 1, (1,)) == 2
    (n, total) = torch.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (0, 0))
    assert (n, total) == (4, 6)
    assert torch.sym_max(2, 3.0) == 3.0 and torch.sym_int(2.7) == 2 and torch.sym_not(False)


def test_dlpack_capsules_go_round():
    x = torch.arange(3.0)
    y = torch.from_dlpack(torch.to_dlpack(x))
    y[0] = 7
    assert x[0] == 7
    assert torch.from_dlpack(x, copy=True).data_ptr() != x.data_ptr()
    with pytest.raises(NotImplementedError, match="cuda"):
        torch.from_dlpack(x, device="cuda")


def test_deterministic_debug_mode():
    torch.set_deterministic_debug_mode("warn")
    assert torch.get_deterministic_debug_mode() == 1
    torch.set_deterministic_debug_mode(0)
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(RuntimeError, match="debug_mode"):
        torch.set_deterministic_debug_mode("loud")


def test_result_types_have_their_names():
    assert torch.return_types.linalg_qr is type(torch.linalg.qr(torch.eye(2)))
    assert "linalg_svd" in dir(torch.return_types)
    with pytest.raises(AttributeError):
        torch.return_types.nothing


def test_ambiguous_orders_of_dimensions():
    assert torch.empty(2, 3, 4).permute(2, 0, 1).dim_order() == (1, 2, 0)
    with pytest.raises(
        RuntimeError,
        match=r"dim_order: the strides \(3, 1\) give no single order of the dims, or none of the formats asked",
    ):
        torch.empty(1, 3).dim_order(ambiguity_check=True)


def test_every_name_that_dir_lists_is_there():
    for name in dir(torch):
        getattr(torch, name)
    assert not hasattr(torch, "no_such_name")


def test_layout_and_device_are_heeded_where_the_work_is_done_by_others():
    for make in (
        lambda: torch.tril_indices(2, 2, layout=torch.sparse_coo),
        lambda: torch.triu_indices(2, 2, layout=torch.sparse_coo),
        lambda: torch.fft.fftfreq(3, layout=torch.sparse_coo),
        lambda: torch.fft.rfftfreq(3, layout=torch.sparse_coo),
        lambda: torch.FloatTensor(2, device="cuda"),
        lambda: torch.testing.make_tensor(2, dtype=torch.float32, device="cuda"),
    ):
        with pytest.raises(NotImplementedError):
            make()
    for window in (torch.hann_window, torch.bartlett_window, torch.kaiser_window):
        with pytest.raises(ValueError, match="strided"):
            window(3, layout=torch.sparse_coo)


def test_is_storage_knows_a_storage():
    x = torch.ones(2)
    assert torch.is_storage(x.untyped_storage()) and not torch.is_storage(x)


def test_asarray_without_copy_shares_or_refuses():
    import numpy

    x, array = torch.ones(2), numpy.ones(2)
    assert torch.asarray(x, copy=False).data_ptr() == x.data_ptr()
    assert torch.asarray(array, copy=False).data_ptr() == array.ctypes.data
    for source, dtype in (([1.0], None), (1.0, None), (x, torch.float64), (array, torch.float32)):
        with pytest.raises(ValueError, match="copy=False"):
            torch.asarray(source, dtype=dtype, copy=False)


def test_type_names_a_type_of_this_machine():
    x = torch.ones(2)
    assert x.type("torch.HalfTensor").dtype is torch.float16
    assert x.type("torch.ComplexHalfTensor").dtype is torch.complex32
    assert x.type("torch.Float8_e5m2Tensor").type() == "torch.Float8_e5m2Tensor"
    with pytest.raises(RuntimeError, match="type of the device 'cuda'"):
        x.type("torch.cuda.FloatTensor")
    with pytest.raises(ValueError, match="names no type"):
        x.type("FloatTensor")


def test_the_names_of_annotations():
    types = torch.types
    assert torch.Size in types._size.__args__
    assert types._dtype is torch.dtype and types._int is int
    assert {str, int, torch.device} < set(types.Device.__args__)
    assert torch.Tensor in types._TensorOrTensors.__args__
    with pytest.raises(AttributeError, match="has no attribute '_nothing'"):
        types._nothing


@pytest.mark.parametrize("kind", [torch.Tensor, torch.FloatTensor, torch.IntTensor])
def test_old_constructors_have_a_dtype_of_their_own(kind):
    for options in ({"dtype": torch.int}, {"requires_grad": True}):
        with pytest.raises(TypeError, match="has no argument"):
            kind([1, 2], **options)
    assert kind(size=(2, 3)).shape == (2, 3)
    assert kind(data=[1, 2]).tolist() == [1, 2]
