#!/usr/bin/env bash
# The life of an installation in a clean Debian 12 under its own systemd, as root and without network once
# the root is made:
#   tests/soak/clean_root.sh BUNDLE NEWER_BUNDLE MAKER.pub RESULT [PACKAGE NEWER_PACKAGE [JETSON_BUNDLE]]
# BUNDLE and NEWER_BUNDLE are signed, of two versions (scripts/build-bundle --sign); PACKAGE and NEWER_PACKAGE
# are made of them (scripts/build-deb); JETSON_BUNDLE is for this processor, too (build-bundle --jetson). The role
# of scripts/ansible is run where EDGE_ANSIBLE names the site-packages of Python 3.11 with ansible-core in them.
# Needs mmdebstrap, faketime and a mounted cgroup2. About 20 minutes on two idle cores.
#
# What is done there stands in clean_root_*.sh. systemd is process 1 of namespaces and a cgroup of its own, so that
# nothing of this machine is touched.
set -euo pipefail
bundle=$(realpath "$1") newer=$(realpath "$2") key=$(realpath "$3") result=$4
more=("${@:5}")
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cache=${EDGE_ROOT_TAR:-/var/tmp/edge-clean-root.tar}
[[ -f $cache ]] || mmdebstrap --variant=minbase \
    --include=python3,mosquitto,mosquitto-clients,systemd,systemd-sysv,dbus bookworm "$cache"
group=$(findmnt --types cgroup2 --noheadings --output TARGET | head -1)/edge-clean-root-$$
place=$(mktemp -d)
root=$place/r stick=$place/r/stick
outside='' box=''
power_off() {
    [[ -z $outside ]] || kill -KILL "$outside" 2>/dev/null || true # and what it started, with it
    for _ in $(seq 50); do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
        [[ -d $group ]] || break
        sleep 0.1
    done
}
trap 'power_off; rm -rf "$place"' EXIT
mkdir "$root" && tar --extract --file "$cache" --directory "$root"
mkdir "$stick"
cp "$bundle" "$bundle.minisig" "$newer" "$newer.minisig" "$key" "${more[@]}" "$stick/"
cp "$repository/scripts/install.sh" "$repository"/tests/soak/clean_root_*.sh "$stick/"
cp -r "$repository/scripts" "$stick/scripts"
[[ -z ${EDGE_ANSIBLE:-} ]] || cp -r "$EDGE_ANSIBLE" "$stick/ansible"
cp /usr/lib/*/faketime/libfaketime.so.1 "$stick/"

power_on() {
    mkdir "$group"
    # shellcheck disable=SC2016
    bash -c 'echo $$ >"$1/cgroup.procs"
        exec unshare --mount --pid --fork --net --ipc --uts --cgroup --kill-child=KILL bash -c "$2" _ "$3"' _ "$group" '
        set -e
        mount --make-rprivate /
        mount --bind "$1" "$1"
        ip link set lo up
        hostname clean
        mount -t proc proc "$1/proc"
        mount -t sysfs -o ro sysfs "$1/sys"
        mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
        for folder in run tmp dev; do mount -t tmpfs tmpfs "$1/$folder"; done
        chmod 1777 "$1/tmp"
        for node in null zero full random urandom tty; do touch "$1/dev/$node"; mount --bind "/dev/$node" "$1/dev/$node"; done
        mkdir "$1/dev/shm" "$1/dev/pts"
        mount -t tmpfs tmpfs "$1/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts"
        ln -s pts/ptmx "$1/dev/ptmx" # PrivateDevices= wants it
        # As systemd finds it on a machine: what it mounts for a service, credentials say, is seen by all.
        mount --make-rshared "$1"
        cd "$1"
        exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            chroot "$1" /lib/systemd/systemd --unit=multi-user.target --log-target=journal' "$root" >/dev/null 2>&1 &
    outside=$!
    for _ in $(seq 1000); do
        box=$(pgrep --parent "$outside" || true)
        if [[ -n $box ]] && inside systemctl is-system-running --quiet 2>/dev/null; then return; fi
        sleep 0.2
    done
    echo "systemd did not start in $root: $(inside systemctl --failed --no-legend 2>&1)"
    exit 1
}
inside() {
    nsenter --target "$box" --mount --pid --net --ipc --uts --cgroup --root --wd \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}
exec > >(tee "$result") 2>&1
echo "$(date --utc +%F), $(nproc) cores of $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), Linux $(uname -r), Debian $(cat "$root/etc/debian_version")"
power_on
inside bash /stick/clean_root_inside.sh "$(basename "$bundle")" "$(basename "$newer")"
# The power is cut in the middle of an update, and comes back.
power_off
power_on
inside bash /stick/clean_root_after_power_cut.sh
((${#more[@]} < 2)) || inside bash /stick/clean_root_package.sh "$(basename "${more[0]}")" "$(basename "${more[1]}")"
((${#more[@]} < 3)) || inside bash /stick/clean_root_jetson.sh "$(basename "${more[2]}")" "$(basename "$bundle")"
[[ -z ${EDGE_ANSIBLE:-} ]] || inside bash /stick/clean_root_ansible.sh "$(basename "$bundle")" "$(basename "$newer")"
echo "== all passed"
