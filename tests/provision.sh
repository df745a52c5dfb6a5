#!/bin/sh
# Brings what the tests use beside Python: Chromium, a Chinese font, mosquitto and its clients, native TimescaleDB,
# TimescaleDB under the Timescale licence as WebAssembly, and the clients of tests/clients. As root on Debian it
# installs them; elsewhere it uses what is there. What is missing is listed, and the tests that need it are skipped with that reason.
set -u

CACHE=${HEARTHLINE_TEST_CACHE:-/var/cache/hearthline-test}
LOG=build/provision.log
mkdir -p build
: >"$LOG"
# shellcheck source=scripts/debian.sh
. scripts/debian.sh

have_chromium() { have chromium || have chromium-browser; }
have_font() { ls /usr/share/fonts/opentype/noto/NotoSansCJK* >/dev/null 2>&1 || fc-list 2>/dev/null | grep -qi 'cjk\|han'; }

wanted=""
have_chromium || wanted="$wanted chromium"
have_font || wanted="$wanted fonts-noto-cjk"
have_mosquitto || wanted="$wanted mosquitto"
have mosquitto_pub || wanted="$wanted mosquitto-clients"
have node || wanted="$wanted nodejs"
have npm || have_pglite || wanted="$wanted npm"

if [ -n "$wanted" ] && is_root_on_debian; then
    say "installing$wanted ..."
    # shellcheck disable=SC2086
    without_services apt_install $wanted || say "apt-get could not install all of:$wanted (see $LOG)"
fi

have_timescale || ! is_root_on_debian || bring_timescale || say "no native TimescaleDB (see $LOG)"
bring_pglite || say "no TimescaleDB as WebAssembly (see $LOG)"

PYTHON=.venv/bin/python sh tests/clients/install.sh >>"$LOG" 2>&1 || say "no clients of other ecosystems (see $LOG)"

missing=""
have_chromium || missing="$missing chromium"
have_font || missing="$missing fonts-noto-cjk"
have_mosquitto || missing="$missing mosquitto"
have mosquitto_pub || missing="$missing mosquitto-clients"
have_timescale || missing="$missing timescaledb"
have node || missing="$missing nodejs"
have_pglite || missing="$missing pglite"
for client in sparkplug discovery; do [ -f "build/clients/$client/installed" ] || missing="$missing $client-client"; done
if [ -n "$missing" ]; then
    say "not here:$missing. The tests that need them are skipped, and listed with their reasons at the end."
fi
exit 0
