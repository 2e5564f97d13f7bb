#!/usr/bin/env bash
# Test with one process per GPU:
#   dist_test.sh CONFIG CHECKPOINT GPUS [test.py options]
# Without a GPU, the processes share the CPU and communicate through gloo.
set -euo pipefail
[ $# -ge 3 ] || {
    echo "usage: $0 CONFIG CHECKPOINT GPUS [test.py options]" >&2; exit 2; }

CONFIG=$1
CHECKPOINT=$2
GPUS=$3
NNODES=${NNODES:-1}
NODE_RANK=${NODE_RANK:-0}
PORT=${PORT:-29500}
MASTER_ADDR=${MASTER_ADDR:-127.0.0.1}
TOOLS=$(cd "$(dirname "$0")" && pwd)

# In a checkout, use its package, installed or not.
PYTHONPATH="$TOOLS/../projects${PYTHONPATH:+:$PYTHONPATH}" \
exec python -m torch.distributed.run \
    --nnodes="$NNODES" \
    --node_rank="$NODE_RANK" \
    --master_addr="$MASTER_ADDR" \
    --master_port="$PORT" \
    --nproc_per_node="$GPUS" \
    "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
