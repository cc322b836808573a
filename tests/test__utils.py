"""torch._utils and torch.__config__."""

import flambeau as torch


def test_tensors_as_one_and_back():
    tensors = [torch.arange(4.0).view(2, 2), torch.ones(3)]
    flat = torch._utils._flatten_dense_tensors(tensors)
    assert flat.tolist() == [0, 1, 2, 3, 1, 1, 1]
    back = torch._utils._unflatten_dense_tensors(flat, tensors)
    assert [t.tolist() for t in back] == [t.tolist() for t in tensors]


def test_rebuilding():
    storage = torch.FloatStorage([0, 1, 2, 3])
    built = torch._utils._rebuild_tensor_v2(storage, 1, (2,), (2,), True, {})
    assert built.tolist() == [1, 3] and built.requires_grad
    assert built.untyped_storage() == storage.untyped()
    assert torch._utils._element_size(torch.complex64) == 8


def test_config_is_text():
    assert torch.__version__ in torch.__config__.show()
    assert str(torch.get_num_threads()) in torch.__config__.parallel_info()
