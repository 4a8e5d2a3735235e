#!/bin/sh
# Makes the virtual environment .venv with exactly the locked packages. Run by every make target; does nothing
# when the environment is up to date.
#   exit 0  ready
#   exit 9  the machine lacks something that this script may not install (one line says what)
set -eu
cd "$(dirname "$0")/.."
venv=.venv
locked=$(cksum <requirements.lock)
project=$(cksum <pyproject.toml)
stamp() { cat "$venv/.$1" 2>/dev/null || true; }
[ "$(stamp locked)" = "$locked" ] && [ "$(stamp project)" = "$project" ] && exit 0

pip() { "$venv/bin/python" -m pip "$@" -qq --disable-pip-version-check; }

install_project() {
    pip install --no-deps --no-build-isolation --editable .
    echo "$project" >"$venv/.project"
}

if [ "$(stamp locked)" = "$locked" ]; then
    install_project
    exit 0
fi

unfit() {
    echo "environment unfit: $1. Nothing was changed. Next: $2" >&2
    exit 9
}

find_python() {
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
}

# System packages: fastecdsa (needed by libp2p) is built from source, with a compiler, Python's and GMP's headers.
missing_packages() {
    command -v gcc >/dev/null 2>&1 || echo gcc libc6-dev
    [ -n "$python" ] || { echo python3 python3-venv python3-dev libgmp-dev; return; }
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || echo python3-dev
    command -v gcc >/dev/null 2>&1 && ! echo '#include <gmp.h>' | gcc -E - >/dev/null 2>&1 && echo libgmp-dev
    command -v gcc >/dev/null 2>&1 || [ -e /usr/include/gmp.h ] || echo libgmp-dev
}

python=$(find_python)
missing=$(missing_packages | tr '\n' ' ' | sed 's/ *$//')
if [ -n "$missing" ]; then
    command -v apt-get >/dev/null 2>&1 || unfit "missing $missing" "install these (Debian's names) with your package manager, then run the command again"
    if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else
        unfit "missing $missing" "sudo apt-get install $missing"
    fi
    echo "installing system packages: $missing" >&2
    # shellcheck disable=SC2086  # the names are words
    { $as_root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq $missing; } >&2 ||
        unfit "could not install $missing" "apt-get install $missing"
    python=$(find_python)
fi
[ -n "$python" ] || unfit "no Python 3.11 or newer" "install Python >= 3.11, or name it: make PYTHON=/path/to/python3.12"

echo "making $venv from requirements.lock (about a minute, once)" >&2
rm -rf "$venv"
"$python" -m venv "$venv"
pip install --require-hashes -r requirements.lock
echo "$locked" >"$venv/.locked"
install_project
