#!/bin/sh
# Installs the appliance on Debian, Ubuntu or JetPack; run it again for a new release, or to mend.
#
#   install.sh --offline BUNDLE   from a bundle of scripts/build-bundle: no internet is used
#   install.sh                    from this source tree, wheels from the package index
#   install.sh --uninstall        everything away but the data: /etc/edge, /var/lib/edge and their user
#     --purge                     with --uninstall: the data, too
#     --dry-run                   say what would be done, and do nothing
#     --no-start                  install, and leave the service as it is
#
# Exit codes: 0 fine, 1 it failed, 2 the input is wrong, 3 something needed is missing (its command is named).
set -eu
umask 022 # the service's user reads what root's own umask may hide
root=/opt/edge etc=/etc/edge state=/var/lib/edge units=/etc/systemd/system
unit_files='edge.service edge-engines.service edge-recover.service edge-selfcheck.service edge-update.service edge-update.timer'
secret_units='edge.service edge-engines.service edge-selfcheck.service' # those that read the configuration
here=$(cd "$(dirname "$0")" && pwd -P)
python=${PYTHON:-/usr/bin/python3} # as make-release
bundle='' action=install dry='' start=yes purge='' keep=''

say() { echo "$*" >&2; }
die() {
    code=$1
    shift
    say "install.sh: $*"
    exit "$code"
}
run() {
    if [ -n "$dry" ]; then say "would: $*"; else "$@"; fi
}
link() { # TARGET LINK: turned in one step; nothing where it is so already
    [ "$(readlink "$2" 2>/dev/null || true)" = "$1" ] && return
    run ln -sfn "$1" "$2.new"
    run mv -T "$2.new" "$2"
}
systemd_runs() { [ -d /run/systemd/system ]; }

while [ $# -gt 0 ]; do
    case $1 in
    --offline)
        [ $# -ge 2 ] || die 2 "--offline needs a BUNDLE"
        bundle=$2
        shift
        ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --keep-package) keep=yes ;; # dpkg removes its own files
    --dry-run) dry=yes ;;
    --no-start) start='' ;;
    -h | --help)
        sed -n '2,11s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) die 2 "unknown option $1; see --help" ;;
    esac
    shift
done
[ -n "$dry" ] || [ "$(id -u)" = 0 ] || die 1 "needs root: sudo $0"
# A folder that only root may write shows what a full check would: / may be mounted read-only.
[ -n "$dry" ] || { mkdir -p "$root" && touch "$root/.writable" && rm "$root/.writable"; } 2>/dev/null ||
    die 1 "$root cannot be written; nothing was done. df -h /opt says whether the disk is full, findmnt -T /opt whether it is read-only (mount -o remount,rw /)"

uninstall() {
    if systemd_runs; then
        run systemctl disable --now edge.service edge-engines.service edge-update.timer 2>/dev/null || true
        run systemctl stop edge-recover.service edge-update.service edge-selfcheck.service 2>/dev/null || true
    fi
    for unit in $unit_files; do
        run rm -f "$units/$unit" "$units/multi-user.target.wants/$unit" "$units/timers.target.wants/$unit"
    done
    for unit in $secret_units; do # an engineer's own drop-ins stay
        run rm -f "$units/$unit.d/back-off.conf" "$units/$unit.d/credentials.conf"
        [ ! -d "$units/$unit.d" ] || run rmdir "$units/$unit.d" 2>/dev/null || true
    done
    if [ -n "$keep" ]; then
        run find "$root" -mindepth 1 -maxdepth 1 ! -name package -exec rm -rf {} +
        run rm -rf /var/lib/edge-updates "$etc/example"
    else
        run rm -rf "$root" /var/lib/edge-updates "$etc/example"
    fi
    [ "$(readlink /usr/local/bin/edge 2>/dev/null || true)" != "$root/current/bin/edge" ] || run rm -f /usr/local/bin/edge
    if systemd_runs; then run systemctl daemon-reload; fi
    if [ -n "$purge" ]; then
        run rm -rf "$etc" "$state"
        if id edge >/dev/null 2>&1; then run userdel edge; fi
        say "removed, with all data"
    else
        [ ! -d "$etc" ] || rmdir "$etc" 2>/dev/null || true
        say "removed; $etc, $state and the user that owns them are left (--purge removes them too)"
    fi
}

unpack() { # sets $work: where the bundle's files are
    work=$here
    [ ! -f "$here/release.json" ] || return 0
    mkdir -p "$root/incoming"
    work=$(mktemp -d "$root/incoming/install.XXXXXX")
    tar --extract --file "$bundle" --directory "$work" --no-same-owner --warning=no-timestamp ||
        die 2 "$bundle cannot be unpacked (above): cut off, or the disk is full; compare its size and copy it again"
}
clean_up() { # also where it failed: no half of a release, and no folders where there were none
    [ -z "$work" ] || [ "$work" = "$here" ] || rm -rf "$work"
    rmdir "$root/incoming" "$root/releases" "$root" 2>/dev/null || true
}

release_version() { "$python" -c 'import json,sys; print(json.load(sys.stdin)["version"])'; }

needs() { # FIRST a list of all that is missing, each with its command
    missing=''
    for program in "$python:python3" useradd:passwd tar:tar; do
        command -v "${program%%:*}" >/dev/null || missing="$missing ${program##*:}"
    done
    [ -z "$missing" ] || die 3 "missing:$missing; apt-get install$missing"
    "$python" -c 'import ctypes; ctypes.CDLL("libstdc++.so.6")' 2>/dev/null || die 3 "missing: libstdc++6; apt-get install libstdc++6"
    "$python" -c 'import venv' 2>/dev/null || die 3 "missing: python3-venv; apt-get install python3-venv"
    if [ -e "${TEGRA_RELEASE:-/etc/nv_tegra_release}" ]; then
        # On a Jetson what makes it fast comes from JetPack; without, the box watches on its processor.
        "$python" -c 'import tensorrt' 2>/dev/null || say "no TensorRT, engines will be slow: apt-get install nvidia-jetpack"
        "$python" -c 'import pycuda' 2>/dev/null || say "no pycuda, TensorRT cannot be used: apt-get install python3-pip nvidia-jetpack && pip3 install pycuda"
        "$python" -c 'import gi; gi.require_version("GstApp", "1.0")' 2>/dev/null ||
            say "no GStreamer for Python, pictures are decoded on the processor: apt-get install python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad nvidia-l4t-gstreamer"
    fi
}

install_units() {
    run mkdir -p "$units/edge.service.d"
    for unit in $unit_files; do
        link "$root/current/systemd/$unit" "$units/$unit"
    done
    systemd=$(systemctl --version 2>/dev/null | sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p')
    if [ "${systemd:-0}" -ge 254 ]; then
        link "$root/current/systemd/edge.service.d/back-off.conf" "$units/edge.service.d/back-off.conf"
    fi
    # One line for each secret; systemd hands them to these services alone.
    [ -z "$dry" ] || return 0
    for unit in $secret_units; do
        rm -f "$units/$unit.d/credentials.conf" # of a secret that is gone the service would not start
        [ -n "$(ls -A "$etc/credentials" 2>/dev/null)" ] || continue
        mkdir -p "$units/$unit.d"
        {
            echo '# Made by scripts/install.sh from /etc/edge/credentials; run it again after a change.'
            echo '[Service]'
            for file in "$etc"/credentials/*; do echo "LoadCredential=$(basename "$file"):$file"; done
        } >"$units/$unit.d/credentials.conf"
    done
}

install() {
    work=''
    [ -n "$dry" ] || trap clean_up EXIT
    needs
    if [ -z "$bundle" ] && [ ! -f "$here/release.json" ]; then
        [ -x "$here/build-bundle" ] || die 2 "no source tree here; name a bundle: --offline BUNDLE"
        run "$here/build-bundle" --out /var/tmp/edge-bundle
        bundle=$(echo /var/tmp/edge-bundle/edge-*-"$(uname -m)"-py*.tar)
    fi
    [ -n "$dry" ] || [ -f "$here/release.json" ] || [ -r "$bundle" ] || die 2 "$bundle: no such file"
    if [ -f "$bundle" ] && [ -z "$dry" ]; then
        # Wheels, what they become, and room to live.
        need=$(($(stat --format=%s "$bundle") / 1024 * 5 + 65536))
        free=$(df --output=avail -k "$root" | tail -1)
        [ "$free" -ge "$need" ] || die 1 "$root: $((need / 1024)) MiB are needed, $((free / 1024)) MiB are free; nothing was done"
    fi
    if [ -n "$dry" ]; then
        say "would: unpack ${bundle:-$here} and make a release of it in $root/releases"
        version=$(if [ -f "$bundle" ]; then tar --extract --to-stdout --file "$bundle" release.json | release_version; else echo VERSION; fi)
    else
        unpack
        [ -x "$work/make-release" ] || die 2 "$bundle is no bundle of scripts/build-bundle"
        "$work/make-release" "$work" "$root"
        version=$(release_version <"$work/release.json")
    fi
    if ! id edge >/dev/null 2>&1; then
        run useradd --system --user-group --home-dir "$state" --no-create-home --shell /usr/sbin/nologin edge
    fi
    for group in video render; do # what owns a GPU's devices; the unit names both
        getent group "$group" >/dev/null || run groupadd --system "$group"
    done
    [ -d "$etc" ] || run mkdir -m 750 "$etc"
    run chown root:edge "$etc"
    [ -d "$state" ] || run mkdir -p -m 700 "$state"
    [ -d /var/lib/edge-updates ] || run mkdir -p -m 700 /var/lib/edge-updates # the inbox
    run chown edge:edge "$state"
    if [ -n "$work" ]; then
        rm -rf "$etc/example"
        cp -r "$work/example" "$etc/example"
        chgrp -R edge "$etc/example"
        cp "$work/guard" "$root/guard.new"
        mv "$root/guard.new" "$root/guard"
    fi
    old=$(readlink "$root/current" 2>/dev/null || true)
    if [ -n "$old" ] && [ "$old" != "releases/$version" ]; then link "$old" "$root/previous"; fi
    run rm -f "$root/trial" # what is installed by hand is not on trial
    link "releases/$version" "$root/current"
    link "$root/current/bin/edge" /usr/local/bin/edge
    install_units
    if systemd_runs; then
        run systemctl daemon-reload
        run systemctl enable --quiet edge.service edge-engines.service edge-update.timer
        if [ -n "$start" ] && [ -e "$etc/appliance.yaml" ]; then
            run systemctl restart edge-update.timer
            run systemctl restart edge.service
        fi
    fi
    # One before stays, to go back to.
    for release in "$root"/releases/*; do
        case releases/${release##*/} in
        "releases/$version" | "$(readlink "$root/previous" 2>/dev/null || true)" | 'releases/*') ;;
        *) run rm -rf "$release" ;;
        esac
    done
    say "edge $version is installed$([ -n "$dry" ] && echo ' (dry run: nothing was done)' || true)"
    [ -e "$etc/appliance.yaml" ] ||
        say "next: write $etc/appliance.yaml and $etc/cameras/*.yaml ($etc/example shows how), then: edge check --config $etc && systemctl start edge"
}

$action
