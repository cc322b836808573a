"""Processes that Ray starts, on one machine or a cluster, as one group.

pip install flambeau[ray]

from flambeau.distributed.ray import run
results = run(train, 4, args=(0.1,))        # train(0.1) in four processes that can all_reduce
"""

import os
import socket

from . import groups

__all__ = ["run"]


def _ray():
    try:
        import ray
    except ImportError as error:
        raise ImportError("distributed.ray needs Ray: pip install flambeau[ray]") from error
    return ray


class _Worker:
    """One process."""

    def address(self):
        """(host, a free port) of this process's machine."""
        with socket.create_server(("", 0)) as probe:
            return _ray().util.get_node_ip_address(), probe.getsockname()[1]

    def run(self, address, rank, world_size, local_rank, function, args, kwargs):
        """What function gives, in the group of all."""
        place = {"RANK": rank, "WORLD_SIZE": world_size, "LOCAL_RANK": local_rank}
        place |= {"MASTER_ADDR": address[0], "MASTER_PORT": address[1]}
        os.environ.update({name: str(value) for name, value in place.items()})
        groups.init_process_group("gloo", init_method="env://")
        result = function(*args, **kwargs)
        groups.destroy_process_group()
        return result


def run(
    function, num_workers, args=(), kwargs=None, *, num_cpus=1, max_restarts=0, strategy="PACK"
):
    """function(*args, **kwargs) in several processes of one group, wherever Ray places them.

    Args:
        function (callable): knows its place by distributed.get_rank(); it is sent by value, and so is what it names, so
            write `import flambeau as torch` where it computes.
        num_workers (int): how many processes.
        num_cpus (float): cores for each.
        max_restarts (int): how often all start anew after one fails or its machine does.
        strategy (str): of Ray's placement group: "PACK" on few machines, "SPREAD" on many, "STRICT_PACK" on one.

    Returns:
        list: what each process's call gave, by rank.

    Raises:
        ImportError: Ray is not installed.
        Ray's error of the process that failed first, after all restarts.
    """
    ray = _ray()
    if num_workers < 1:
        raise ValueError(
            f"distributed.ray.run: num_workers is {num_workers}; it must be 1 or more."
        )
    if not ray.is_initialized():
        ray.init()
    place = ray.util.placement_group([{"CPU": num_cpus}] * num_workers, strategy=strategy)
    try:
        ray.get(place.ready())
        for attempt in range(max_restarts + 1):
            try:
                return _attempt(ray, place, function, num_workers, args, kwargs or {}, num_cpus)
            except ray.exceptions.RayError:
                if attempt == max_restarts:
                    raise
    finally:
        ray.util.remove_placement_group(place)


def _attempt(ray, place, function, n, args, kwargs, num_cpus):
    strategies = ray.util.scheduling_strategies
    workers = [
        ray.remote(_Worker)
        .options(
            num_cpus=num_cpus,
            scheduling_strategy=strategies.PlacementGroupSchedulingStrategy(
                place, placement_group_bundle_index=i
            ),
        )
        .remote()
        for i in range(n)
    ]
    try:
        addresses = ray.get([worker.address.remote() for worker in workers])
        hosts = [host for host, _ in addresses]
        results = [
            worker.run.remote(
                addresses[0], rank, n, hosts[:rank].count(hosts[rank]), function, args, kwargs
            )
            for rank, worker in enumerate(workers)
        ]
        waiting = results
        while waiting:  # one that fails ends the wait, though others wait for it
            ended, waiting = ray.wait(waiting)
            ray.get(ended)
        return ray.get(results)
    finally:
        for worker in workers:
            ray.kill(worker)
