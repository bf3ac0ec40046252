#!/usr/bin/env bash
# Writes the requirements*.txt from pyproject.toml: exact versions for every supported Python and platform.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/python" -m pip --disable-pip-version-check install --quiet uv

compile() { # OUTPUT ARGUMENTS...
  local output=$1
  shift
  "$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 --no-annotate --system-certs \
    --custom-compile-command "make lock" --output-file "$output" "$@"
}

compile requirements.txt pyproject.toml --extra train --extra peers --extra media --extra demo --extra units --extra vad --extra zstd
compile requirements-dev.txt pyproject.toml --extra dev --constraint requirements.txt --no-emit-package asrkit-ctc
compile requirements-bench.txt --group bench --constraint requirements.txt
compile requirements-jax.txt pyproject.toml --extra jax --extra ray --group test
# A wheel of PyTorch brings the CUDA libraries that it wants, and one for CPUs none.
compile requirements-torch.txt pyproject.toml --extra torch --group test --constraint <(echo "torch==2.13.0")
sed -i -E '/^(cuda|nvidia|triton)/d' requirements-torch.txt
