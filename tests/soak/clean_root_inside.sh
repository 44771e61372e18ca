#!/usr/bin/env bash
# Run by clean_root.sh inside the root: BUNDLE NEWER_BUNDLE, both in /stick.
set -euo pipefail
bundle=/stick/$1 newer=/stick/$2
step() { echo "== $*"; }
fail() {
    echo "FAILED: $*"
    tail -20 /var/log/edge.txt 2>/dev/null | sed 's/^/DEBUG /'
    exit 1
}
find / -xdev \( -path /proc -o -path /stick -o -path /run -o -path /dev -o -path /tmp \) -prune -o -print | sort >/run/before
chmod +x /stick/install.sh /stick/systemctl

step "a dry run does nothing"
/stick/install.sh --offline "$bundle" --dry-run >/run/dry 2>&1
[[ ! -e /opt/edge ]] || fail "the dry run made /opt/edge"
step "a full disk is explained, and nothing is half done"
mkdir -p /opt/edge && mount -t tmpfs -o size=200m tmpfs /opt/edge
if /stick/install.sh --offline "$bundle" 2>/run/said; then fail "installed on a full disk"; fi
cat /run/said
mount -o remount,ro /opt/edge
step "a read-only disk, too"
if /stick/install.sh --offline "$bundle" 2>/run/said; then fail "installed on a read-only disk"; fi
cat /run/said
umount /opt/edge && rmdir /opt/edge

step "install"
SECONDS=0
/stick/install.sh --offline "$bundle"
echo "took $SECONDS s"
edge --version
find /opt/edge /etc/edge /etc/systemd/system /usr/local/bin | sort >/run/first
step "install again: nothing changes"
/stick/install.sh --offline "$bundle"
find /opt/edge /etc/edge /etc/systemd/system /usr/local/bin | sort | diff /run/first - || fail "the second run changed something"

step "configure: a street drawn by the program itself, the motion detector, a broker"
mkdir -p /etc/edge/cameras /etc/edge/update-keys
cp /stick/*.pub /etc/edge/update-keys/
/opt/edge/current/bin/python -c "
from pathlib import Path
from edge.demo.street import render
render(Path('/etc/edge/street.mp4'))"
cat >/etc/edge/appliance.yaml <<'END'
version: 1
site: clean
node: root
mqtt: {url: "mqtt://127.0.0.1:1883"}
storage: {path: /var/lib/edge}
detectors: {street: {kind: motion}}
END
cat >/etc/edge/cameras/street.yaml <<'END'
version: 1
camera: street
source: {kind: file, path: /etc/edge/street.mp4, loop: true, realtime: true}
analyse: {detector: street, fps: 8}
zones: {all: [[0.02, 0.2], [0.98, 0.2], [0.98, 0.98], [0.02, 0.98]]}
rules: [{name: entry, kind: zone_entry, zone: all}]
END
chgrp -R edge /etc/edge && chmod -R g+rX /etc/edge
edge check --config /etc/edge
printf 'listener 1883 127.0.0.1\nallow_anonymous true\n' >/run/mosquitto.conf
/usr/sbin/mosquitto -c /run/mosquitto.conf >/run/mosquitto.log 2>&1 &
mosquitto=$!
cp /stick/systemctl /usr/local/sbin/systemctl # from here on, what stands for systemd
sleep 1

event() {
    timeout 90 mosquitto_sub -h 127.0.0.1 -t 'cctv/v1/clean/root/camera/street/event/#' -C 1 >/run/event || fail "no event"
    head -c 160 /run/event
    echo
}
step "start as the unit does, and an event over mosquitto"
systemctl restart edge.service
event
for _ in $(seq 100); do [[ $(systemctl show edge.service --property=ActiveState --value) == active ]] && break; sleep 0.3; done
systemctl show edge.service --property=StatusText --value
echo "as $(stat --format=%U "/proc/$(cat /run/fake/pid)")"

step "upgrade from a stick"
SECONDS=0
edge update "$newer" 2>/run/steps || { cat /run/steps; fail "the update"; }
cat /run/steps
echo "took $SECONDS s"
edge --version
event
readlink "/proc/$(cat /run/fake/pid)/exe" >/dev/null
tr '\0' ' ' <"/proc/$(cat /run/fake/pid)/cmdline"
echo

step "an older, a damaged and a foreign bundle are refused"
if edge update "$bundle" 2>/run/said; then fail "an older bundle"; fi
tail -1 /run/said
head -c 1000000 "$newer" >/run/cut.tar && cp "$newer.minisig" /run/cut.tar.minisig
if edge update /run/cut.tar 2>/run/said; then fail "a cut bundle"; fi
tail -1 /run/said

step "roll back"
edge update --roll-back
edge --version
event

step "uninstall: nothing is left but data"
systemctl stop edge.service
rm /usr/local/sbin/systemctl
kill "$mosquitto"
kill "$(cat /run/fake/listener)" 2>/dev/null || true
/stick/install.sh --uninstall
rm -f /var/log/edge.txt
find / -xdev \( -path /proc -o -path /stick -o -path /run -o -path /dev -o -path /tmp \) -prune -o -print | sort >/run/after
comm -13 /run/before /run/after | grep -vE '^/(etc|var/lib)/edge(/|$)' | tee /run/left
grep -vE '^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|^/var/(log|cache)|^/root/\.cache' /run/left && fail "something is left"
echo "left: /etc/edge and /var/lib/edge, $(find /etc/edge /var/lib/edge -type f | wc -l) files"
/stick/install.sh --uninstall --purge
[[ ! -e /etc/edge && ! -e /var/lib/edge ]] || fail "purge left data"
if id edge 2>/dev/null; then fail "purge left the user"; fi
step "all passed"
