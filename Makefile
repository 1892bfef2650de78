# Every target does its own set-up; a fresh machine needs Python >= 3.11, make and gpg.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DB     ?= sqlite
N      ?= 1000
# Where it is set, every process compiles all of the agent anew: a third of what a command costs.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check bench corpus race machine crash fuzz consents faults unit-score networks schemas screenshots clean

# Rebuilt whenever what it is made from changes.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/python -m tests.demo --database $(DB)

# One more than there are cores, for the time spent waiting; each process collects all tests for itself.
test: $(VENV)/.installed
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32
	$(BIN)/lint-imports

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

# Every hostile file there is, measured; ends with one line of figures.
corpus: $(VENV)/.installed
	$(BIN)/python -m tests.hostile

race: $(VENV)/.installed
	$(BIN)/python -m tests.races --attempts $(N)

# Lives of a whole practice, drawn at random; ends with one line of figures.
machine: $(VENV)/.installed
	$(BIN)/python -m tests.machine --lives $(N) --database $(DB)

# Kills with -9 at random moments; DB=postgresql kills the server too. Then every failpoint once.
crash: $(VENV)/.installed
	$(BIN)/python -m tests.crash --kills $(N) --database $(DB)
	$(BIN)/python -m tests.crash --each-failpoint --database $(DB)

# Spoiled files and documents, drawn at random; a line of figures for each sort.
fuzz: N := 10000
fuzz: $(VENV)/.installed
	$(BIN)/python -m tests.fuzz --mutants $(N)

# Every fault of our own against a running service; a line for each, ten minutes in all.
faults: $(VENV)/.installed
	$(BIN)/python -m tests.faults

# The unit's restrictions, judged by systemd itself: at most 1.5 of 10.
unit-score:
	systemd-analyze security --offline=true --no-pager --threshold=15 service/systemd/otv-agent.service

# Uploads broken at random against OpenSSH, and one partner's trouble beside another's answers.
networks: N = 500
networks: $(VENV)/.installed
	$(BIN)/python -m tests.networks --uploads $(N)

# Practices with patients of every answer, and every file that leaves them; ends with one line of figures.
consents: N := 10000
consents: $(VENV)/.installed
	$(BIN)/python -m tests.consents --databases $(N)

# The status page's pictures for the documentation, of a real service; six minutes.
screenshots: $(VENV)/.installed
	$(BIN)/python -m tests.screenshots

schemas: $(VENV)/.installed
	$(BIN)/python -m exchange_formats.schema_export exchange_formats/schemas

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis benchmarks/out
