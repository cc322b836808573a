"""Stores, and the ways in which processes find each other through them."""

import datetime
import multiprocessing
import threading

import pytest

import flambeau as torch
import flambeau.distributed as dist
from flambeau.distributed import groups

FORK = multiprocessing.get_context("fork")
several = pytest.mark.skipif(not groups.is_mpi_available(), reason="needs mpi4py and MPICH")
SOON = datetime.timedelta(seconds=0.05)


@pytest.fixture(params=["hash", "tcp", "file", "prefix"])
def store(request, tmp_path):
    if request.param == "hash":
        return dist.HashStore()
    if request.param == "tcp":
        return dist.TCPStore("127.0.0.1", 0, 1, True, wait_for_workers=False)
    if request.param == "file":
        return dist.FileStore(str(tmp_path / "store"), 1)
    return dist.PrefixStore("a", dist.PrefixStore("b", dist.HashStore()))


def test_what_a_store_keeps(store):
    assert store.num_keys() == 0 and store.has_extended_api()
    store.set("a", "x")
    store.set("bytes", b"\0\xff")
    assert store.get("a") == b"x" and store.get("bytes") == b"\0\xff" and store.num_keys() == 2
    assert store.add("n", 3) == 3 and store.add("n", -1) == 2 and store.get("n") == b"2"
    assert store.compare_set("a", "y", "z") == b"x" and store.compare_set("a", "x", "z") == b"z"
    assert store.compare_set("new", "y", "z") == b"y" and not store.check(["new"])
    assert store.compare_set("new", "", "z") == b"z" and store.check(["new", "a"])
    assert store.delete_key("a") is True and store.delete_key("a") is False
    store.append("text", "one")
    store.append("text", ",two")
    store.multi_set(["u", "v"], ["1", "2"])
    assert store.multi_get(["u", "v", "text"]) == [b"1", b"2", b"one,two"]
    with pytest.raises(ValueError):
        store.add("text", 1)
    with pytest.raises(ValueError, match="2 keys for 1 values"):
        store.multi_set(["u", "v"], ["1"])


def test_queues_of_a_store(store):
    store.queue_push("q", "first")
    store.queue_push("q", "second")
    assert store.queue_len("q") == 2 and store.queue_pop("q") == b"first"
    assert store.queue_pop("q", block=False) == b"second"
    with pytest.raises(dist.QueueEmptyError, match="'q' is empty"):
        store.queue_pop("q", block=False)
    store.set_timeout(SOON)
    with pytest.raises(dist.DistStoreError, match="nothing came to 'q' within 0.05 s"):
        store.queue_pop("q")


def test_waiting_ends(store):
    store.set_timeout(SOON)
    assert store.timeout == SOON
    with pytest.raises(dist.DistStoreError, match=r"\['late'\] were not set within 0.05 s"):
        store.get("late")
    store.set("here", "1")
    with pytest.raises(dist.DistStoreError, match=r"wait: \['late'\]"):
        store.wait(["here", "late"], SOON)
    store.set_timeout(datetime.timedelta(seconds=60))
    thread = threading.Thread(target=store.clone().set, args=("late", "now"))
    thread.start()
    assert store.get("late") == b"now"
    thread.join()


def test_processes_share_a_file(tmp_path):
    path = str(tmp_path / "store")
    store = dist.FileStore(path, 2)
    processes = [FORK.Process(target=_add_100, args=(path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert store.add("n", 0) == 200
    with open(path, "ab") as file:
        file.write(b"\0\0\0\2half")  # a writer was killed
    assert store.add("n", 1) == 201 and dist.FileStore(path, -1).add("n", 1) == 202
    assert store.path == path


def _add_100(path):
    store = dist.FileStore(path, -1)
    for _ in range(100):
        store.add("n", 1)


def test_a_file_goes_with_its_last_user(tmp_path):
    path = tmp_path / "store"
    first, second = dist.FileStore(path, 2), dist.FileStore(path, 2)
    del first
    assert path.exists()
    del second
    assert not path.exists()


def test_a_master_that_is_not_there_is_named():
    store = dist.TCPStore("127.0.0.1", 0, 1, True)
    with pytest.raises(dist.DistNetworkError, match=f"port {store.port} can't be listened on"):
        dist.TCPStore("127.0.0.1", store.port, 1, True)
    again = dist.TCPStore("127.0.0.1", store.port, 1, True, multi_tenant=True)
    again.set("a", "b")
    assert store.get("a") == b"b" and store.host == "127.0.0.1"
    port = store.port
    del again, store
    with pytest.raises(dist.DistNetworkError, match=f"nobody answers at 127.0.0.1, port {port}"):
        dist.TCPStore("127.0.0.1", port, 1, False, SOON)
    store = dist.TCPStore("127.0.0.1", 0, 2, True, wait_for_workers=False)
    with pytest.raises(dist.DistStoreError):
        dist.TCPStore("127.0.0.1", store.port, 2, True, SOON, multi_tenant=True)


def test_rendezvous_of_one_s_own(tmp_path):
    store = dist.HashStore()

    def handler(url, timeout):
        assert url == "mine://place?rank=0&world_size=1"
        yield store, 0, 1

    dist.register_rendezvous_handler("mine", handler)
    with pytest.raises(RuntimeError, match="has a handler already"):
        dist.register_rendezvous_handler("mine", handler)
    dist.init_process_group("gloo", init_method="mine://place", rank=0, world_size=1)
    dist.destroy_process_group()
    assert next(dist.rendezvous(f"file://{tmp_path}/x?rank=1&world_size=3"))[1:] == (1, 3)


def _sum_of_ranks(rank, method, path, answer):
    options = {"rank": rank, "world_size": 2, "timeout": datetime.timedelta(seconds=60)}
    if method == "store":
        dist.init_process_group("gloo", store=dist.FileStore(path, 2), **options)
    else:
        dist.init_process_group("gloo", init_method=method, **options)
    x = torch.tensor([rank + 1.0])
    dist.all_reduce(x)
    pair, alone = dist.new_group([1, 0], sort_ranks=False), dist.new_subgroups(1)[0]
    dist.all_reduce(x, group=pair)
    dist.monitored_barrier()
    local = dist.new_group([0, 1], use_local_synchronization=True)
    dist.all_reduce(x, group=local)
    answer.put((x.item(), dist.get_rank(pair), dist.get_world_size(alone), dist.get_pg_count()))
    dist.destroy_process_group()


def free_port():
    return dist.TCPStore("127.0.0.1", 0, 1, True).port


@several
@pytest.mark.parametrize("kind", ["tcp", "file", "env", "store"])
def test_processes_that_nobody_launched_join(kind, tmp_path, monkeypatch):
    path = str(tmp_path / "store")
    port = free_port()
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(port))
    methods = {"tcp": f"tcp://127.0.0.1:{port}", "file": f"file://{path}", "env": "env://"}
    answer = FORK.SimpleQueue()
    arguments = (methods.get(kind, kind), path, answer)
    processes = [FORK.Process(target=_sum_of_ranks, args=(rank, *arguments)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(100)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(answer.get() for _ in range(2)) == [(12.0, 0, 1, 4), (12.0, 1, 1, 4)]
