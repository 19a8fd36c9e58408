# Taking back.

# require_ours: ends where the cluster's directory is somebody else's, to which a wrong data root leads
require_ours() {
  for mark in "$data/lock/holder" "$data/reserve" "$data/trees" "$data/layers" "$data/blobs" "$journal"/[0-9]*-*/operation; do
    if [ -e "$mark" ]; then return; fi
  done
  other=$(find "$data" -mindepth 1 ! -path "$data/lock" ! -path "$journal" ! -path "$journal/new*" | head -n 1)
  if [ -n "$other" ]; then
    echo "$data is no directory of Sealer: what is $other?" >&2
    finish 1
  fi
}
# remove_data: removes the cluster's directory. It goes under another name first, so that a power cut leaves nothing
# of which nobody could tell whose it is.
remove_data() {
  unmount_below "$data"
  gone=$data.sealer-gone
  mv "$data" "$gone" 2>/dev/null || gone=$data
  rm -rf "${gone:?}"
  rmdir "$(dirname "$data")" 2>/dev/null || :
}
# end_removal: removes what a power cut left of that
end_removal() {
  if [ -e "$data.sealer-gone" ]; then
    rm -rf "${data:?}.sealer-gone"
    rmdir "$(dirname "$data")" 2>/dev/null || :
  fi
}

# undo_all [OPERATION]: takes back every entry of the host journal, or those of one operation, newest first;
# $failures says whether one failed, or the rest is left for later. When everything is taken back, only the oldest
# entry of a change counts: it knows what was there before Sealer came. Undos see in $everything that it is so.
undo_entry() {
  if [ -e "$entry/undo" ]; then
    if [ "$(tail -n 1 "$entry/undo")" != "# whole" ]; then
      echo "the record of it is damaged: $entry/undo lacks its end" >&2
      return 1
    fi
    # shellcheck disable=SC1091
    . "$entry/undo"
  fi
}
undo_all() {
  failures= everything=yes
  if [ -n "${1:-}" ]; then everything=; fi
  for entry in $(find "$journal" -maxdepth 1 -name '[0-9]*-*' | sort -r); do
    if [ -e "$data/lock/last-change" ]; then
      record step 0 stopped
      failures=yes
      return
    fi
    if [ -n "${1:-}" ]; then
      [ "$(cat "$entry/operation")" = "$1" ] || continue
    elif [ "$(oldest_of "${entry##*-}")" != "$entry" ]; then
      rm -rf "$entry"
      continue
    fi
    say "$(cat "$entry/key")"
    export entry
    state=changed
    if [ ! -e "$entry/undo" ]; then state=kept; fi
    perform undo_entry
    if [ "$performed" -eq 0 ]; then
      rm -rf "$entry"
      record 0 $state "$said"
    else
      record 0 failed "$performed" "$said"
      failures=yes
    fi
  done
}
oldest_of() {
  for found in "$journal"/[0-9]*-"$1"; do
    printf %s "$found"
    return
  done
}
