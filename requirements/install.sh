#!/usr/bin/env bash
# install.sh ENVIRONMENT LOCK: make the environment if there is none, install what is locked, then this tree, editable.
# Needs Python 3.11 or newer with its venv module, nothing else.
set -euo pipefail
environment=$1 lock=$2

newest_enough() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if newest_enough "$name"; then
            echo "$name"
            return
        fi
    done
    echo "Flowhook needs Python 3.11 or newer with venv (Debian, Ubuntu: apt-get install python3-venv)." >&2
    exit 1
}

if ! newest_enough "$environment/bin/python"; then
    python=$(find_python)
    echo "Setting up $environment …"
    "$python" -m venv --clear "$environment"
fi
pip=("$environment/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install --require-hashes --no-compile -r "$lock"
"${pip[@]}" install --no-deps --no-build-isolation --no-compile --editable .
