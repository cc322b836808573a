"""Tell what flambeau finds here: version, processor, threads, kernels, packages."""

import argparse
import os
import sys

import flambeau as torch


def main(arguments):
    parser = argparse.ArgumentParser("python -m flambeau info", description=__doc__)
    parser.add_argument(
        "--all", action="store_true", help="what a report of a fault should say, too"
    )
    args = parser.parse_args(arguments)
    for title, text in facts():
        print(f"{title:<11} {text}")
    if args.all:
        from ..utils.collect_env import get_pretty_env_info

        print("\n" + get_pretty_env_info())
    return 0


def facts():
    """(title, text) of what there is to know."""
    from ..kernels import cache
    from ..kernels.targets import cpu

    yield "flambeau", f"{torch.version.flambeau}, {os.path.dirname(torch.__file__)}"
    yield "Python", sys.version.split()[0]
    yield (
        "processor",
        f"kernels for {cpu.host().name}, {torch.get_num_threads()} of {os.cpu_count()} cores",
    )
    yield "kernels", _kernels(cache)
    yield "GPU", "none" if not torch.cuda.is_available() else f"{torch.cuda.device_count()}"
    for extra, packages in EXTRAS.items():
        there = [_version(package) for package in packages]
        missing = None in there
        yield (
            extra,
            "not installed" if missing else ", ".join(f"{p} {v}" for p, v in zip(packages, there)),
        )


EXTRAS = {
    "vision": ["pillow"],
    "plot": ["matplotlib"],
    "safetensors": ["safetensors"],
    "tensorboard": ["tensorboardX"],
}


def _version(package):
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _kernels(cache):
    folder = cache.folder()
    if folder is None:
        return "no cache on disk"
    sizes = [entry.stat().st_size for entry in os.scandir(folder)] if os.path.isdir(folder) else []
    return f"{len(sizes)} files, {sum(sizes) / 2**20:.1f} MiB in {folder}"
