#!/bin/sh
# Starts nginx, tells it what only this pod knows, and keeps it in step with the mounted Secrets.
# Arguments go to nginx as they are: the pod passes -g "load_module …".
set -eu

config=/etc/gateway/config/nginx.conf
run=/run/gateway

# nginx does not read resolv.conf; IPv6 addresses go in brackets, those with a zone it cannot use.
nameservers() {
    while read -r word address _ || [ -n "$word" ]; do
        [ "$word" = nameserver ] || continue
        case $address in
            *%*) ;;
            *:*) printf ' [%s]' "$address" ;;
            *) printf ' %s' "$address" ;;
        esac
    done < /etc/resolv.conf
}

# What nginx.conf includes: the resolver, and the engine of njs.
write_runtime() {
    # A pod that is to end is out of DNS for 5 s before it stops taking requests.
    printf 'resolver%s valid=2s;\nresolver_timeout 5s;\njs_engine %s;\n' "$resolvers" "$1" \
        > "$run/runtime.conf"
}

# Kubernetes swaps the link ..data when it has written a new version of a Secret.
versions() {
    readlink /etc/gateway/keys/..data || true
    readlink /etc/gateway/tls/..data || true
}

watch() {
    known=$1
    shift
    while sleep 2; do
        found=$(versions)
        [ "$found" != "$known" ] || continue
        known=$found
        if nginx -t -q -e stderr -c "$config" "$@"; then
            kill -HUP "$nginx"
        else
            echo 'start.sh: the new Secrets do not make a configuration; nginx keeps the old' >&2
        fi
    done
}

resolvers=$(nameservers)
if [ -z "$resolvers" ]; then
    echo 'start.sh: /etc/resolv.conf names no nameserver that nginx can use' >&2
    exit 1
fi
# QuickJS reads JSON of any sensible depth; the old engine, which stops at 32 levels, is for an
# nginx without it.
write_runtime qjs
nginx -t -q -e stderr -c "$config" "$@" 2> /dev/null || write_runtime njs

# nginx cuts its streams on TERM and drains them on QUIT. The official image asks the kubelet for
# QUIT; whoever sends TERM means the same.
before=$(versions)
nginx -e stderr -c "$config" "$@" &
nginx=$!
trap 'kill -QUIT "$nginx" 2> /dev/null || true' TERM QUIT INT
watch "$before" "$@" &
watcher=$!

status=0
wait "$nginx" || status=$?
while kill -0 "$nginx" 2> /dev/null; do # a trap ended the wait, not nginx
    status=0
    wait "$nginx" || status=$?
done
kill "$watcher" 2> /dev/null || true
exit "$status"
