#!/usr/bin/env bash
# Try the local engine on a machine with an NVIDIA GPU: build llama.cpp with CUDA, look, test, measure.
#
#     bash benchmarks/gpu.sh [folder]        # what comes out goes there; default: gpu-figures
#
# It needs CUDA's compiler and a package index, or a folder of distributions: set PIP_NO_INDEX=1 and
# PIP_FIND_LINKS=folder, as pip has it. What can be told in the environment:
#
#     PYTHON         the Python to make an environment with (default: python3)
#     MODEL          a .gguf file to measure with (default: the small model of the demo extra)
#     BACKEND        CUDA, or another that llama.cpp is built with, or CPU to try the script without a GPU
#     ARCHITECTURES  as CMake has them, e.g. 90 (default: native, those of the GPUs here)
#     CONTESTANTS    who is measured (default: "asyncllm Llama"; the server from the index knows no GPU)
#     QUICK          set: one round of a few calls, to see that all steps work
#     ENVIRONMENT    a virtual environment to use (default: venv in the folder)
#     STEPS          some of "build look test measure" (default: all)
# shellcheck disable=SC2329  # the functions are called by step
set -euo pipefail
cd "$(dirname "$0")/.."

figures=$(realpath -m "${1:-gpu-figures}")
environment=${ENVIRONMENT:-$figures/venv}
backend=${BACKEND:-CUDA}
model=${MODEL:-smollm2-135m-instruct}
steps=" ${STEPS:-build look test measure} "
python=$environment/bin/python
export OMP_WAIT_POLICY=passive
mkdir -p "$figures"

device=()
layers=0
if [ "$backend" != CPU ]; then
  device=(--device gpu)
  layers=-1
fi
read -ra contestants <<< "${CONTESTANTS:-asyncllm Llama}"

step() {  # Run a command if its step is wanted; what it says goes to the screen and to a file.
  local name=$1 file=$2
  shift 2
  case $steps in *" $name "*) ;; *) return 0 ;; esac
  echo "== $name: $*"
  "$@" 2>&1 | tee "$figures/$file"
}

build() {
  "${PYTHON:-python3}" -m venv "$environment"
  # The vision library triples the time that llama.cpp takes to compile.
  local flags="-DLLAVA_BUILD=OFF"
  if [ "$backend" != CPU ]; then
    flags+=" -DGGML_$backend=on"
  fi
  if [ "$backend" = CUDA ]; then
    flags+=" -DCMAKE_CUDA_ARCHITECTURES=${ARCHITECTURES:-native}"
  fi
  # Not from a cache: what is there may have been built without the GPU.
  CMAKE_ARGS="$flags" CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) \
    "$python" -m pip install --no-cache-dir --no-binary llama-cpp-python \
    -e '.[all]' pytest pytest-timeout hypothesis trio
}

test_engine() {
  "$python" -m pytest -q -p no:cacheprovider -m "slow or not slow" \
    tests/llamacpp tests/conformance/test_llamacpp.py tests/cli/test_cli_doctor.py
}

measure() {
  local quick=()
  if [ -n "${QUICK:-}" ]; then
    quick=(--rounds 1 --concurrency 1 2 --workload short --max-tokens 8)
  fi
  "$python" benchmarks/local.py --model "$model" --gpu-layers "$layers" \
    --contestants "${contestants[@]}" --output "$figures/local.json" "${quick[@]}"
}

look() {
  if command -v nvidia-smi > /dev/null; then
    nvidia-smi
  fi
  "$python" -m asyncllm doctor "llamacpp:$model" "${device[@]}" "$@"
}

look_as_json() {  # What pip or a driver says beside it is no JSON.
  "$python" -m asyncllm doctor "llamacpp:$model" "${device[@]}" --json > "$figures/doctor.json"
}

step build build.txt build
# A GPU that is lacking ends it here: figures of the CPU would be taken for the GPU's.
if [ "$backend" = CPU ]; then step look doctor.txt look; else step look doctor.txt look --strict; fi
step look doctor-errors.txt look_as_json
# What fails is told at the end; the figures are wanted all the same.
outcome=0
step test tests.txt test_engine || outcome=$?
step measure measure.txt measure || outcome=$?
echo "the figures: $figures"
exit "$outcome"
