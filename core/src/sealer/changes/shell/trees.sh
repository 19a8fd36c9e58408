# Helper functions: trees that programs fill, and mounts in them.

# mounts_below PATH: the mount points at or below PATH, deepest first
mounts_below() {
  awk '{print $5}' /proc/self/mountinfo | while IFS= read -r point; do
    point=$(printf '%b' "$point")
    case $point in "$1" | "$1"/*) printf '%s\n' "$point" ;; esac
  done | sort -r
}
unmount_below() {
  mounts_below "$1" | while IFS= read -r point; do umount "$point" || umount -l "$point" || :; done
}

save_tree() {
  save_parents "$1"
  if [ -e "$1" ] || [ -L "$1" ]; then find "$1" | sort > "$entry/before"; fi
}
restore_tree() {
  if [ ! -e "$entry/before" ]; then
    unmount_below "$1"
    rm -rf "$1"
    remove_parents
    return
  fi
  [ -e "$1" ] || return 0
  mounts_below "$1" | while IFS= read -r point; do
    grep -Fxq "$point" "$entry/before" || umount "$point" || umount -l "$point" || :
  done
  find "$1" | sort | comm -13 "$entry/before" - | sort -r | while IFS= read -r path; do
    if [ -d "$path" ] && [ ! -L "$path" ]; then rmdir "$path" 2>/dev/null || :; else rm -f "$path"; fi
  done
}
