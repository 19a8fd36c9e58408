#!/bin/sh
# Gives a fresh disk its first contents: the shared root's /var, the node's own files, root's password
# (the latter as "user:password" on standard input).
set -eu
. "$NODE_SCRIPTS/disk.sh"
attach_disk
cp -a "$root/var/." "$NODE_DIR/disk/var/"
cp -a "$NODE_DIR/files/." "$root/"
chroot "$root" /usr/sbin/chpasswd

# A node cannot load modules. What the host's kernel has already is listed as built in, so that asking for it
# succeeds, as it does on a server, and asking for anything else fails.
modules=$root/lib/modules/$(uname -r)
mkdir -p "$modules"
{
    ls /sys/module
    sed 's/^.*\t//' /proc/filesystems
    [ ! -e /proc/sys/net/bridge ] || echo br_netfilter
    [ ! -e /proc/sys/net/netfilter/nf_conntrack_max ] || echo nf_conntrack
    [ ! -e /proc/net/ip_tables_names ] || printf '%s\n' ip_tables iptable_filter iptable_nat iptable_mangle
    [ ! -e /proc/net/ip6_tables_names ] || printf '%s\n' ip6_tables ip6table_filter ip6table_nat ip6table_mangle
    [ ! -e /proc/net/ip_vs ] || echo ip_vs
} | sort -u | sed 's|.*|kernel/&.ko|' >"$modules/modules.builtin"
: >"$modules/modules.order"
chroot "$root" /sbin/depmod
umount "$root"
