# make demo    train a network on the bundled digits, draw what it learned
# make test    all tests (.ci/run calls this)
# make bench   timings side by side with PyTorch, where that is installed
# make lint    ruff, and clang-format where that is installed
# make build   the native core, in place
# make sanitize                the tests on a core with Address- and UndefinedBehaviorSanitizer
# make sanitize KIND=thread    those with threads on one with ThreadSanitizer
#
# Without PY a virtual environment .venv is made, with everything pyproject.toml asks for.

PY ?= .venv/bin/python
PYTHON ?= python3
JOBS ?= 2
EXTRAS ?= dev,test,vision,plot
TESTS ?= tests
KIND ?= address

# A path with a slash is one in this folder or absolute; its bin/ also holds cmake, ninja and ruff.
BIN := $(dir $(abspath $(PY)))
export PATH := $(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)

ifeq ($(PY),.venv/bin/python)
ENVIRONMENT := .venv/.installed
endif

comma := ,

.PHONY: build test test-core sanitize demo bench lint format stubs clean wheel environment

environment: $(ENVIRONMENT)

.venv/.installed: pyproject.toml tools/requirements.py
	$(PYTHON) -m venv .venv
	.venv/bin/python tools/requirements.py $(subst $(comma), ,$(EXTRAS)) > .venv/requirements.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r .venv/requirements.txt
	touch $@

build: $(ENVIRONMENT)
	@cmake -S . -B build/inplace -G Ninja -DFLAMBEAU_INPLACE=ON \
	  -DPython_EXECUTABLE=$(abspath $(PY)) > build.log 2>&1 || { cat build.log; exit 1; }; rm -f build.log
	cmake --build build/inplace -j $(JOBS)

test: build
	@cmake --build build/inplace -j $(JOBS) --target core_tests || echo "the core's own tests were not built"
	$(PY) -m pytest -n $(JOBS) --dist worksteal $(TESTS)

# The core's own tests, without Python.
test-core: build
	cmake --build build/inplace -j $(JOBS) --target core_tests
	for program in build/inplace/test_*; do [ -x $$program ] && $$program || exit 1; done

sanitize: $(ENVIRONMENT)
	JOBS=$(JOBS) $(PY) tools/sanitize.py $(KIND) $(if $(filter command%,$(origin TESTS)),$(TESTS))

demo: build
	$(PY) examples/digits.py

bench: build
	$(PY) -m benchmarks

lint: $(ENVIRONMENT)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	@if command -v clang-format > /dev/null; then \
	  git ls-files 'csrc/*.h' 'csrc/*.cpp' | xargs -r clang-format --dry-run -Werror; \
	else echo "clang-format not found: pip install 'flambeau[format]' checks the C++ too"; fi
	@git ls-files '*.py' '*.cpp' '*.h' | xargs wc -l | sort -rn | sed -n '2,11p'

format: $(ENVIRONMENT)
	$(PY) -m ruff check --fix --quiet . || true
	$(PY) -m ruff format .
	@if command -v clang-format > /dev/null; then git ls-files 'csrc/*.h' 'csrc/*.cpp' | xargs -r clang-format -i; fi

# Types of the package and its core, for editors and type checkers; a build of the core makes them too.
stubs: build
	$(PY) tools/stubs.py .

wheel: $(ENVIRONMENT)
	$(PY) -m pip wheel --no-deps --wheel-dir dist .
	@ls -l dist/*.whl

clean:
	rm -rf build dist examples/out flambeau/_core*.so
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
