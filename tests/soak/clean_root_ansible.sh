#!/usr/bin/env bash
# Run by clean_root.sh inside the root: BUNDLE NEWER_BUNDLE, both in /stick. The role of scripts/ansible leads the
# root itself through an installation and an update, with Ansible from /stick/ansible and no network.
set -euo pipefail
source /stick/clean_root_steps.sh
old=$(version_of "/stick/$1") new=$(version_of "/stick/$2")
files >/run/before
mkdir -p /run/site/cameras
write_configuration /run/site
# The role brings no secrets; this box has its password in the clear, and is told so.
sed -i 's/!secret mqtt_user/box/; s/!secret mqtt_password/tall lamps/' /run/site/appliance.yaml
cp /stick/street.mp4 /run/site/
play() { # BUNDLE [OPTION...]
    local bundle=$1
    shift
    ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_HOME=/run/ansible PYTHONPATH=/stick/ansible PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8 \
        python3 -m ansible.cli.playbook --inventory clean, --connection local "$@" \
        --extra-vars "ansible_python_interpreter=/usr/bin/python3 edge_bundle=/stick/$bundle edge_configuration=/run/site" \
        --extra-vars "edge_public_key=$(echo /stick/*.pub)" /stick/scripts/ansible/boxes.yml >/run/played 2>&1 ||
        { sed 's/^/DEBUG /' /run/played; fail "the play"; }
    grep '^clean ' /run/played | tr -s ' '
}

step "Ansible, --check on a box without edge: nothing is done"
play "$1" --check
files | comm -13 /run/before - | grep -v '^/root' | grep . && fail "something was done"
step "Ansible: first installation, configured and in service"
play "$1"
in_service "$old"
event
step "Ansible again: nothing changes"
play "$1"
grep -q '^clean .*changed=0 ' /run/played || { sed 's/^/DEBUG /' /run/played; fail "something changed"; }
step "Ansible: a newer bundle is an update, tried and kept"
play "$2"
in_service "$new"
event
step "Ansible: a changed file is brought and taken up"
sed -i 's/name: entry/name: entered/' /run/site/cameras/street.yaml
play "$2"
within 60 eval 'event && grep -q "\"rule\":\"entered\"" /run/event' || fail "not taken up"
sh /stick/install.sh --uninstall --purge
nothing_is_left
