# shellcheck shell=bash
# What the scripts that run inside the clean root share.
step() { echo "== $*"; }
fail() {
    echo "FAILED: $*"
    { systemctl status --no-pager --full 'edge*' || true; journalctl --no-pager --lines 40 --grep '^(?!Couldn.t stat device)'; } 2>&1 |
        sed 's/^/DEBUG /'
    exit 1
}
refused() { # WORDS COMMAND...: it fails, and says so
    local words=$1
    shift
    if "$@" >/run/said 2>&1; then fail "not refused: $*"; fi
    grep -q -- "$words" /run/said || { cat /run/said; fail "expected '$words'"; }
    tail -1 /run/said
}
version_of() { tar --extract --to-stdout --file "$1" release.json | python3 -c 'import json,sys; print(json.load(sys.stdin)["version"])'; }
of_unit() { systemctl show "${2:-edge.service}" --property="$1" --value; }
within() { # SECONDS COMMAND...
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do ((SECONDS < deadline)) || return 1; sleep 0.5; done
}
is_active() { [[ $(of_unit ActiveState) == active ]]; }
is_of() { [[ $(edge --version) == "edge $1" ]] && is_active && grep -q "/opt/edge/releases/$1/" "/proc/$(of_unit MainPID)/maps"; }
in_service() { # VERSION: what `edge` is, and what the daemon was started from
    is_of "$1" || fail "expected edge $1, got $(edge --version), daemon of $(grep -o '/opt/edge/releases/[^/]*' "/proc/$(of_unit MainPID)/maps" | sort -u)"
    edge --version
}
event() { # the next one, from the broker, as one who may read it
    timeout 90 mosquitto_sub -h 127.0.0.1 -u reader -P reader -t 'cctv/v1/clean/root/camera/street/event/#' -C 1 >/run/event || fail "no event"
    head -c 120 /run/event
    echo " ..."
}
files() { find / -xdev \( -path /proc -o -path /sys -o -path /stick -o -path /run -o -path /dev -o -path /tmp \) -prune -o -print | sort; }
ours() { find /opt/edge /etc/edge /etc/systemd/system /usr/local/bin ! -name '*.pyc' | sort; }
write_configuration() { # FOLDER
    cat >"$1/appliance.yaml" <<'END'
version: 1
site: clean
node: root
mqtt: {url: "mqtt://127.0.0.1:1883", username: !secret mqtt_user, password: !secret mqtt_password}
storage: {path: /var/lib/edge}
detectors: {street: {kind: motion}}
END
    cat >"$1/cameras/street.yaml" <<'END'
version: 1
camera: street
source: {kind: file, path: street.mp4, loop: true, realtime: true}
analyse: {detector: street, fps: 8}
zones: {all: [[0.02, 0.2], [0.98, 0.2], [0.98, 0.98], [0.02, 0.98]]}
rules: [{name: entry, kind: zone_entry, zone: all}]
END
}
configure() { # a street drawn by the program itself, the motion detector, a broker that wants a password
    mkdir -p /etc/edge/cameras /etc/edge/update-keys /etc/edge/credentials
    chmod 700 /etc/edge/credentials
    cp /stick/*.pub /etc/edge/update-keys/
    printf box >/etc/edge/credentials/mqtt_user
    printf 'tall lamps' >/etc/edge/credentials/mqtt_password
    /opt/edge/current/bin/python -c "
from pathlib import Path
from edge.demo.street import Scene, render
render(Path('/etc/edge/street.mp4'), Scene(seconds=12, fps=8))"
    cp /etc/edge/street.mp4 /stick/ # for what comes later
    write_configuration /etc/edge
    chgrp edge /etc/edge/*.yaml /etc/edge/cameras /etc/edge/cameras/* /etc/edge/street.mp4
    chmod -R g+rX /etc/edge/*.yaml /etc/edge/cameras /etc/edge/street.mp4
}
broker() {
    printf 'listener 1883 127.0.0.1\nallow_anonymous false\npassword_file /etc/mosquitto/passwords\n' >/etc/mosquitto/conf.d/clean.conf
    mosquitto_passwd -c -b /etc/mosquitto/passwords box 'tall lamps' 2>/dev/null
    mosquitto_passwd -b /etc/mosquitto/passwords reader reader 2>/dev/null
    chown mosquitto /etc/mosquitto/passwords
    systemctl restart mosquitto
}
nothing_but_data_is_left() {
    files >/run/after
    comm -13 /run/before /run/after | grep -vE '^/(etc|var/lib)/edge(/|$)' >/run/left || true
    # The accounts' own files, which useradd rewrites, and what systemd and dpkg keep of anything.
    if grep -vE '^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|^/var/(log|cache)/|^/var/lib/(systemd|dpkg|private)|^/var/tmp/systemd-private' /run/left; then fail "something is left"; fi
    echo "left: /etc/edge and /var/lib/edge, $(find /etc/edge /var/lib/edge -type f | wc -l) files"
}
nothing_is_left() {
    [[ ! -e /etc/edge && ! -e /var/lib/edge ]] || fail "purge left data"
    if id edge 2>/dev/null; then fail "purge left the user"; fi
}
