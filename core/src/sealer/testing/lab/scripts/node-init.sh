#!/bin/sh
# Runs as PID 1 in the fresh namespaces of a node: lays out its root, then becomes its init.
#   NODE_NAME, NODE_DIR, NODE_LOWER, NODE_SCRIPTS   see disk.sh
#   NODE_MODE      "systemd", or "sshd" for nothing but that
#   NODE_CGROUPS   cgroup v1 hierarchies to mount, separated by blanks; empty: cgroup v2
set -eu
. "$NODE_SCRIPTS/disk.sh"
mount --make-rprivate /
hostname "$NODE_NAME"
attach_disk
mount --bind "$NODE_DIR/disk/var" "$root/var"

mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"

dev=$root/dev
mount -t tmpfs -o mode=755,nosuid tmpfs "$dev"
mkdir -p "$dev/pts" "$dev/shm" "$dev/mqueue" "$dev/net"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$dev/shm"
mount -t mqueue mqueue "$dev/mqueue"
while read -r name mode major minor; do
    mknod -m "$mode" "$dev/$name" c "$major" "$minor"
done <<DEVICES
null 666 1 3
zero 666 1 5
full 666 1 7
random 666 1 8
urandom 666 1 9
kmsg 644 1 11
tty 666 5 0
fuse 666 10 229
net/tun 666 10 200
DEVICES
ln -s pts/ptmx "$dev/ptmx"
ln -s /proc/self/fd "$dev/fd"
ln -s fd/0 "$dev/stdin"
ln -s fd/1 "$dev/stdout"
ln -s fd/2 "$dev/stderr"
: >"$dev/console"

if [ -n "$NODE_CGROUPS" ]; then
    mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
    for hierarchy in $NODE_CGROUPS; do
        case $hierarchy in
            name=*) directory=${hierarchy#name=} options=none,$hierarchy ;;
            *) directory=$hierarchy options=$hierarchy ;;
        esac
        mkdir "$root/sys/fs/cgroup/$directory"
        mount -t cgroup -o "$options,nosuid,nodev,noexec" cgroup "$root/sys/fs/cgroup/$directory"
    done
else
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
fi

# kernel.*, vm.* and fs.* belong to the whole machine. A node gets a copy it may write without effect;
# net.* is its own and stays real, and so do the few that namespaces make private.
fake=$root/run/.sysctl
mkdir -p "$fake/real"
mount -t tmpfs tmpfs "$fake"
mkdir "$fake/real"
mount -t proc proc "$fake/real"
for tree in kernel vm fs; do
    # Some entries can be listed but not read.
    cp -r "/proc/sys/$tree" "$fake/" 2>/dev/null || :
done
rm -rf "$fake/fs/binfmt_misc" "$fake/kernel/random"
mkdir -p "$fake/fs/binfmt_misc" "$fake/kernel/random"
for tree in kernel vm fs; do
    mount --bind "$fake/$tree" "$root/proc/sys/$tree"
done
for entry in random hostname domainname ns_last_pid cap_last_cap; do
    [ ! -e "$root/proc/sys/kernel/$entry" ] ||
        mount --bind "$fake/real/sys/kernel/$entry" "$root/proc/sys/kernel/$entry"
done
if [ -e "$root/proc/sysrq-trigger" ]; then
    : >"$fake/sysrq-trigger"
    mount --bind "$fake/sysrq-trigger" "$root/proc/sysrq-trigger"
fi
umount -l "$fake/real"
umount -l "$fake"
rm -r "$root/run/.sysctl"
mount -o remount,bind,ro "$root/sys"

cd "$root"
if pivot_root . . 2>/dev/null; then
    umount -l .
else
    # The host's root is its initial file system, which cannot be pivoted away from.
    mount --move . /
fi
mount --make-rshared .
mkdir -p run/lock run/sshd

if [ "$NODE_MODE" = systemd ]; then
    exec env -i container=lab HOME=/root LANG=C.UTF-8 PATH="$PATH" \
        chroot . /lib/systemd/systemd --system --log-target=console --show-status=false
fi
# sshd collects every child that ends, orphans too, so it can be PID 1 itself.
exec env -i HOME=/root LANG=C.UTF-8 PATH="$PATH" chroot . /usr/sbin/sshd -D -e
