"""Runs a function in several processes of one group."""

import functools

import pytest

import flambeau.distributed as dist
from flambeau.distributed import groups
from flambeau.distributed.launcher import LaunchConfig, elastic_launch

needs_mpi = pytest.mark.skipif(not groups.is_mpi_available(), reason="needs mpi4py and MPICH")


def run(function, *args, n=2, **options):
    """What each process gives, by its rank."""
    options = {"max_restarts": 0, "monitor_interval": 0.01, "start_method": "fork", **options}
    return elastic_launch(LaunchConfig(1, 1, n, **options), functools.partial(_in_group, function))(*args)  # fmt: skip


def _in_group(function, *args):
    dist.init_process_group("gloo")
    result = function(*args)
    dist.destroy_process_group()
    return result


def in_processes(n=2):
    """Marks a test whose body runs in n processes."""

    def mark(function):
        @needs_mpi
        @functools.wraps(function)
        def test(*args, **kwargs):
            run(functools.partial(function, *args, **kwargs), n=n)

        return test

    return mark
