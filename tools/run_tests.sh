#!/usr/bin/env bash
# Lint, build the documentation and test in .venv, which is made at the first
# call:
#   run_tests.sh [pytest options]
set -euo pipefail
source "$(dirname "$0")/setup_env.sh"
setup_env requirements/tests.txt requirements/optional.txt \
    requirements/docs.txt
unset PYTHONPATH  # test what is installed, not a checkout

ruff check .
ruff format --check .
python -m sphinx -W --keep-going -q docs site
# Each file in one process, since many share a fixture; in their order.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
python -m pytest -n logical --maxprocesses 8 --dist loadfile \
    --no-loadscope-reorder "$@"
