#!/bin/sh
# The official image has njs as a module on disk and is told to load it; this nginx has it built in.
# So `-g "load_module …"` is left out, and everything else goes to nginx as it is.
count=$#
while [ "$count" -gt 0 ]; do
    argument=$1
    shift
    count=$((count - 1))
    if [ "$argument" = -g ] && [ "$count" -gt 0 ]; then
        case $1 in
            load_module*)
                shift
                count=$((count - 1))
                continue
                ;;
        esac
    fi
    set -- "$@" "$argument"
done
exec /opt/image/libexec/nginx "$@"
