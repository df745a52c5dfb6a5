#!/bin/sh
# Brings native TimescaleDB and Mosquitto for `make run-timescaledb`, as tests/provision.sh does for the tests.
set -u
CACHE=${HEARTHLINE_TEST_CACHE:-/var/cache/hearthline-test}
LOG=build/provision.log
mkdir -p build
: >"$LOG"
# shellcheck source=scripts/debian.sh
. scripts/debian.sh

bring_mosquitto || { say "no mosquitto here: apt-get install mosquitto (see $LOG)"; exit 1; }
bring_timescale || { say "no native TimescaleDB here: as root on Debian it is brought (see $LOG)"; exit 1; }
