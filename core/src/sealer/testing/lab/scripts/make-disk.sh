#!/bin/sh
# Gives a fresh disk its first contents: the shared root's /var, the node's own files, root's password
# (the latter as "user:password" on standard input).
set -eu
. "$NODE_SCRIPTS/disk.sh"
attach_disk
cp -a "$root/var/." "$NODE_DIR/disk/var/"
cp -a "$NODE_DIR/files/." "$root/"
chroot "$root" /usr/sbin/chpasswd
umount "$root"
