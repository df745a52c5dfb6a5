#!/bin/sh
# Installs the peers of `make bench-peers` under build/peers, in exactly these versions. What cannot be installed is said,
# and left out of the bench with that reason.
set -u
here=$(cd "$(dirname "$0")" && pwd)
target=$here/../../../build/peers
python=${PYTHON:-python3}
mkdir -p "$target/node" "$target/wasm"
target=$(cd "$target" && pwd)
say() { echo "[peers] $*" >&2; }

same() { cmp -s "$1" "$2"; }

if ! same "$here/requirements.txt" "$target/venv/installed"; then
    "$python" -m venv --clear "$target/venv" &&
        "$target/venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$here/requirements.txt" &&
        cp "$here/requirements.txt" "$target/venv/installed" || say "mq-bridge could not be installed"
fi
if ! command -v npm >/dev/null 2>&1; then
    say "npm is not here: no Node-RED, no TimescaleDB in WASM"
    exit 0
fi
if ! same "$here/package.json" "$target/node/installed"; then
    cp "$here/package.json" "$target/node/package.json"
    (cd "$target/node" && npm install --silent --no-audit --no-fund --no-package-lock --omit=dev --ignore-scripts) &&
        cp "$here/package.json" "$target/node/installed" || say "Node-RED could not be installed"
fi
if ! same "$here/wasm-package.json" "$target/wasm/installed"; then
    cp "$here/wasm-package.json" "$target/wasm/package.json"
    (cd "$target/wasm" && npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts) &&
        cp "$here/wasm-package.json" "$target/wasm/installed" || say "TimescaleDB in WASM could not be installed"
fi
exit 0
