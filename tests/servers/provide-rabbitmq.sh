#!/usr/bin/env bash
# See to it that the tests find a RabbitMQ: root on Debian installs the packaged one, which the tests then start
# privately; it is not started by its installation. Anybody else is told how to get it, and its tests are skipped.
set -euo pipefail

found() {
    [ -n "${FLOWHOOK_TEST_AMQP_URL:-}" ] && return
    command -v rabbitmq-server >/dev/null || [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && return
    command -v docker >/dev/null && docker info >/dev/null 2>&1
}

install_without_starting() {
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap "rm -f $policy" EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends rabbitmq-server >/dev/null
}

if found; then
    exit
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Debian's rabbitmq-server for the tests (it is not started; they run a private one) …"
    install_without_starting || echo "RabbitMQ could not be installed; its tests are skipped." >&2
else
    echo "RabbitMQ is not here, so its tests are skipped. To have it: sudo apt-get install rabbitmq-server," \
        "or a Docker engine, or FLOWHOOK_TEST_AMQP_URL=amqp://…" >&2
fi
