#!/usr/bin/env bash
# Set up .venv and run the whole of paper B on synthetic faces and videos:
# masked autoencoder, fine-tuning, features, temporal phase of the three tasks,
# and the ablation of its Table 5. 14 minutes on 2 cores after the install.
# Results: work_dirs/demo_paper_b/. SEED is that of the training.
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
rm -f "$out"/*.log
seeded=(randomness.seed="$seed")

# The networks are small: two commands side by side are faster than one on two
# cores. If one fails, so does the script, once the one beside it is through.
export OMP_NUM_THREADS=1
trap wait EXIT

encoder() (  # NAME [OPTION]: fine-tuned on expressions; features of all frames
    log=$out/$1.log
    run mim train fer_ssl demo_mae_finetune.py --work-dir "$out/$1" \
        --cfg-options "${seeded[@]}" "${@:2}"
    run mim run fer_ssl extract_features demo_b_expr.py \
        "$out/$1/iter_450.pth" --out "$out/features_$1"
)

temporal() (  # NAME TASK ENCODER STUDENT: a training; validation predicts
    log=$out/$1_$2.log
    export FER_SSL_ENCODER=$3 FER_SSL_STUDENT=$out/$4/iter_450.pth
    export FER_SSL_FEATURES=$out/features_$4
    run mim train fer_ssl "demo_b_$2.py" --work-dir "$out/$1/$2" \
        --cfg-options "${seeded[@]}" val_evaluator.out_file="$out/$1/$2.csv"
)

run mim run fer_ssl dataset:make_synthetic --out "$data"

# Pretraining, and beside it what has none.
(
    encoder from_scratch model.backbone.init_cfg=None
    for task in va expr au; do
        temporal without_mae $task full from_scratch
    done
) &
run mim train fer_ssl demo_mae.py --work-dir "$out/mae" \
    --cfg-options "${seeded[@]}"
export FER_SSL_MAE=$out/mae/iter_3500.pth
run mim run fer_ssl analysis:plot_reconstructions demo_mae.py "$FER_SSL_MAE" \
    --out "$out/reconstructions.png"
encoder finetuned
wait $!

for task in va expr au; do
    temporal without_tcn $task no_tcn finetuned &
    temporal without_transformer $task no_transformer finetuned
    wait $!
done
temporal full va full finetuned &
temporal full expr full finetuned
wait $!
temporal full au full finetuned

# What a user would type to score a checkpoint.
export FER_SSL_STUDENT=$out/finetuned/iter_450.pth
export FER_SSL_FEATURES=$out/features_finetuned
for task in va expr au; do
    run mim test fer_ssl "demo_b_$task.py" --work-dir "$out/full/$task" \
        --checkpoint "$out/full/$task/iter_200.pth" \
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
echo "Table, predictions and pictures: $out (logs: $out/*.log)"
