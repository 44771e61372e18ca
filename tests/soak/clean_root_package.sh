#!/usr/bin/env bash
# Run by clean_root.sh inside the root: PACKAGE NEWER_PACKAGE, both in /stick. The life of an installation that
# dpkg makes.
set -euo pipefail
source /stick/clean_root_steps.sh
package=/stick/$1 newer=/stick/$2
old=$(dpkg-deb --field "$package" Version) new=$(dpkg-deb --field "$newer" Version)
files >/run/before

step "dpkg --install"
SECONDS=0
dpkg --install "$package"
echo "took $SECONDS s"
configure
/opt/edge/package/install.sh --no-start # writes LoadCredential=
step "start, and an event"
systemctl start edge.service || fail "it did not start"
in_service "$old"
event
step "dpkg --install of a newer one: restarted, and the old one kept"
SECONDS=0
dpkg --install "$newer"
within 200 is_of "$new" || true
in_service "$new"
echo "took $SECONDS s"
event
edge update --status
dpkg --verify edge-appliance || fail "dpkg finds its files changed"
step "roll back, as after edge update"
edge update --roll-back
within 200 is_of "$old" || true
in_service "$old"
step "dpkg --remove: nothing is left but data"
dpkg --remove edge-appliance
nothing_but_data_is_left
step "dpkg --purge: nothing is left"
dpkg --purge edge-appliance
nothing_is_left
if dpkg-query --show edge-appliance 2>/dev/null | grep .; then :; fi
