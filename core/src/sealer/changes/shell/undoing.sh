# Taking back.

# undo_all [OPERATION]: takes back every entry of the host journal, or those of one operation, newest first;
# $failures says whether one failed, or the rest is left for later. When everything is taken back, only the oldest
# entry of a change counts: it knows what was there before Sealer came.
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
  failures=
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
