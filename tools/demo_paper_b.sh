#!/usr/bin/env bash
# Set up .venv and run the whole of paper B on synthetic faces and videos:
# masked autoencoder, fine-tuning, features, temporal phase of the three tasks,
# and the ablation of its Table 5. Meant for fifteen minutes on 2 cores after
# the install; not measured yet. Results: work_dirs/demo_paper_b/. SEED is that
# of the training.
#   demo_paper_b.sh [SEED]
set -euo pipefail
source "$(dirname "$0")/setup_env.sh"
setup_env requirements/optional.txt
unset PYTHONPATH  # run what is installed

seed=${1:-0}
out=work_dirs/demo_paper_b
data=data/synthetic
[ "$seed" = 0 ] || out+=_seed$seed
export FER_SSL_DEMO=$data
mkdir -p "$out"
log=$out/demo.log
: > "$log"

# Prints a command and runs it; what it prints goes to the log.
run() {
    echo "\$ $*" | tee -a "$log"
    "$@" >> "$log" 2>&1 || { tail -n 30 "$log" >&2; exit 1; }
}
seeded=(randomness.seed="$seed")

run mim run fer_ssl dataset:make_synthetic --out "$data"

# Pretraining; then fine-tuning of what it gave, and of random weights.
run mim train fer_ssl demo_mae.py --work-dir "$out/mae" \
    --cfg-options "${seeded[@]}"
export FER_SSL_MAE=$out/mae/iter_1500.pth
run mim run fer_ssl analysis:plot_reconstructions demo_mae.py "$FER_SSL_MAE" \
    --out "$out/reconstructions.png"
run mim train fer_ssl demo_mae_finetune.py --work-dir "$out/finetuned" \
    --cfg-options "${seeded[@]}"
run mim train fer_ssl demo_mae_finetune.py --work-dir "$out/from_scratch" \
    --cfg-options "${seeded[@]}" model.backbone.init_cfg=None

# One temporal training for each task; its validation writes the predictions.
temporal() {  # ENCODER STUDENT NAME
    export FER_SSL_ENCODER=$1 FER_SSL_STUDENT=$out/$2/iter_1000.pth
    export FER_SSL_FEATURES=$out/features_$2
    run mim run fer_ssl extract_features demo_b_expr.py "$FER_SSL_STUDENT" \
        --out "$FER_SSL_FEATURES"
    local task
    for task in va expr au; do
        run mim train fer_ssl "demo_b_$task.py" --work-dir "$out/$3/$task" \
            --cfg-options "${seeded[@]}" \
            val_evaluator.out_file="$out/$3/$task.csv"
    done
}
temporal full from_scratch without_mae
temporal no_tcn finetuned without_tcn
temporal no_transformer finetuned without_transformer
temporal full finetuned full

# What a user would type to score a checkpoint.
export FER_SSL_ENCODER=full
for task in va expr au; do
    run mim test fer_ssl "demo_b_$task.py" --work-dir "$out/full/$task" \
        --checkpoint "$out/full/$task/iter_300.pth" \
        --cfg-options test_evaluator.out_file="$out/full/$task.csv"
done

row() { echo "$2=$out/$1/va.csv,$out/$1/expr.csv,$out/$1/au.csv"; }
run mim run fer_ssl analysis:ablation_table \
    --row "$(row without_mae 'without MAE')" \
    --row "$(row without_tcn 'without TCN')" \
    --row "$(row without_transformer 'without Transformer')" \
    --row "$(row full full)" \
    --out "$out/ablation.csv"
echo
grep '^|' "$log" | tail -n 6
echo
echo "Table, predictions and pictures: $out (log: $log)"
