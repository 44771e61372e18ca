#!/usr/bin/env bash
# The life of an installation in a clean Debian 12, as root and without network after the root is made:
#   tests/soak/clean_root.sh BUNDLE NEWER_BUNDLE MAKER.pub RESULT
# BUNDLE and NEWER_BUNDLE are signed, of two versions (scripts/build-bundle --sign). Needs mmdebstrap.
#
# install (twice: nothing changes), start as the unit does, an event over a real mosquitto, upgrade with
# `edge update` from a stick, roll back, uninstall: nothing is left but data. systemd does not run in a
# chroot: tests/soak/systemctl stands for it and does what the unit's lines say, as the user they name.
set -euo pipefail
bundle=$(realpath "$1") newer=$(realpath "$2") key=$(realpath "$3") result=$4
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cache=${EDGE_ROOT_TAR:-/var/tmp/edge-clean-root.tar}
[[ -f $cache ]] || mmdebstrap --variant=minbase --include=python3,mosquitto,mosquitto-clients bookworm "$cache"
root=$(mktemp -d)
mkdir "$root/r" && tar --extract --file "$cache" --directory "$root/r"
mkdir "$root/r/stick"
cp "$bundle" "$bundle.minisig" "$newer" "$newer.minisig" "$key" "$root/r/stick/"
cp "$repository/scripts/install.sh" "$root/r/stick/"
cp "$repository/tests/soak/clean_root_inside.sh" "$repository/tests/soak/systemctl" "$repository/tests/soak/systemctl.py" "$root/r/stick/"
trap 'rm -rf "$root"' EXIT
# Of its own: mounts, processes and network, so that nothing of this machine is touched.
unshare --mount --pid --fork --net --ipc --uts --kill-child bash -c '
    set -e
    ip link set lo up 2>/dev/null || true
    mount --make-rprivate /
    mount -t proc proc "$1/proc"
    mount -t tmpfs tmpfs "$1/run"
    mount -t tmpfs tmpfs "$1/dev"
    for node in null zero full random urandom; do touch "$1/dev/$node"; mount --bind "/dev/$node" "$1/dev/$node"; done
    mkdir "$1/dev/shm"; mount -t tmpfs tmpfs "$1/dev/shm"
    exec chroot "$1" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        bash /stick/clean_root_inside.sh "$2" "$3"
' _ "$root/r" "$(basename "$bundle")" "$(basename "$newer")" 2>&1 | tee "$root/said"
grep -v '^DEBUG' "$root/said" >"$result"
