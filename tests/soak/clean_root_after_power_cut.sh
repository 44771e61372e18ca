#!/usr/bin/env bash
# Run by clean_root.sh inside the root after the power cut: the update is finished by the timer; then all goes.
set -euo pipefail
source /stick/clean_root_steps.sh
mv /etc/edge/before /run/before
[[ -e /opt/edge/trial ]] || fail "the update had come to its end before the power was cut"
new=$(cat /etc/edge/expected) && rm /etc/edge/expected
step "the power is back: the timer finishes what was begun"
SECONDS=0
within 400 eval '[[ ! -e /opt/edge/trial ]]' || fail "still on trial"
in_service "$new"
event
journalctl --no-pager --unit edge-update.service | grep -o 'release .* is in service' | tail -1
echo "after $SECONDS s"
rm -r /etc/systemd/system/edge-update.timer.d

step "uninstall: nothing is left but data"
sh /stick/install.sh --uninstall
nothing_but_data_is_left
sh /stick/install.sh --uninstall # again: nothing to do
sh /stick/install.sh --uninstall --purge
nothing_is_left
