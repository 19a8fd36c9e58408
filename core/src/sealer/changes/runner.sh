# How the changes of a script are visited. The script defines o<i>, c<i>, a<i> (observe, capture, apply) for
# change i, and calls visit or look for each. Records for the operator go to descriptor 3, one a line:
#   <i> same | changed HEX | kept HEX | needed HEX | failed STATUS HEX | value KEY HEX | blob DIGEST | end
# where HEX is a text. Everything that commands print goes to the operator's log.

record() { printf '%s\n' "$*" >&3 2>/dev/null || :; }

# relay: passes output on, and goes on reading when the operator is gone, so that no command dies of it
relay() { while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line" >&2 2>/dev/null || :; done; }

# perform FUNCTION: in a subshell under set -e, its output relayed; the status is left in $performed.
# Neither it nor its callers may stand in a condition: sh ignores set -e in all that a condition calls.
perform() {
  performed=$({ { (set -e; "$1") 3>&- 4>&-; echo $? >&4; } 2>&1 </dev/null | relay; } 4>&1 >&2)
  performed=${performed:-1}
}

# entry_of HASH: the change's newest entry in the host journal, or nothing. An operation that makes a change
# again gets an entry of its own, so that it can be taken back alone.
entry_of() {
  newest=
  for found in "$journal"/[0-9]*-"$1"; do
    if [ -d "$found" ]; then newest=$found; fi
  done
  printf %s "$newest"
}

# The lock of the host: a directory that says which process of which boot holds it. A script of ours that is
# still running, though its operator was killed, is waited for.
process_mark() { printf '%s %s %s' "$(cat /proc/sys/kernel/random/boot_id)" "$1" "$(awk '{print $22}' "/proc/$1/stat" 2>/dev/null)"; }
take_lock() {
  tries=0
  until mkdir "$data/lock" 2>/dev/null; do
    # Nobody holds it: what it lies in is missing, for whom we waited may have taken it away; or the disk is full.
    if [ ! -d "$data/lock" ]; then
      mkdir -p "$data" || exit 1
      tries=$((tries + 1))
      [ $tries -gt 5 ] || continue
      mkdir "$data/lock" || exit 1
      break
    fi
    holder=$(cat "$data/lock/holder" 2>/dev/null) || holder=
    if [ -z "$holder" ]; then
      sleep 1
      holder=$(cat "$data/lock/holder" 2>/dev/null) || holder=
    fi
    # shellcheck disable=SC2086
    set -- $holder
    if [ "$(process_mark "${2:-0}")" != "$holder" ]; then
      rm -rf "$data/lock"
      continue
    fi
    if [ -z "${waited:-}" ]; then echo "waiting for process $2, started by an earlier run, to end" >&2; fi
    waited=yes
    sleep 1
  done
  process_mark $$ > "$data/lock/holder"
  locked=yes
}
drop_lock() { rm -rf "$data/lock"; }

# save_entry HASH KEY UNDO: makes the journal entry; it appears whole or not at all
save_entry() {
  number=$(find "$journal" -maxdepth 1 -name '[0-9]*-*' | sed 's|.*/0*\([0-9][0-9]*\)-.*|\1|' | sort -n | tail -n 1)
  new=$journal/new-$1
  rm -rf "$new"
  mkdir -p "$new"
  entry=$new
  perform "c$index"
  if [ "$performed" -ne 0 ]; then fail "$performed"; fi
  printf '%s\n' "$2" > "$new/key"
  printf '%s\n' "$operation" > "$new/operation"
  if [ -n "$3" ]; then printf '%s\n' "$3" > "$new/undo"; fi
  sync "$new" 2>/dev/null || :
  entry=$journal/$(printf %06d $((${number:-0} + 1)))-$1
  mv "$new" "$entry"
  sync "$journal" 2>/dev/null || :
}

# visit INDEX HASH FINGERPRINT KEY UNDO [OUTPUT-KEY...]: observe, and if need be record and apply
visit() {
  index=$1 fingerprint=$3
  entry=$(entry_of "$2")
  export entry fingerprint
  reason=$(o"$index" 2>&1 3>&- </dev/null)
  if [ $? -eq 0 ]; then
    record "$index" same
  else
    if [ -z "$entry" ] || [ "$(cat "$entry/operation")" != "$operation" ]; then
      save_entry "$2" "$4" "$5"
    fi
    rm -f "$entry/done"
    perform "a$index"
    if [ "$performed" -ne 0 ]; then fail "$performed"; fi
    printf '%s\n' "$fingerprint" > "$entry/done.new"
    mv "$entry/done.new" "$entry/done"
    record "$index" changed "$(printf %s "$reason" | hex)"
  fi
  shift 5
  for output; do yield_value "$output"; done
}
# yield_value KEY: reports a value of the change being visited
yield_value() {
  value=$( (set -e; "v${index}_$1") 2>/dev/null 3>&- </dev/null)
  performed=$?
  if [ "$performed" -ne 0 ]; then
    reason="its value $1 can't be read"
    fail "$performed"
  fi
  record "$index" value "$1" "$(printf %s "$value" | hex)"
}
fail() {
  record "$index" failed "$1" "$(printf %s "${reason:-}" | hex)"
  if [ -n "${locked:-}" ]; then drop_lock; fi
  exit 1
}

# look INDEX HASH FINGERPRINT [OUTPUT-KEY...] -- [BLOB...]: observe only; report the values of what holds, or
# the blobs that applying it would need
look() {
  index=$1 fingerprint=$3
  entry=$(entry_of "$2")
  export entry fingerprint
  reason=$(o"$index" 2>&1 3>&- </dev/null)
  if [ $? -eq 0 ]; then
    record "$index" same
    shift 3
    while [ "$1" != -- ]; do
      yield_value "$1"
      shift
    done
    return
  fi
  record "$index" needed "$(printf %s "$reason" | hex)"
  while [ "$1" != -- ]; do shift; done
  shift
  for blob; do
    if [ ! -d "$data/layers/$blob" ] && [ ! -f "$data/blobs/sha256/$blob" ]; then record "$index" blob "$blob"; fi
  done
}

# undo_all [OPERATION]: takes back every entry of the host journal, or those of one operation, newest first;
# $failures says whether one failed. When everything is taken back, only the oldest entry of a change counts:
# it knows what was there before Sealer came.
undo_entry() {
  if [ -e "$entry/undo" ]; then
    # shellcheck disable=SC1091
    . "$entry/undo"
  fi
}
undo_all() {
  failures=
  for entry in $(find "$journal" -maxdepth 1 -name '[0-9]*-*' | sort -r); do
    if [ -n "${1:-}" ]; then
      [ "$(cat "$entry/operation")" = "$1" ] || continue
    elif [ "$(oldest_of "${entry##*-}")" != "$entry" ]; then
      rm -rf "$entry"
      continue
    fi
    key=$(printf %s "$(cat "$entry/key")" | hex)
    export entry
    state=changed
    if [ ! -e "$entry/undo" ]; then state=kept; fi
    perform undo_entry
    if [ "$performed" -eq 0 ]; then
      rm -rf "$entry"
      record 0 $state "$key"
    else
      record 0 failed "$performed" "$key"
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
