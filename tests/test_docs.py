"""The pages of docs/ keep up with the code."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_every_environment_variable_stands_in_the_table():
    table = (ROOT / "docs" / "environment.md").read_text()
    files = [*ROOT.glob("flambeau/**/*.py"), *ROOT.glob("csrc/**/*.cpp")]
    read = re.compile(r"(?:environ[^\n]*|getenv\(|_env\(|from_environment\()\"(FLAMBEAU_[A-Z_]+)\"")
    used = {name for file in files for name in read.findall(file.read_text())}
    assert len(used) >= 5
    missing = {name for name in used if f"`{name}`" not in table}
    assert not missing, f"docs/environment.md lacks {sorted(missing)}"


def test_links_between_pages_lead_somewhere():
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_named_files_and_folders_are_there():
    name = re.compile(r"`((?:csrc|flambeau|tests|docs|tools|benchmarks|examples)/[\w/.]*\w/?)`")
    gone = {
        f"{page.name}: {found}"
        for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
        for found in name.findall(page.read_text())
        if not (ROOT / found).exists() and not list(ROOT.glob(f"{found}*"))
    }
    assert not gone


PAGES = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]


def test_named_sources_are_there():
    """Also where only the last part of a path is written."""
    here = {path.name for path in ROOT.glob("csrc/**/*")} | {
        path.name for path in ROOT.rglob("*.py")
    }
    name = re.compile(r"`(?:[\w.*{},]+/)*(\w+\.(?:cpp|h|py))`")
    theirs = {"program.py", "train.py", "file.py"}  # a reader's own
    gone = {
        f"{page.parent.name}/{page.name}: {found}"
        for page in PAGES
        for found in name.findall(page.read_text())
        if found not in here | theirs
    }
    assert not gone


def test_named_commands_are_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = {path.stem.replace("_", "-") for path in ROOT.glob("flambeau/commands/*.py")}
    gone = set()
    for page in PAGES:
        text = page.read_text()
        gone |= {f"make {name}" for name in re.findall(r"`make ([a-z-]+)", text)} - {
            f"make {name}" for name in targets
        }
        for names in re.findall(r"python -m benchmarks ((?:[a-z_]+ ?)*)", text):
            gone |= {
                name
                for name in names.split()
                if not list((ROOT / "benchmarks").glob(f"{name}.py"))
                and not (ROOT / "benchmarks" / name).is_dir()
            }
        for name in re.findall(r"python -m flambeau ([a-z][a-z-]*)(?=[ `])", text):
            if name not in commands:
                gone.add(f"python -m flambeau {name}")
    assert not gone


def test_add_an_operator_fits_one_page():
    assert len((ROOT / "docs" / "add-an-operator.md").read_text().splitlines()) <= 100


@pytest.mark.parametrize(("page", "count"), [("guide.md", 9), ("guide-2017.md", 6)])
def test_examples_of_the_guides_print_what_they_say(page, count):
    text = (ROOT / "docs" / page).read_text()
    parser, names = doctest.DocTestParser(), {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    failures = []
    blocks = list(re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    for block in blocks:
        line = text[: block.start(1)].count("\n")
        test = parser.get_doctest(block[1], names, page, f"docs/{page}", line)
        test.globs = names  # each block goes on where the one before ended
        runner.run(test, out=failures.append, clear_globs=False)
    assert len(blocks) >= count and not failures, "".join(failures)
    names.clear()  # operators and classes of the examples outlive them, and hold this
