#!/usr/bin/env bash
# lock.sh UV: renew the lock files from pyproject.toml: one to run everything, one for tests, one for each service's image.
# They name no index. Versions stay as they are unless `UPGRADE=1`, and all of them agree with run.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$1

lock() {
    local name=$1
    shift
    "$uv" pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
        ${UPGRADE:+--upgrade} --output-file "requirements/$name.txt" pyproject.toml "$@"
}

lock run --extra dev --extra fast --group build
for service in gateway runner debugger; do
    lock "$service" --extra "$service" --extra fast --constraint requirements/run.txt
done
lock test --extra dev --extra fast --group build --group test --constraint requirements/run.txt
