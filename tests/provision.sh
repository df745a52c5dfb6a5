#!/bin/sh
# Brings what the tests use beside Python: Chromium, a Chinese font, mosquitto and its clients, native TimescaleDB.
# As root on Debian it installs them; elsewhere it uses what is there. What is missing is listed, and the tests that
# need it are skipped with that reason.
set -u

CACHE=${HEARTHLINE_TEST_CACHE:-/var/cache/hearthline-test}
TIMESCALE=$CACHE/timescaledb
LOG=build/provision.log
mkdir -p build
: >"$LOG"
export DEBIAN_FRONTEND=noninteractive

say() { echo "[provision] $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
is_root_on_debian() { [ "$(id -u)" = 0 ] && have apt-get; }

have_chromium() { have chromium || have chromium-browser; }
have_font() { ls /usr/share/fonts/opentype/noto/NotoSansCJK* >/dev/null 2>&1 || fc-list 2>/dev/null | grep -qi 'cjk\|han'; }
have_mosquitto() { have mosquitto || [ -x /usr/sbin/mosquitto ]; }

wanted=""
have_chromium || wanted="$wanted chromium"
have_font || wanted="$wanted fonts-noto-cjk"
have_mosquitto || wanted="$wanted mosquitto"
have mosquitto_pub || wanted="$wanted mosquitto-clients"

updated=no
apt_install() {
    if [ $updated = no ]; then
        apt-get update >>"$LOG" 2>&1 || say "apt-get update failed, see $LOG"
        updated=yes
    fi
    apt-get install -y --no-install-recommends "$@" >>"$LOG" 2>&1
}

# A service that the package starts would hold port 1883: it is told not to.
without_services() {
    policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then "$@"; return $?; fi
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
    "$@"
    code=$?
    rm -f $policy
    return $code
}

if [ -n "$wanted" ] && is_root_on_debian; then
    say "installing$wanted ..."
    # shellcheck disable=SC2086
    without_services apt_install $wanted || say "apt-get could not install all of:$wanted (see $LOG)"
fi

# Debian 13 and later have TimescaleDB as a package; Debian 12 unpacks that package and what it needs beside itself.
timescale_by_package() {
    apt-cache show postgresql-17-timescaledb >/dev/null 2>&1 &&
        without_services apt_install postgresql-17 postgresql-17-timescaledb &&
        mkdir -p "$CACHE" && ln -sfn / "$TIMESCALE"
}

mirror() {
    sed -n 's/^deb  *\(\[[^]]*\] *\)\{0,1\}\(http[^ ]*\).*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null
    sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/*.sources 2>/dev/null
}

timescale_by_unpacking() {
    have mmdebstrap || apt_install mmdebstrap || return 1
    from=$(mirror | grep -v security | head -n 1)
    [ -n "$from" ] || return 1
    part=$TIMESCALE.part
    rm -rf "$part"
    mkdir -p "$part"
    mmdebstrap --variant=extract --include=postgresql-17-timescaledb,base-files,dash trixie "$part" "$from" \
        >>"$LOG" 2>&1 || return 1
    mkdir -p "$part/dev/shm" "$part/tmp" && chmod 1777 "$part/dev/shm" "$part/tmp"
    for node in null:3 zero:5 urandom:9; do
        [ -e "$part/dev/${node%:*}" ] || mknod -m 666 "$part/dev/${node%:*}" c 1 "${node#*:}" || return 1
    done
    grep -q '^postgres:' "$part/etc/passwd" 2>/dev/null ||
        echo 'postgres:x:70:70::/tmp:/bin/sh' >>"$part/etc/passwd"
    grep -q '^postgres:' "$part/etc/group" 2>/dev/null || echo 'postgres:x:70:' >>"$part/etc/group"
    rm -rf "$TIMESCALE"
    mv "$part" "$TIMESCALE"
}

if [ ! -e "$TIMESCALE/usr/lib/postgresql/17/bin/postgres" ] && is_root_on_debian; then
    say "unpacking native TimescaleDB (for tests) ..."
    timescale_by_package || timescale_by_unpacking || say "no native TimescaleDB (see $LOG)"
fi

missing=""
have_chromium || missing="$missing chromium"
have_font || missing="$missing fonts-noto-cjk"
have_mosquitto || missing="$missing mosquitto"
have mosquitto_pub || missing="$missing mosquitto-clients"
[ -e "$TIMESCALE/usr/lib/postgresql/17/bin/postgres" ] || missing="$missing timescaledb"
if [ -n "$missing" ]; then
    say "not here:$missing. The tests that need them are skipped, and listed with their reasons at the end."
fi
exit 0
