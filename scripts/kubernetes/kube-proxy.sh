#!/bin/sh
# Stands before the real kube-proxy in its image. kube-proxy sets nf_conntrack_max, which the kernel lets only
# the first network namespace write, and gives up when it cannot; a node of the lab is in another. So the
# configuration it is given is read with that setting switched off. Anywhere else this changes one limit.
count=$#
while [ "$count" -gt 0 ]; do
    argument=$1
    shift
    case $argument in
        --config=*)
            changed=/tmp/kube-proxy.conf
            while IFS= read -r line || [ -n "$line" ]; do
                case $line in
                    *maxPerCore:*) line="${line%%maxPerCore:*}maxPerCore: 0" ;;
                    "  min: "*) line="  min: 0" ;;
                esac
                printf '%s\n' "$line"
            done <"${argument#--config=}" >$changed
            argument=--config=$changed
            ;;
    esac
    set -- "$@" "$argument"
    count=$((count - 1))
done
exec /usr/local/bin/kube-proxy.real "$@"
