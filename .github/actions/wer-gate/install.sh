#!/usr/bin/env bash
# Install asrkit from the checkout this file lies in; its wheel is built once and kept in the folder $WHEELS.
# `install.sh key` tells what the wheel depends on: the Python, and every source file.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)

if [ "${1:-}" = key ]; then
    version=$(python -c 'import sys; print("{}.{}".format(*sys.version_info))')
    sources=$(cd "$root" && find asrkit CMakeLists.txt pyproject.toml -type f ! -name '*.pyc' ! -name '*.so' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-32)
    echo "key=$version-$sources"
    exit
fi

mkdir -p "$WHEELS"
if ! compgen -G "$WHEELS/asrkit*.whl" > /dev/null; then
    python -m pip wheel --no-deps --wheel-dir "$WHEELS" "$root"
fi
python -m pip install "$WHEELS"/asrkit*.whl
