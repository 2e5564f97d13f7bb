#!/usr/bin/env bash
# Set up .venv and run both phases of paper A on synthetic faces, by the mim
# commands that a user would type. About eight minutes on 2 cores after the
# install. Results: work_dirs/quickstart/. SEED is that of the training; the
# data are always the same.
#   quickstart.sh [SEED]
set -euo pipefail
source "$(dirname "$0")/setup_env.sh"
setup_env requirements/optional.txt
unset PYTHONPATH  # run what is installed

seed=${1:-0}
out=work_dirs/quickstart
data=data/synthetic
[ "$seed" = 0 ] || out+=_seed$seed
export FER_SSL_DEMO=$data
mkdir -p "$out"
log=$out/quickstart.log
: > "$log"
seeded=(randomness.seed="$seed")

run mim run fer_ssl dataset:make_synthetic --out "$data"

run mim train fer_ssl demo_baseline.py --work-dir "$out/baseline" \
    --cfg-options "${seeded[@]}"
run mim test fer_ssl demo_baseline.py \
    --checkpoint "$out/baseline/iter_1200.pth" --work-dir "$out/baseline" \
    --cfg-options test_evaluator.out_file="$out/baseline.csv"

export FER_SSL_BASELINE=$out/baseline/iter_1200.pth
run mim train fer_ssl demo_spatial.py --work-dir "$out/spatial" \
    --cfg-options "${seeded[@]}"
run mim test fer_ssl demo_spatial.py \
    --checkpoint "$out/spatial/iter_1800.pth" --work-dir "$out/spatial" \
    --cfg-options test_evaluator.0.out_file="$out/ssl.csv"

export FER_SSL_STUDENT=$out/spatial/iter_1800.pth
export FER_SSL_FEATURES=$out/features
run mim run fer_ssl extract_features demo_temporal.py "$FER_SSL_STUDENT" \
    --out "$FER_SSL_FEATURES"
run mim train fer_ssl demo_temporal.py --work-dir "$out/temporal" \
    --cfg-options "${seeded[@]}"
run mim test fer_ssl demo_temporal.py \
    --checkpoint "$out/temporal/iter_400.pth" --work-dir "$out/temporal" \
    --cfg-options test_evaluator.0.out_file="$out/temporal.csv" \
    test_evaluator.1.out_file="$out/smoothed.csv"

run mim run fer_ssl analysis:plot_predictions \
    "$out/temporal.csv" "$out/smoothed.csv" --out-dir "$out"
run mim run fer_ssl analysis:ablation_table \
    --row "baseline=$out/baseline.csv" \
    --row "SSL=$out/ssl.csv" \
    --row "SSL + temporal=$out/temporal.csv" \
    --row "SSL + temporal + post-process=$out/smoothed.csv" \
    --out "$out/ablation.csv"
echo
grep '^|' "$log" | tail -n 6
echo
echo "Table, predictions and pictures: $out (log: $log)"
