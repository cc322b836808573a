"""What programs are warned of: on the same occasions and with the same category as in PyTorch, in words of our own."""

import warnings

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn import functional as F

MATRIX = torch.eye(2)
STEPS = torch.optim.lr_scheduler


def _read_only():
    array = np.arange(3.0)
    array.flags.writeable = False
    return array


def _needs_grad():
    return torch.ones((), requires_grad=True)


def _meta_layer():
    nn.Linear(2, 2, device="meta").load_state_dict(nn.Linear(2, 2).state_dict())


def _full_hook():
    layer = nn.Linear(2, 2)
    layer.register_full_backward_hook(lambda *args: None)
    layer(torch.ones(1, 2)).sum().backward()


def _old_hook():
    layer = nn.Linear(2, 2)
    layer.register_backward_hook(lambda *args: None)
    layer(torch.ones(1, 2, requires_grad=True)).sum().backward()


def _plateau():
    optimizer = torch.optim.SGD([_needs_grad()], 0.1)
    STEPS.ReduceLROnPlateau(optimizer).step(1.0, epoch=3)


def _masks_of_two_dtypes():
    x = torch.ones(3, 2, 8)
    masks = {"key_padding_mask": torch.zeros(2, 3).bool(), "attn_mask": torch.zeros(3, 3)}
    nn.MultiheadAttention(8, 2)(x, x, x, **masks)


USER = {
    "std of one": lambda: torch.tensor([1.0]).std(),
    "var along a dim of one": lambda: torch.ones(3, 1).var(1),
    "std with a correction": lambda: torch.ones(3).std(correction=3),
    "var_mean of one": lambda: torch.var_mean(torch.tensor([1.0])),
    "std_mean of nothing": lambda: torch.std_mean(torch.ones(0, 3), 1),
    "T of a stack": lambda: torch.ones(2, 3, 4).T,
    "T of a vector": lambda: torch.ones(2).T,
    "T of a number": lambda: torch.tensor(1.0).T,
    "mT of a number": lambda: torch.tensor(1.0).mT,
    "H of a number": lambda: torch.tensor(1.0).H,
    "mH of a number": lambda: torch.tensor(1.0).mH,
    "grid_sample": lambda: F.grid_sample(torch.ones(1, 1, 3, 3), torch.ones(1, 2, 2, 2)),
    "affine_grid": lambda: F.affine_grid(torch.ones(1, 2, 3), (1, 1, 3, 3)),
    "corners of one point": lambda: F.affine_grid(torch.ones(1, 2, 3), (1, 1, 3, 1), True),
    "masks of two dtypes": _masks_of_two_dtypes,
    "epoch of a plateau": _plateau,
    "new_tensor of a tensor": lambda: MATRIX.new_tensor(MATRIX),
    "list of arrays": lambda: torch.tensor([np.arange(3.0), np.arange(3.0)]),
    "array that is not writable": lambda: torch.from_numpy(_read_only()),
    "nested_tensor": lambda: torch.nested.nested_tensor([MATRIX, MATRIX]),
    "as_nested_tensor": lambda: torch.nested.as_nested_tensor([MATRIX, MATRIX]),
    "meshgrid": lambda: torch.meshgrid(torch.arange(2), torch.arange(3)),
    "cross": lambda: torch.cross(torch.ones(2, 3), torch.ones(2, 3)),
    "lu_solve": lambda: torch.lu_solve(MATRIX, *torch.linalg.lu_factor(MATRIX)),
    "reduce of scatter": lambda: torch.ones(2).scatter(
        0, torch.tensor([0]), torch.ones(1), reduce="add"
    ),
    "lu": lambda: torch.lu(MATRIX),
    "qr": lambda: torch.qr(MATRIX),
    "cholesky": lambda: torch.cholesky(MATRIX),
    "triangular_solve": lambda: torch.triangular_solve(MATRIX, MATRIX),
    "chain_matmul": lambda: torch.chain_matmul(MATRIX, MATRIX),
    "stft without a window": lambda: torch.stft(torch.ones(40), 8, return_complex=True),
    "stft as reals": lambda: torch.stft(
        torch.ones(40), 8, window=torch.ones(8), return_complex=False
    ),
    "istft without a window": lambda: torch.istft(torch.ones(5, 11, dtype=torch.complex64), 8),
    "where of bytes": lambda: torch.where(torch.ones(2, dtype=torch.uint8), 1.0, 2.0),
    "list of indices": lambda: torch.ones(2, 2, 2)[[0, slice(None)]],
    "complex modules": lambda: nn.Linear(2, 2).to(torch.complex64),
    "set_default_tensor_type": lambda: torch.set_default_tensor_type(torch.FloatTensor),
    "storage": lambda: MATRIX.storage(),
    "storage_type": lambda: MATRIX.storage_type(),
    "TypedStorage": lambda: torch.storage.TypedStorage(3),
    "FloatStorage": lambda: torch.FloatStorage(3),
    "split of nothing": lambda: torch.utils.data.random_split([1, 2], [2, 0]),
    "full hook without input": _full_hook,
    "checkpoint onto meta": _meta_layer,
    "resize": lambda: MATRIX.resize(4),
    "float of what is differentiated": lambda: float(_needs_grad()),
}
FUTURE = {
    "weight_norm": lambda: nn.utils.weight_norm(nn.Linear(2, 2)),
    "Container": lambda: nn.Container(),
    "NLLLoss2d": lambda: nn.NLLLoss2d(),
    "Hardtanh": lambda: nn.Hardtanh(min_value=-2.0),
    "old backward hook": _old_hook,
    "cpu.amp.autocast": lambda: torch.cpu.amp.autocast(),
    "cuda.amp.custom_fwd": lambda: torch.cuda.amp.custom_fwd(lambda x: x),
    "memory_cached": lambda: torch.cuda.memory_cached(),
    "sdp_kernel": lambda: torch.backends.cuda.sdp_kernel(),
    "cummulative_sizes": lambda: torch.utils.data.ConcatDataset([[1]]).cummulative_sizes,
}
DEPRECATED = {
    "jit.script": lambda: torch.jit.script(nn.Linear(2, 2)),
    "jit.trace": lambda: torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)),
    "is_autocast_cpu_enabled": lambda: torch.is_autocast_cpu_enabled(),
    "instance of a Function": lambda: type("Twice", (torch.autograd.Function,), {})(),
}
SILENT = {
    "std of two": lambda: torch.ones(2).std(),
    "std without correction": lambda: torch.ones(1).std(unbiased=False),
    "T of a matrix": lambda: torch.ones(2, 3).T,
    "meshgrid with indexing": lambda: torch.meshgrid(torch.arange(2), indexing="ij"),
    "cross with dim": lambda: torch.cross(torch.ones(2, 3), torch.ones(2, 3), dim=1),
    "load": lambda: torch.linspace(0, 1, 4, out=torch.zeros(2)),
    "untyped_storage": lambda: MATRIX.untyped_storage(),
    "item": lambda: _needs_grad().item(),
    "int": lambda: int(_needs_grad()),
    "jagged": lambda: torch.nested.nested_tensor([MATRIX], layout=torch.jagged),
    "threads": lambda: torch.set_num_interop_threads(2),
    "as_tensor of a tensor": lambda: torch.as_tensor(MATRIX),
}
WARNED = [
    pytest.param(category, call, id=name)
    for category, table in (
        (UserWarning, USER),
        (FutureWarning, FUTURE),
        (DeprecationWarning, DEPRECATED),
    )
    for name, call in table.items()
]


def _told_by(call):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call()
    return told


@pytest.mark.parametrize(("category", "call"), WARNED)
def test_programs_are_warned_at_their_own_line(category, call):
    told = _told_by(call)
    assert told
    assert {entry.category for entry in told} == {category}
    assert {entry.filename for entry in told} == {__file__}


ONCE = (
    ["T of a stack", "T of a number", "mT of a number", "H of a number", "mH of a number", "list of arrays"]
    + ["array that is not writable", "nested_tensor", "meshgrid", "cross", "lu", "lu_solve", "qr", "cholesky"]
    + ["triangular_solve", "chain_matmul", "stft without a window", "stft as reals", "istft without a window"]
    + ["where of bytes", "set_default_tensor_type", "storage", "float of what is differentiated"]
    + ["reduce of scatter"]
)  # fmt: skip


@pytest.mark.parametrize("name", ONCE)
def test_old_names_and_defaults_are_told_of_once_in_a_process(name):
    _told_by(USER[name])  # warnings are on for tests
    torch.set_warn_always(False)
    assert not _told_by(USER[name])
    torch.set_warn_always(True)
    assert len(_told_by(USER[name])) == 1


def test_what_the_numbers_bring_about_is_told_at_each_call():
    torch.set_warn_always(False)
    for name in ("std of one", "list of indices", "new_tensor of a tensor", "grid_sample"):
        assert [len(_told_by(USER[name])) for _ in range(2)] == [1, 1], name


@pytest.mark.parametrize("call", SILENT.values(), ids=list(SILENT))
def test_nothing_is_said_where_nothing_is_wrong(call):
    assert not _told_by(call)


def test_a_scaler_for_a_gpu_that_is_not_there_is_off():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.warns(UserWarning, match="GradScaler: there is no CUDA device"):
        assert not torch.amp.GradScaler().is_enabled()
    assert torch.amp.GradScaler("cpu").is_enabled()


def test_an_upper_bound_on_threads_between_operators_is_noted():
    before = torch.get_num_interop_threads()
    torch.set_num_interop_threads(3)
    assert torch.get_num_interop_threads() == 3
    torch.set_num_interop_threads(before)
    with pytest.raises(RuntimeError, match="takes 1 or more"):
        torch.set_num_interop_threads(0)
