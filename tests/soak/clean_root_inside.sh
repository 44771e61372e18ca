#!/usr/bin/env bash
# Run by clean_root.sh inside the root: BUNDLE NEWER_BUNDLE, both in /stick. The life of an installation that
# install.sh makes; it ends in the middle of an update, where clean_root.sh cuts the power.
set -euo pipefail
source /stick/clean_root_steps.sh
bundle=/stick/$1 newer=/stick/$2
old=$(version_of "$bundle") new=$(version_of "$newer")
install=(sh /stick/install.sh)
broker
files >/run/before

step "a dry run does nothing"
"${install[@]}" --offline "$bundle" --dry-run >/run/dry 2>&1
[[ ! -e /opt/edge ]] || fail "the dry run made /opt/edge"
step "a full disk is explained, and nothing is half done"
mkdir -p /opt/edge && mount -t tmpfs -o size=200m tmpfs /opt/edge
refused 'are free; nothing was done' "${install[@]}" --offline "$bundle"
mount -o remount,ro /opt/edge
step "a read-only disk, too"
refused 'cannot be written; nothing was done' "${install[@]}" --offline "$bundle"
umount /opt/edge && rmdir /opt/edge
step "a bundle that is cut off, and one for another processor"
head -c 1000000 "$bundle" >/run/cut.tar
refused 'cut off' "${install[@]}" --offline /run/cut.tar
tar --extract --file "$bundle" --directory /run release.json make-release
sed -i 's/"machine": "[^"]*"/"machine": "riscv64"/' /run/release.json
tar --create --file /run/foreign.tar --directory /run release.json make-release
refused 'is for riscv64' "${install[@]}" --offline /run/foreign.tar
files | comm -13 /run/before - | grep . && fail "something was left"

step "install, with the clock in 1970 as on a first boot with a dead battery"
SECONDS=0
# And with the umask of a root who hides what he makes.
(umask 077 && LD_PRELOAD=/stick/libfaketime.so.1 FAKETIME='@1970-01-01 00:01:00' "${install[@]}" --offline "$bundle")
echo "took $SECONDS s"
edge --version
ours >/run/first
step "install again: nothing changes"
"${install[@]}" --offline "$bundle"
ours | diff /run/first - || fail "the second run changed something"
[[ $(of_unit UnitFileState) == enabled && $(of_unit ActiveState) == inactive ]] || fail "not enabled, or started without a configuration"

step "configure; secrets as systemd credentials"
configure
"${install[@]}" --offline "$bundle" --no-start
edge check --config /etc/edge
step "start: Type=notify, with a password from LoadCredential"
systemctl start edge.service || fail "it did not start" # returns when it said READY=1
is_active || fail "it is not active"
systemctl stop edge-update.timer # its turn comes
of_unit StatusText
event
user=$(stat --format=%U "/proc/$(of_unit MainPID)")
echo "as $user, credentials: $(cd /run/credentials/edge.service && echo *)"
[[ $user == edge ]] || fail "not as edge"
systemctl start edge-engines.service || fail "edge-engines.service"
journalctl --no-pager --output=cat --unit edge-engines.service | grep 'detector street'
for unit in edge edge-engines edge-recover edge-selfcheck edge-update; do
    systemd-analyze security --no-pager "$unit.service" 2>/dev/null | grep -o 'Overall exposure.*: [0-9.]*'
done

step "a daemon that hangs is ended by the watchdog and started again"
SECONDS=0
hung=$(of_unit MainPID)
kill -STOP "$hung"
within 150 eval '[[ $(of_unit MainPID) != "$hung" ]] && is_active' || fail "the watchdog did nothing"
journalctl --no-pager --unit edge.service | grep -o 'Watchdog timeout.*' | tail -1
echo "active again after $SECONDS s"
event

step "an older, a damaged and a forged bundle are refused"
cp "$newer" /run/forged.tar && printf x | dd of=/run/forged.tar bs=1 seek=90000000 conv=notrunc status=none
cp "$newer.minisig" /run/forged.tar.minisig
refused 'forged, damaged or cut off' edge update /run/forged.tar
head -c 1000000 "$newer" >/run/cut.tar && cp "$newer.minisig" /run/cut.tar.minisig
refused 'cut off' edge update /run/cut.tar
refused 'is for riscv64' edge update /run/foreign.tar
cp "$newer" /run/unsigned.tar
refused 'has no signature' edge update /run/unsigned.tar
rm /run/*.tar
step "a read-only disk, and a full one: explained, and the release in service goes on"
mount --bind /opt/edge /opt/edge && mount -o remount,bind,ro /opt/edge
refused 'read-only' edge update "$newer"
umount /opt/edge
mkdir /run/small && mount -t tmpfs -o size=100m tmpfs /run/small
refused 'are free; nothing was done' edge update "$newer" --root /run/small
umount /run/small
in_service "$old"

step "an update of a box whose configuration cannot be used is refused"
echo 'nonsense: 1' >>/etc/edge/appliance.yaml
refused 'configuration: .*nonsense' edge update "$newer"
sed -i '$d' /etc/edge/appliance.yaml
edge check --config /etc/edge
in_service "$old"

step "upgrade from a stick"
SECONDS=0
edge update "$newer" 2>/run/steps || { cat /run/steps; fail "the update"; }
cat /run/steps
echo "took $SECONDS s"
in_service "$new"
event
refused "older than $new in service" edge update "$bundle"

step "roll back"
edge update --roll-back
within 200 is_of "$old" || true
in_service "$old"
event

step "upgrade from the inbox, by edge-update.service in its sandbox"
install -m 600 "$newer" "$newer.minisig" -t /var/lib/edge-updates
SECONDS=0
systemctl start edge-update.service || fail "edge-update.service"
echo "took $SECONDS s: $(cat /var/lib/edge-updates/*.result)"
in_service "$new"
event

step "a release on trial that cannot start is turned back by the guard"
cp -a "/opt/edge/releases/$new" /opt/edge/releases/9.9
printf '#!/bin/sh\nexit 1\n' >/opt/edge/releases/9.9/bin/edge
printf 'release=9.9\nprevious=%s\nstarts=0\n' "$new" >/opt/edge/trial
ln -sfn releases/9.9 /opt/edge/current
SECONDS=0
systemctl restart edge.service || true
within 300 is_of "$new" || fail "it was not turned back"
cat /opt/edge/rolled-back
echo "in service again after $SECONDS s"
event
rm -r /opt/edge/releases/9.9

step "a crash loop that is not the release's fault: the brake, and a new beginning"
mkdir -p /run/systemd/system/edge.service.d /run/systemd/system/edge-recover.service.d
printf '[Service]\nExecStart=\nExecStart=/bin/false\nRestartSec=1\n' >/run/systemd/system/edge.service.d/broken.conf
printf '[Service]\nEnvironment=EDGE_RECOVER_WAIT_S=5\n' >/run/systemd/system/edge-recover.service.d/soon.conf
systemctl daemon-reload
systemctl restart edge.service || true
within 60 eval '[[ $(of_unit ActiveState) == failed ]]' || fail "no brake"
rm -r /run/systemd/system/edge.service.d
systemctl daemon-reload
within 200 is_active || fail "it did not begin anew"
journalctl --no-pager --unit edge-recover.service | grep -o 'edge guard:.*' | tail -1
event

step "the power is cut in the middle of an update"
edge update --roll-back
within 200 is_of "$old" || fail "not back at $old"
mkdir -p /etc/systemd/system/edge-update.timer.d
printf '[Timer]\nOnBootSec=\nOnBootSec=20s\nRandomizedDelaySec=0\n' >/etc/systemd/system/edge-update.timer.d/sooner.conf
cp /run/before /etc/edge/before # /run is gone with the power
echo "$new" >/etc/edge/expected
setsid edge update "$newer" >/dev/null 2>/run/steps &
within 300 grep -q ^turned /run/steps || fail "it did not get so far"
tail -1 /run/steps
