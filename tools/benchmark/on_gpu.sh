#!/usr/bin/env bash
# Measure the GPU rows of docs/benchmarks.md in about ten minutes. BASELINE is
# a clone of Face2Exp, or - for none. Data and initial weights are synthetic.
# Further arguments are --cfg-options of the trainings.
#   on_gpu.sh OUT [BASELINE|-] [KEY=VALUE ...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
configs=$here/../../configs
out=${1:?usage: on_gpu.sh OUT [BASELINE|-] [KEY=VALUE ...]}
baseline=${2:--}
options=("${@:3}")
mkdir -p "$out"
exec > >(tee "$out/log.txt") 2>&1

timed() { echo "\$ $*"; time "$@"; }

python -m mmengine.utils.dl_utils.collect_env 2>/dev/null || true
nvidia-smi || echo 'no NVIDIA GPU: measuring CPU time.'
baselines=()
[ "$baseline" = - ] || baselines=(--baseline "$baseline")
for config in spatial_r50_fast spatial_r50; do
    timed python "$here/step.py" --config "$configs/$config.py" \
        --rounds 5 --steps 20 --out "$out/$config.csv" "${baselines[@]}" \
        ${options[0]:+--cfg-options "${options[@]}"}
done

python - "$out/data" <<'PYTHON'
import sys
from pathlib import Path

from fer_ssl.benchmarks.loader import make_images
from fer_ssl.labels import ABAW_EXPRESSIONS as classes

folder = Path(sys.argv[1])
make_images(str(folder), 4096, 112)
(folder / 'split').mkdir(exist_ok=True)
names = [classes[i % len(classes)] for i in range(4096)]
for file, row in (
    ('labels', '{0},{1},{1},train'),
    ('unlabeled', '{0},,{1},train'),
):
    rows = [row.format(f'{i:06d}.jpg', x) for i, x in enumerate(names)]
    text = '\n'.join(['image,expression,truth,split', *rows, ''])
    (folder / f'split/{file}.csv').write_text(text)
PYTHON
FER_SSL_DATA=$out/data timed python "$here/step.py" --data-time 600 \
    --config "$configs/spatial_r50_no_ms1mv2.py" --cfg-options \
    model.network.backbone.init_cfg=None model.channels_last=True \
    optim_wrapper.teacher.type=Bfloat16OptimWrapper \
    optim_wrapper.student.type=Bfloat16OptimWrapper \
    compile=True val_dataloader=None val_cfg=None val_evaluator=None "${options[@]}"
timed python "$here/features.py" --only extraction training --rounds 3
# CUDA graphs come last, because they fail with networks that keep outputs of
# an earlier call.
timed python "$here/step.py" --config "$configs/spatial_r50_fast.py" \
    --rounds 5 --steps 20 --out "$out/cuda_graphs.csv" \
    --cfg-options compile.mode=reduce-overhead "${options[@]}"
