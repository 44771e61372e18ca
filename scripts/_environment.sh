# shellcheck shell=bash
# Sourced by the other scripts; sets $repository, and with `environment EXTRAS` also $venv and $python.
#
#   EDGE_VENV  where the virtual environment lives (default: .venv in the repository)
#   PYTHON     the interpreter to make it from (default: the first of python3, python3.13 ... python3.10 that fits)

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

# quietly COMMAND...: silent when it works; everything it printed, on stderr, when it does not.
quietly() {
    local log
    log=$(mktemp)
    if "$@" >"$log" 2>&1 </dev/null; then
        rm -f "$log"
    else
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
}

# missing_packages PACKAGE...: those of them that Debian's dpkg does not report as installed.
missing_packages() {
    local package status
    for package in "$@"; do
        status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || status=''
        [[ $status == installed ]] || printf '%s\n' "$package"
    done
}

can_install_packages() { ((EUID == 0)) && command -v apt-get >/dev/null; }

# install_packages PACKAGE...: needs can_install_packages. No service is started by it: a package
# that brings a daemon would otherwise take a port on this machine. policy-rc.d is Debian's own way
# to say so; one that is already there (containers have one) is left as it is.
install_packages() (
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        trap 'rm -f "$policy"' EXIT
        chmod +x "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    options=(-o Acquire::Retries=3 -o DPkg::Lock::Timeout=120)
    # A third-party list that cannot be refreshed must not stop packages that can be had.
    quietly apt-get "${options[@]}" update || say "apt-get update failed (above); trying with the lists that are here"
    quietly apt-get "${options[@]}" install --yes --no-install-recommends "$@"
)

# version INTERPRETER: prints 3.N when it runs and this package supports it, else fails.
version() {
    "$1" -c 'import sys
print("%d.%d" % sys.version_info[:2])
sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# Prints the interpreter to build from. One that can make an environment as it is goes before one
# that first needs a package: Debian's own python3 comes without ensurepip.
choose_python() {
    local candidate found='' wanted
    if [[ -n ${PYTHON:-} ]]; then
        wanted=$(version "$PYTHON") || die "PYTHON=$PYTHON is ${wanted:-not a Python that runs}; expected 3.10 to 3.13"
        printf '%s\n' "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        version "$candidate" >/dev/null || continue
        found=${found:-$candidate}
        if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    [[ -n $found ]] || die "no Python 3.10 to 3.13 on PATH; install one, or name it: PYTHON=/path/to/python3.12 $0"
    printf '%s\n' "$found"
}

make_venv() {
    local base=$1 package
    package=python$(version "$base")-venv
    if ! "$base" -c 'import ensurepip, venv' 2>/dev/null; then
        can_install_packages || die "$base cannot make virtual environments; run: apt-get install $package"
        say "installing $package"
        install_packages "$package" || die "$package could not be installed (above)"
    fi
    if [[ -e $venv && ! -e $venv/pyvenv.cfg && -n $(ls -A "$venv") ]]; then
        die "$venv holds something that is not a virtual environment; choose another EDGE_VENV"
    fi
    quietly "$base" -m venv --clear "$venv" || die "no virtual environment could be made in $venv (above)"
}

# Prints what an installation depends on; an extra whose stamp says the same is up to date.
# The repository's path is part of it because the installation is editable.
installation_key() {
    { cat "$repository/pyproject.toml" && printf '%s\n' "$repository" && version "$python"; } | sha256sum
}

# environment EXTRA...: leaves an interpreter in $python that has this package with these extras.
environment() {
    local base key extra lock
    venv=${EDGE_VENV:-$repository/.venv}
    [[ $venv == /* ]] || venv=$PWD/$venv
    python=$venv/bin/python

    # Two scripts started at once take turns; the lock needs no file of its own.
    exec {lock}<"$repository/pyproject.toml"
    flock "$lock"
    if [[ -n ${PYTHON:-} || ! -x $python ]] || ! version "$python" >/dev/null; then
        base=$(choose_python)
        if [[ ! -x $python || $(version "$python") != "$(version "$base")" ]]; then
            make_venv "$base"
        fi
    fi
    key=$(installation_key)
    for extra in "$@"; do
        [[ $(cat "$venv/.edge-$extra" 2>/dev/null) == "$key" ]] || install_extras "$key" "$@"
    done
    exec {lock}<&-
}

install_extras() {
    local key=$1 extra
    shift
    say "installing the package and its dependencies in $venv (once; about a minute)"
    # An environment made by another tool, or half made, may have no pip.
    quietly "$python" -m pip --version 2>/dev/null || quietly "$python" -m ensurepip || die "no pip in $venv (above)"
    # Where the newest release has no wheel for this Python, an older one with a wheel: no compiler is needed.
    quietly "$python" -m pip install --disable-pip-version-check --prefer-binary \
        --editable "${repository}[$(IFS=,; printf '%s' "$*")]" || die "pip could not install the package (above)"
    for extra in "$@"; do
        printf '%s\n' "$key" >"$venv/.edge-$extra"
    done
}
