# make lab          open the course in JupyterLab (the first run sets everything up)
# make test         every test; ARGS go to pytest: make test ARGS="tests/unit -k scenes"
# make repeat       the notebooks' tests 20 times, on one thread and two by turns
# make outputs      run the notebooks and store what they print
# make site         the course as a static, offline site in site/; slides too: make site ARGS=--slides
# make bench        measure the widgets against their peers
# make experiments  run what takes longer than a notebook may, and store its tables
# make assignment   copies for a class, without solutions: make assignment NOTEBOOKS="07 08"
# make grade        grade a folder of returned notebooks: make grade FOLDER=returned
# make lint         ruff, then mypy
# make pins         choose the newest versions for uv.lock
#
# The work is done by tools/setup_environment.py, which also runs without make:
#     py tools/setup_environment.py lab

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	if $$python -c "import sys; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1; \
	then echo $$python; break; fi; done)
ARGS ?=

TASKS := lab test repeat outputs site bench experiments assignment grade lint pins
.PHONY: $(TASKS)

$(TASKS):
ifeq ($(strip $(PYTHON)),)
	@echo "vizkit: Python 3.11 or newer was not found. Install it (Debian, Ubuntu: apt install python3 python3-venv; macOS, Windows: python.org), then run 'make $@' again." >&2; exit 1
else
	@$(PYTHON) tools/setup_environment.py $@ $(if $(filter assignment,$@),$(NOTEBOOKS)) $(if $(filter grade,$@),"$(FOLDER)") $(ARGS)
endif
