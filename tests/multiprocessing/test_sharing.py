"""Tensors, parameters and storages between processes: shared, not copied."""

import gc
import importlib
import io
import multiprocessing
import os
import pickle
import sys
import threading
import types
from multiprocessing.reduction import ForkingPickler

import pytest

import flambeau as torch
import flambeau.multiprocessing as mp

FORK = mp.get_context("fork")


class Marked(torch.Tensor):
    """A subclass, which pickle treats by another way than tensors."""


def fill(inbox, outbox, value):
    """Writes value into what it gets, and sends back its sum and a new tensor."""
    tensor = inbox.get()
    tensor.detach().fill_(value)
    outbox.put((tensor.detach().sum().item(), torch.full((3,), value)))


def fill_argument(tensor, value):
    with torch.no_grad():
        tensor.fill_(value)


def run(target, *args, context=FORK):
    process = context.Process(target=target, args=args)
    process.start()
    return process


def passed(obj):
    """obj as it comes out of a pipe of this process."""
    reader, writer = mp.Pipe(duplex=False)
    with reader, writer:
        writer.send(obj)
        return reader.recv()


@pytest.mark.parametrize("method", mp.get_all_start_methods())
def test_a_queue_shares_what_it_carries(method):
    context = mp.get_context(method)
    inbox, outbox = context.Queue(), context.Queue()
    process = run(fill, inbox, outbox, 7.0, context=context)
    x = torch.zeros(5)
    inbox.put(x)
    total, made = outbox.get(timeout=60)
    process.join(60)
    assert process.exitcode == 0
    assert total == 35 and x.tolist() == [7.0] * 5 and x.is_shared()
    assert made.tolist() == [7.0] * 3  # its sender has ended by now


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_arguments_of_a_process_are_shared(method):
    context = mp.get_context(method)
    p = torch.nn.Parameter(torch.zeros(3))
    p.share_memory_()
    process = run(fill_argument, p, 2.0, context=context)
    process.join(60)
    assert process.exitcode == 0 and p.tolist() == [2.0] * 3


@pytest.mark.parametrize("kind", ["Queue", "SimpleQueue", "JoinableQueue"])
def test_every_kind_of_queue(kind):
    queue = getattr(FORK, kind)()
    queue.put([torch.arange(4), "text"])
    got, text = queue.get()
    assert got.tolist() == [0, 1, 2, 3] and text == "text"
    if kind == "JoinableQueue":
        queue.task_done()
        queue.join()
    queue.close()


def test_pools_share_tasks_and_results():
    xs = [torch.zeros(2) for _ in range(5)]
    with FORK.Pool(2) as pool:
        results = pool.map(_add_and_answer, xs)
        assert [r.tolist() for r in results] == [[3.0, 3.0]] * 5
        assert [x.tolist() for x in xs] == [[1.0, 1.0]] * 5
        assert list(pool.imap(abs, [-1, 2])) == [1, 2]


def _add_and_answer(x):
    x += 1
    return x * 3


def test_what_python_s_own_queue_carries_is_shared_too():
    context = multiprocessing.get_context("fork")
    inbox, outbox = context.SimpleQueue(), context.SimpleQueue()
    x = torch.zeros(2)
    thread = threading.Thread(target=inbox.put, args=(x,))
    thread.start()
    process = run(fill, inbox, outbox, 4.0)
    # What comes back is counted before its sender ends: Python's way asks the sender for it.
    process.join(60)
    thread.join()
    assert x.tolist() == [4.0, 4.0]


_SLOW_MODULE = """
import flambeau_test_gate as gate
gate.begun.set()
gate.go_on.wait()
value = 5
"""


def test_a_child_imports_what_another_thread_was_importing(tmp_path, monkeypatch):
    # It waited for that thread, which it does not have, for ever.
    gate = types.ModuleType("flambeau_test_gate")
    gate.begun, gate.go_on = threading.Event(), threading.Event()
    (tmp_path / "flambeau_test_slow.py").write_text(_SLOW_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "flambeau_test_gate", gate)
    thread = threading.Thread(target=importlib.import_module, args=("flambeau_test_slow",))
    thread.start()
    gate.begun.wait()
    answer = FORK.SimpleQueue()
    process = run(_import_in_child, answer)
    try:
        assert answer._reader.poll(60) and answer.get() == 5
    finally:
        gate.go_on.set()
        thread.join()
        process.kill()
        process.join()
        sys.modules.pop("flambeau_test_slow", None)


def _import_in_child(answer):
    sys.modules["flambeau_test_gate"].go_on = threading.Event()
    sys.modules["flambeau_test_gate"].go_on.set()
    answer.put(importlib.import_module("flambeau_test_slow").value)


def test_views_and_storages_of_one_message_stay_together():
    x = torch.arange(25.0).view(5, 5)
    storage, whole, row, column = passed([x.storage(), x, x[2], x[:, 1]])
    assert {t.storage()._cdata for t in (whole, row, column)} == {storage._cdata}
    assert storage._cdata == x.storage()._cdata  # the same memory of the same process
    assert column.stride() == (5,) and column.tolist() == [1, 6, 11, 16, 21]
    whole[0, 0] = 100
    assert storage[0] == 100 and x[0, 0] == 100


@pytest.mark.parametrize("n", [0, 1, 1000, 100_000])
def test_storages_of_any_size(n):
    x = torch.ones(n, dtype=torch.uint8)
    y, untyped = passed((x, x.untyped_storage()))
    assert y.shape == x.shape and untyped.nbytes() == n
    assert y.untyped_storage() == untyped or n == 0
    assert torch.equal(x, y)


def test_what_a_tensor_keeps_and_what_it_leaves():
    p = torch.nn.Parameter(torch.ones(2))
    p.grad = torch.ones(2)
    q = passed(p)
    assert type(q) is torch.nn.Parameter and q.requires_grad and q.grad is None and q.is_leaf
    leaf = passed(torch.ones(2, requires_grad=True))
    assert type(leaf) is torch.Tensor and leaf.requires_grad
    marked = torch.ones(2).as_subclass(Marked)
    marked.note = "here"
    got = passed(marked)
    assert type(got) is Marked and got.note == "here" and got.is_shared()
    frozen = passed(torch.nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False))
    assert not frozen.requires_grad and frozen.dtype is torch.int64


def test_a_graph_is_not_sent():
    y = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="multiprocessing: .*requires_grad.*detach"):
        FORK.SimpleQueue().put(y)
    with pytest.raises(RuntimeError, match="requires_grad"):
        FORK.Queue().put([y])
    assert passed(y.detach()).tolist() == [2, 2]


def test_hooks_stay_behind_with_a_warning():
    x = torch.ones(2, requires_grad=True)
    x.register_hook(torch.utils.hooks.unserializable_hook(lambda g: g))
    passed(x)
    x.register_hook(lambda g: g)
    with pytest.warns(UserWarning, match="backward hook <lambda> of a tensor is not sent"):
        passed(x)


def test_foreign_memory_moves_when_it_is_shared():
    numpy = pytest.importorskip("numpy")
    array = numpy.ones(3)
    x = torch.from_numpy(array)
    x.share_memory_()
    x += 1
    assert x.tolist() == [2, 2, 2] and array.tolist() == [1, 1, 1]


def test_a_mapped_file_is_sent_by_its_name(tmp_path):
    storage = torch.UntypedStorage.from_file(str(tmp_path / "bytes"), shared=True, nbytes=4)
    got = passed(storage)
    got[0] = 5
    assert storage[0] == 5
    with pytest.raises(RuntimeError, match="mapped file"):
        passed(torch.tensor(storage, dtype=torch.uint8))


def descriptors():
    gc.collect()
    torch._core._drop_idle_segments()
    return len(os.listdir("/proc/self/fd"))


def test_segments_go_with_their_last_tensor():
    before = descriptors()
    kept = [passed(torch.ones(100_000)) for _ in range(5)]
    assert descriptors() > before
    del kept
    assert descriptors() == before


def test_a_segment_is_used_again_only_when_nobody_holds_it():
    place = torch._core._storage_place
    x = torch.ones(100_000)
    y = passed(x)
    number, _, _ = place(x)
    del x
    other = torch.zeros(100_000).share_memory_()
    assert place(other)[0] != number and y.sum() == 100_000
    del y, other
    again = torch.zeros(100_000).share_memory_()
    assert torch._core._storage_place(again) is not None and again.sum() == 0
    # A message on its way holds its segment, though the tensor is gone.
    reader, writer = mp.Pipe(duplex=False)
    writer.send(torch.full((100_000,), 3.0))
    torch.zeros(100_000).share_memory_()
    assert reader.recv().sum() == 300_000


def test_a_forked_child_keeps_what_its_parent_drops():
    x = torch.full((100_000,), 2.0)
    x.share_memory_()
    go, answer = FORK.Event(), FORK.SimpleQueue()
    process = run(_sum_after, x, go, answer)
    del x
    for value in range(5):
        torch.full((100_000,), float(value)).share_memory_()
    go.set()
    assert answer.get() == 200_000
    process.join()


def _sum_after(x, go, answer):
    go.wait()
    answer.put(x.sum().item())


def test_new_storages_in_shared_memory():
    untyped = torch.UntypedStorage._new_shared(10)
    assert untyped.is_shared() and untyped.nbytes() == 10
    typed = torch.ones(1)._typed_storage()._new_shared(3)
    assert typed.is_shared() and typed.size() == 3 and typed.dtype is torch.float32


def test_strategies():
    assert mp.get_sharing_strategy() == "file_descriptor"
    assert mp.get_all_sharing_strategies() == {"file_descriptor", "file_system"}
    with pytest.raises(ValueError, match="set_sharing_strategy: 'pigeon'"):
        mp.set_sharing_strategy("pigeon")
    mp.set_sharing_strategy("file_system")
    try:
        a, b = (torch.ones(100_000).share_memory_() for _ in range(2))
        assert torch._core._storage_place(a)[0] == torch._core._storage_place(b)[0]
    finally:
        mp.set_sharing_strategy("file_descriptor")


def test_python_s_names_are_here():
    for name in multiprocessing.__all__:
        assert hasattr(mp, name), name
    assert issubclass(mp.SpawnContext, mp.ProcessContext)
    assert isinstance(mp.get_context("spawn"), multiprocessing.context.BaseContext)
    with pytest.raises(ValueError):
        mp.get_context("teleport")


def test_connections_are_sent_too():
    first, second = mp.Pipe()
    outer, inner = mp.Pipe()
    outer.send(second)
    moved = inner.recv()
    moved.send(torch.ones(2))
    assert first.recv().tolist() == [1, 1]
    thread = threading.Thread(target=first.send_bytes, args=(b"x" * 300_000,))
    thread.start()
    assert len(moved.recv_bytes()) == 300_000
    thread.join()
    moved.close()
    second.close()
    with pytest.raises(EOFError):
        first.recv()


def test_messages_of_hundreds_of_segments():
    xs = [torch.full((20_000,), float(i)) for i in range(300)]
    reader, writer = mp.Pipe(duplex=False)
    thread = threading.Thread(target=writer.send, args=(xs,))
    thread.start()
    got = reader.recv()
    thread.join()
    assert [t[0].item() for t in got] == [float(i) for i in range(300)]


def test_a_plain_pickle_of_a_tensor_is_a_copy():
    x = torch.ones(2)
    y = pickle.loads(pickle.dumps(x))
    assert not x.is_shared() and not y.is_shared()
    stream = io.BytesIO()
    ForkingPickler(stream).dump(x)
    assert x.is_shared()
