"""Models from a folder or an archive, weights from an address (a file's)."""

import hashlib
from urllib.error import URLError

import pytest

import flambeau as torch
from flambeau import hub

CONF = '''
dependencies = ["numpy"]
from neighbour import SIZE
import flambeau as torch

def small(bias=True):
    """A small layer."""
    return torch.nn.Linear(SIZE, 2, bias=bias)

def _hidden():
    pass
'''


@pytest.fixture
def home(tmp_path):
    before = hub._dir
    hub.set_dir(tmp_path / "hub")
    yield tmp_path
    hub._dir = before


def test_a_local_repository(home):
    (home / "hubconf.py").write_text(CONF)
    (home / "neighbour.py").write_text("SIZE = 3\n")
    made = hub.load(str(home), "small", source="local", bias=False)
    assert made.weight.shape == (2, 3) and made.bias is None
    with pytest.raises(RuntimeError, match="no model 'large'"):
        hub.load(str(home), "large", source="local")
    with pytest.raises(ValueError, match="'github' or 'local'"):
        hub.load(str(home), "small", source="elsewhere")
    (home / "hubconf.py").write_text('dependencies = ["a_package_that_is_not_there"]\n')
    with pytest.raises(RuntimeError, match="needs a_package_that_is_not_there"):
        hub.load(str(home), "small", source="local")
    with pytest.raises(FileNotFoundError):
        hub.load(str(home / "none"), "small", source="local")


def test_a_downloaded_repository_is_trusted_once(home, monkeypatch):
    folder = home / "hub" / "someone_things_main"
    folder.mkdir(parents=True)
    (folder / "hubconf.py").write_text(CONF)
    (folder / "neighbour.py").write_text("SIZE = 5\n")
    monkeypatch.setattr("builtins.input", lambda question: "n")
    with pytest.raises(Exception, match="not trusted"):
        hub.load("someone/things", "small")
    names = hub.list("someone/things", trust_repo=True, verbose=False)
    assert "small" in names and "_hidden" not in names
    assert hub.help("someone/things:main", "small") == "A small layer."
    with pytest.raises(ValueError, match="'owner/name'"):
        hub.load("plain", "small", trust_repo=True)


def test_weights_come_whole_or_not_at_all(home):
    source = home / "w.pth"
    torch.save({"a": torch.arange(3)}, source)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    named = home / f"net-{digest[:8]}.pth"
    named.write_bytes(source.read_bytes())
    loaded = hub.load_state_dict_from_url(named.as_uri(), progress=False, check_hash=True)
    assert loaded["a"].tolist() == [0, 1, 2]
    assert (home / "hub" / "checkpoints" / named.name).exists()
    with pytest.raises(RuntimeError, match="does not begin with 'ffff'"):
        hub.download_url_to_file(source.as_uri(), str(home / "out.pth"), "ffff", progress=False)
    assert not (home / "out.pth").exists() and not list(home.glob("*.partial"))
    assert torch.utils.model_zoo.load_url is hub.load_state_dict_from_url


def test_without_a_network(home, monkeypatch):
    def unreachable(*arguments, **options):
        raise URLError("no route")

    monkeypatch.setattr(hub, "urlopen", unreachable)
    with pytest.raises(RuntimeError, match="someone/things is not in .*: no route. .*'local'"):
        hub.load("someone/things", "small", trust_repo=True)
