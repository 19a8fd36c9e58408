# Mounts a node's disk; read by the scripts beside it, inside a mount namespace of their own.
#   NODE_DIR    the node's directory on the host     NODE_LOWER  the root all nodes share, read only
# Afterwards "$root" is the node's root. What a node writes lands in disk/upper, and below /var in disk/var:
# a plain directory of the host's (or the image's) file system, because the upper layer of an overlay cannot
# itself be an overlay, and container stores live in /var.

root=$NODE_DIR/root
attach_disk() {
    if [ -e "$NODE_DIR/disk.img" ]; then
        mount -o loop "$NODE_DIR/disk.img" "$NODE_DIR/disk"
    fi
    mkdir -p "$NODE_DIR/disk/upper" "$NODE_DIR/disk/work" "$NODE_DIR/disk/var"
    mount -t overlay -o "lowerdir=$NODE_LOWER,upperdir=$NODE_DIR/disk/upper,workdir=$NODE_DIR/disk/work" \
        "$NODE_NAME" "$root"
}
