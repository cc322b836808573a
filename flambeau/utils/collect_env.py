"""What a report of a fault should say of the machine: python -m flambeau.utils.collect_env."""

import collections
import os
import platform
import re
import subprocess
import sys

import flambeau as torch

__all__ = ["SystemEnv", "get_env_info", "get_pretty_env_info", "main", "pretty_str", "run"]

# PyTorch's fields, in its order; those of what flambeau has not are None.
SystemEnv = collections.namedtuple(
    "SystemEnv",
    "torch_version is_debug_build cuda_compiled_version gcc_version clang_version cmake_version os libc_version "
    "python_version python_platform is_cuda_available cuda_runtime_version cuda_module_loading nvidia_driver_version "
    "nvidia_gpu_models cudnn_version is_xpu_available pip_version pip_packages conda_packages hip_compiled_version "
    "hip_runtime_version miopen_runtime_version caching_allocator_config is_xnnpack_available cpu_info".split(),
)

_PACKAGES = (
    "flambeau",
    "numpy",
    "llvmlite",
    "scipy",
    "scipy-openblas32",
    "torch",
    "tensorboard",
    "matplotlib",
    "pillow",
)


def run(command):
    """(status, output, errors) of a command, a list or a line for the shell; 127 where it is not there.

    Example:
        >>> from flambeau.utils.collect_env import run
        >>> run(["echo", "hello"])
        (0, 'hello', '')
    """
    shell = isinstance(command, str)
    try:
        done = subprocess.run(command, shell=shell, capture_output=True, text=True, timeout=30)
    except FileNotFoundError as error:
        return 127, "", str(error)
    except subprocess.TimeoutExpired:
        return 124, "", f"no answer within 30 s: {command}"
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def run_and_read_all(run_lambda, command):
    """The output of a command; None if it fails."""
    status, output, _ = run_lambda(command)
    return output if status == 0 else None


def run_and_parse_first_match(run_lambda, command, regex):
    """The first group of a pattern in the output of a command; None if it fails or there is none."""
    output = run_and_read_all(run_lambda, command)
    found = None if output is None else re.search(regex, output)
    return found[1] if found else None


def run_and_return_first_line(run_lambda, command):
    """The first line of a command's output; None if it fails."""
    output = run_and_read_all(run_lambda, command)
    return None if output is None else output.partition("\n")[0]


def get_gcc_version(run_lambda):
    """The version of gcc, or None."""
    return run_and_parse_first_match(run_lambda, ["gcc", "--version"], r"gcc (.*)")


def get_clang_version(run_lambda):
    """The version of clang, or None."""
    return run_and_parse_first_match(run_lambda, ["clang", "--version"], r"clang version (.*)")


def get_cmake_version(run_lambda):
    """The version of cmake, or None."""
    return run_and_parse_first_match(run_lambda, ["cmake", "--version"], r"cmake version (.*)")


def get_platform():
    """The system's short name: linux, darwin, win32."""
    return sys.platform


def check_release_file(run_lambda):
    """What /etc/*-release calls the system, or None."""
    return run_and_parse_first_match(run_lambda, "cat /etc/*-release", r'PRETTY_NAME="(.*)"')


def get_os(run_lambda):
    """The system and its version, and the kind of machine."""
    name = check_release_file(run_lambda) or platform.platform()
    return f"{name} ({platform.machine()})"


def get_python_platform():
    """Python's name of the platform."""
    return platform.platform()


def get_libc_version():
    """The C library and its version."""
    return "-".join(platform.libc_ver()) if sys.platform == "linux" else "N/A"


def get_cpu_info(run_lambda):
    """What lscpu says, or Python's name of the processor."""
    return run_and_read_all(run_lambda, ["lscpu"]) or platform.processor()


def get_pip_packages(run_lambda, patterns=None):
    """("pip", the installed packages whose names are among the patterns, as lines "name==version")."""
    from importlib.metadata import distributions

    wanted = _PACKAGES if patterns is None else patterns
    found = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    lines = [
        f"{name}=={version}" for name, version in sorted(found.items()) if name.lower() in wanted
    ]
    return "pip", "\n".join(lines)


def get_conda_packages(run_lambda, patterns=None):
    """The packages of a conda environment among the patterns; None without conda."""
    output = run_and_read_all(run_lambda, [os.environ.get("CONDA_EXE", "conda"), "list"])
    if output is None:
        return None
    wanted = _PACKAGES if patterns is None else patterns
    lines = [line for line in output.splitlines() if not line.startswith("#")]
    return "\n".join(line for line in lines if any(name in line for name in wanted))


def get_env_info():
    """Everything, a SystemEnv."""
    pip_version, pip_packages = get_pip_packages(run)
    fields = dict.fromkeys(SystemEnv._fields)
    fields.update(
        torch_version=torch.version.flambeau,
        is_debug_build="False",
        gcc_version=get_gcc_version(run),
        clang_version=get_clang_version(run),
        cmake_version=get_cmake_version(run),
        os=get_os(run),
        libc_version=get_libc_version(),
        python_version=f"{sys.version.splitlines()[0]} ({sys.maxsize.bit_length() + 1}-bit runtime)",
        python_platform=get_python_platform(),
        is_cuda_available=str(torch.cuda.is_available()),
        is_xpu_available="False",
        is_xnnpack_available="False",
        pip_version=pip_version,
        pip_packages=pip_packages,
        conda_packages=get_conda_packages(run),
        cpu_info=get_cpu_info(run),
    )
    return SystemEnv(**fields)


_SHOWN = (
    ("flambeau version", "torch_version"),
    ("OS", "os"),
    ("GCC version", "gcc_version"),
    ("Clang version", "clang_version"),
    ("CMake version", "cmake_version"),
    ("Libc version", "libc_version"),
    ("Python version", "python_version"),
    ("Python platform", "python_platform"),
    ("Is CUDA available", "is_cuda_available"),
)


def pretty_str(envinfo):
    """A SystemEnv as text, for a report."""
    told = lambda value: "none found" if value is None else str(value)
    lines = [f"{title}: {told(getattr(envinfo, field))}" for title, field in _SHOWN]
    lines += [
        "",
        "CPU:",
        told(envinfo.cpu_info),
        "",
        "Versions of libraries:",
        told(envinfo.pip_packages),
    ]
    if envinfo.conda_packages:
        lines += ["", "conda:", envinfo.conda_packages]
    return "\n".join(lines)


def get_pretty_env_info():
    """get_env_info() as text."""
    return pretty_str(get_env_info())


def main():
    """Print it."""
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
