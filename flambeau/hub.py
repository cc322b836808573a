"""Models from repositories: torch.hub. A repository has a file hubconf.py, whose functions are the models.

Repositories and weights are kept in get_dir(): TORCH_HOME/hub, by default ~/.cache/torch/hub.
"""

import errno
import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

__all__ = [
    "download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir",
]  # fmt: skip

_dir = None
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")  # the checksum in a file's name
MODULE_HUBCONF = "hubconf.py"


def __getattr__(name):
    if name == "tqdm":  # programs take it from here; loaded when it is asked for
        from tqdm import tqdm

        return tqdm
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def get_dir():
    """The folder of downloaded repositories and weights."""
    return os.path.join(_get_torch_home(), "hub") if _dir is None else _dir


def _get_torch_home():
    """The folder that TORCH_HOME names, by default ~/.cache/torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def set_dir(d):
    """Another folder for downloads, for this process."""
    global _dir
    _dir = os.path.expanduser(str(d))


# -- repositories


def _repository(name, force_reload, trust_repo, verbose, skip_validation):
    """The folder of github:owner/name[:branch], downloaded where it is not there."""
    match = re.fullmatch(r"([\w.-]+)/([\w.-]+)(?::(.+))?", name)
    if match is None:
        raise ValueError(
            f"hub: repo_or_dir is {name!r}; it must be 'owner/name' or 'owner/name:branch'."
        )
    owner, repo, ref = match.groups()
    if ref is None:
        ref = _default_branch(owner, repo)
    folder = Path(get_dir(), f"{owner}_{repo}_{ref}".replace("/", "_"))
    _trust(f"{owner}_{repo}", trust_repo)
    if force_reload or not folder.exists():
        if not skip_validation:
            _exists(owner, repo, ref)
        _unpacked(f"https://github.com/{owner}/{repo}/zipball/{ref}", folder, verbose)
    elif verbose:
        sys.stderr.write(f"hub: {folder} is used as it is; force_reload=True fetches it anew.\n")
    return folder


def _default_branch(owner, repo):
    for folder in Path(get_dir()).glob(f"{owner}_{repo}_*"):
        branch = folder.name.removeprefix(f"{owner}_{repo}_")
        if branch in ("main", "master"):
            return branch
    try:
        _exists(owner, repo, "main")
    except ValueError:
        return "master"
    return "main"


def _exists(owner, repo, ref):
    """Raises ValueError unless GitHub knows the branch, tag or commit."""
    headers = {"Accept": "application/vnd.github+json"}
    token = os.environ.get("GITHUB_TOKEN")
    if token:
        headers["Authorization"] = f"token {token}"
    request = Request(f"https://api.github.com/repos/{owner}/{repo}/commits/{ref}", headers=headers)
    try:
        urlopen(request, timeout=30).close()
    except HTTPError as error:
        if error.code in (404, 422):
            raise ValueError(
                f"hub: {owner}/{repo} has no branch, tag or commit {ref!r}."
            ) from error
        raise
    except URLError as error:
        raise RuntimeError(
            f"hub: {owner}/{repo} is not in {get_dir()}, and GitHub cannot be reached: {error.reason}. Fetch it where "
            "there is a network and copy its folder there, or name a folder with source='local'."
        ) from error


def _trust(name, trust_repo):
    """Running a repository's code is a decision: asked once, or given as trust_repo."""
    path = Path(get_dir(), "trusted_list")
    known = name in (path.read_text().split() if path.exists() else [])
    if known or trust_repo is True and not known:
        if not known:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "a") as file:
                file.write(name + "\n")
        return
    if trust_repo in (False, "check", None):
        question = f"hub: run the code of {name.replace('_', '/', 1)} on this machine? [y/N] "
        if input(question).strip().lower() not in ("y", "yes"):
            raise Exception(f"hub: {name} is not trusted. trust_repo=True says that it is.")
        if trust_repo != False:  # noqa: E712  None and "check" remember the answer
            _trust(name, True)
        return
    raise ValueError(f"hub: trust_repo is {trust_repo!r}; it must be True, False, None or 'check'.")


def _unpacked(url, folder, verbose):
    folder.parent.mkdir(parents=True, exist_ok=True)
    if verbose:
        sys.stderr.write(f"hub: fetching {url}\n")
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        archive = Path(temporary, "repository.zip")
        download_url_to_file(url, str(archive), progress=False)
        with zipfile.ZipFile(archive) as file:
            root = os.path.commonpath([name.split("/")[0] for name in file.namelist()])
            for name in file.namelist():
                if os.path.isabs(name) or ".." in Path(name).parts:
                    raise RuntimeError(
                        f"hub: {url} holds the path {name!r}, outside of its folder."
                    )
            file.extractall(temporary)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(Path(temporary, root), folder)


def _folder(repo_or_dir, source, trust_repo, force_reload, verbose, skip_validation):
    if source not in ("github", "local"):
        raise ValueError(f"hub: source is {source!r}; it must be 'github' or 'local'.")
    if source == "local":
        return Path(repo_or_dir)
    return _repository(repo_or_dir, force_reload, trust_repo, verbose, skip_validation)


def _hubconf(folder):
    """The module hubconf.py of a repository, which may import its neighbours."""
    path = Path(folder, MODULE_HUBCONF)
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "hub: the repository has no hubconf.py", str(path))
    spec = importlib.util.spec_from_file_location("hubconf", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    missing = [
        name for name in getattr(module, "dependencies", ()) if not importlib.util.find_spec(name)
    ]
    if missing:
        raise RuntimeError(f"hub: {path} needs {', '.join(missing)}, not installed here.")
    return module


def _entry(module, model):
    function = getattr(module, model, None) if isinstance(model, str) else None
    if not callable(function):
        raise RuntimeError(f"hub: hubconf.py has no model {model!r}.")
    return function


def list(github, force_reload=False, skip_validation=False, trust_repo=None, verbose=True):
    """The names of a repository's models.

    Args:
        github (str): "owner/name" or "owner/name:branch".
    """
    module = _hubconf(_repository(github, force_reload, trust_repo, verbose, skip_validation))
    return [
        name for name, value in vars(module).items() if callable(value) and not name.startswith("_")
    ]


def help(github, model, force_reload=False, skip_validation=False, trust_repo=None):
    """The docstring of one of a repository's models."""
    module = _hubconf(_repository(github, force_reload, trust_repo, True, skip_validation))
    return _entry(module, model).__doc__


def load(repo_or_dir, model, *args, source="github", trust_repo=None, force_reload=False, verbose=True,
         skip_validation=False, **kwargs):  # fmt: skip
    """A repository's model, made with the other arguments.

    Args:
        repo_or_dir (str): "owner/name[:branch]", or a folder with source="local".
        model (str): a function of hubconf.py.
        trust_repo (bool or "check"): whether the repository's code may run; asked for if not given.

    Raises:
        RuntimeError: there is no such model, or a package that it needs is not there.
    """
    folder = _folder(repo_or_dir, source, trust_repo, force_reload, verbose, skip_validation)
    sys.path.insert(0, str(folder))
    try:
        return _entry(_hubconf(folder), model)(*args, **kwargs)
    finally:
        sys.path.remove(str(folder))


# -- files


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """A file from the network, whole and with the right checksum or not at all.

    Args:
        dst (str): where it goes.
        hash_prefix (str, optional): what its SHA-256, in hexadecimal, must begin with.
        progress (bool): whether a bar is shown.

    Raises:
        RuntimeError: the checksum is another; nothing is left behind.
    """
    dst = os.path.expanduser(dst)
    digest = hashlib.sha256()
    request = Request(url, headers={"User-Agent": "torch.hub"})
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(dst) or ".", suffix=".partial")
    try:
        with (
            os.fdopen(handle, "wb") as file,
            urlopen(request, timeout=60) as response,
        ):
            size = int(response.headers.get("Content-Length") or 0)
            with _bar(size, progress, os.path.basename(dst)) as bar:
                while block := response.read(1 << 20):
                    file.write(block)
                    digest.update(block)
                    bar.update(len(block))
                    size -= len(block)
        if hash_prefix is not None and not digest.hexdigest().startswith(hash_prefix):
            raise RuntimeError(
                f"download_url_to_file: {url} has the SHA-256 {digest.hexdigest()}, which does not begin with "
                f"{hash_prefix!r}."
            )
        os.replace(temporary, dst)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _bar(size, progress, name):
    from tqdm import tqdm

    return tqdm(total=size or None, disable=not progress, unit="B", unit_scale=True, desc=name)


def load_state_dict_from_url(url, model_dir=None, map_location=None, progress=True, check_hash=False,
                             file_name=None, weights_only=True):  # fmt: skip
    """What is saved at an address, kept in get_dir()/checkpoints.

    Args:
        check_hash (bool): whether the name, as in "model-0123abcd.pth", holds the beginning of the SHA-256.
        file_name (str, optional): the name under which it is kept.
        weights_only (bool): as in load(): no code in the file is run.
    """
    from .serialization import load as load_file

    folder = Path(model_dir or os.path.join(get_dir(), "checkpoints"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (file_name or os.path.basename(urlparse(url).path))
    if not path.exists():
        match = re.search(r"-([a-f0-9]+)\.", path.name) if check_hash else None
        download_url_to_file(url, str(path), match and match[1], progress)
    return load_file(path, map_location=map_location, weights_only=weights_only)
