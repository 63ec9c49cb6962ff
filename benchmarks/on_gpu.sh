#!/usr/bin/env bash
# All that is measured on a GPU, in one command: bash benchmarks/on_gpu.sh FOLDER [--quick]
# The five notebooks as tests, with their times; throughput, with XLA on and off and in mixed precision; time to
# quality; and how busy the GPU was during each. The notebooks refuse to run without a GPU (docs/on_a_gpu.md).
set -euo pipefail
[ $# -ge 1 ] || { echo "name a folder for what is measured: bash benchmarks/on_gpu.sh FOLDER [--quick]" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."

failed=() # what follows runs all the same
measured() { # NAME COMMAND...: what it prints, its seconds, and the GPU's mean utilization
    local name=$1 begin=$SECONDS watcher=
    shift
    if command -v nvidia-smi > /dev/null; then
        nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits -lms 200 > "$folder/$name.busy" &
        watcher=$!
    fi
    "$@" 2> "$folder/$name.log" | tee "$folder/$name.txt" || failed+=("$name")
    echo "$name: $((SECONDS - begin)) s"
    if [ -n "$watcher" ]; then
        kill "$watcher"
        awk '{ sum += $1 } END { if (NR) printf "the GPU was busy %.0f %% of the time\n", sum / NR }' "$folder/$name.busy"
    else
        echo "no GPU was found"
    fi
}

for notebook in notebooks/0*.ipynb; do
    measured "$(basename "$notebook" .ipynb)" python -m pytest --gpu -q "$notebook"
done
measured throughput python benchmarks/throughput.py --variants "no XLA" XLA mixed_bfloat16 mixed_float16 "$@"
measured time_to_quality python benchmarks/time_to_quality.py "$@"

[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}; see their .txt and .log in $folder" >&2; exit 1; }
