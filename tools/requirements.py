"""Print what pyproject.toml asks for: the run-time and build requirements and the named extras.

    python tools/requirements.py test plot | xargs pip install

pip can't install a project's requirements without building the project; `make build` builds in
place instead, so it takes the list from here.
"""

import sys
import tomllib
from pathlib import Path


def requirements(extras):
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    pyproject = tomllib.loads(text)
    project = pyproject["project"]
    names = [*pyproject["build-system"]["requires"], *project["dependencies"]]
    for extra in extras:
        names += project["optional-dependencies"][extra]
    return list(dict.fromkeys(names))


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
