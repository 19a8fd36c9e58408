# The helper functions of every script that Sealer runs on a host. Needs sh, tar, od and the POSIX tools,
# sha256sum, stat -c and readlink (coreutils or busybox). The script that includes it sets $data and $journal.

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin${PATH:+:$PATH}
LC_ALL=C
export PATH LC_ALL
umask 022

hex() { od -An -v -tx1 | tr -d ' \n'; }
