#!/bin/sh
# Installs the clients of other ecosystems that the tests talk to, each in an environment of its own under build/clients:
# they want other versions of paho-mqtt than we do. What cannot be installed is said, and its tests are skipped.
set -u
here=$(cd "$(dirname "$0")" && pwd)
target=$here/../../build/clients
python=${PYTHON:-python3}
mkdir -p "$target"
target=$(cd "$target" && pwd)

for name in sparkplug discovery; do
    wanted=$here/$name.txt
    cmp -s "$wanted" "$target/$name/installed" && continue
    if "$python" -m venv --clear "$target/$name" &&
        "$target/$name/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$wanted"; then
        cp "$wanted" "$target/$name/installed"
    else
        echo "[clients] $name could not be installed: its tests are skipped" >&2
    fi
done
exit 0
