#!/usr/bin/env bash
# Set up .venv and run both phases of paper A on synthetic faces with the mim
# commands that a user would type, which are printed. Takes about eight minutes
# on 2 cores after the installation. Results: work_dirs/quickstart/. SEED is
# that of the training; the data is always the same.
#   quickstart.sh [SEED]
set -euo pipefail
source "$(dirname "$0")/setup_env.sh"
setup_env requirements/optional.txt
unset PYTHONPATH  # run the installed package, not a checkout

seed=${1:-0}
out=work_dirs/quickstart
export FER_SSL_DEMO=data/synthetic

run() { echo "\$ $*"; "$@"; }

run mim run fer_ssl dataset:make_synthetic --out "$FER_SSL_DEMO"
run mim run fer_ssl ablation demo_table_1.yml --work-dir "$out" --seeds "$seed"
# The last row of the table is the one of the smoothed predictions.
temporal=$(tail -n 1 "$out/demo_table_1.csv" | cut -d, -f6)
run mim run fer_ssl analysis:plot_predictions \
    "$temporal/predictions.csv" "$temporal/smoothed.csv" --out-dir "$out"
echo
grep "^|" "$out/demo_table_1.md"
echo
echo "Table and plots: $out. Checkpoints, predictions and logs: $out/seed_$seed"
