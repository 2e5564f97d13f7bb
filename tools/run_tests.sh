#!/usr/bin/env bash
# Lint, build the documentation and run the tests in .venv, which is made by
# the first call:
#   run_tests.sh [pytest options]
set -euo pipefail
source "$(dirname "$0")/setup_env.sh"
setup_env requirements/tests.txt requirements/optional.txt \
    requirements/mmaction.txt requirements/onnx.txt requirements/web.txt \
    requirements/docs.txt
unset PYTHONPATH  # test the installed package, not a checkout

ruff check .
ruff format --check .
python -m sphinx -W --keep-going -q docs site
# The tests of a file run in one process, as many share a fixture, and in order.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
python -m pytest -n logical --maxprocesses 8 --dist loadfile \
    --no-loadscope-reorder "$@"
