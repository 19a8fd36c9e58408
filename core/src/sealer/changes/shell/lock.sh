# The lock of the host: a directory that says which process of which boot holds it. A script of ours that is
# still running, though its operator was killed, is waited for. Who waits says so beside the cluster's directory;
# whoever came after it, waiting or not, has it give up: it would do what a later operation has left behind.
# process_mark PROCESS: leaves in $mark what tells it from all others, of earlier boots too
process_mark() {
  { IFS= read -r boot < /proc/sys/kernel/random/boot_id; } 2>/dev/null || boot=
  { IFS= read -r fields < "/proc/$1/stat"; } 2>/dev/null || fields=
  # What follows the program's name is a list of words; the 20th is when it was started.
  # shellcheck disable=SC2086
  set -- "$1" ${fields##*) }
  mark="$boot $1 ${21:-}"
}
# read_holder: leaves in $holder who holds the lock, or nothing
read_holder() { { IFS= read -r holder < "$data/lock/holder"; } 2>/dev/null || holder=; }
# is_overtaken: whether a later script has come while this one waited
is_overtaken() {
  { IFS= read -r turn < "$data.turn"; } 2>/dev/null || turn=
  [ "$turn" != "$ours" ]
}
# overtaken: ends a script that nobody waits for any more
overtaken() {
  echo "a later run has come while this one waited; it changes nothing" >&2
  finish 1
}
# wait_for_holder: until the lock may be free; a lock whose holder is gone is removed
wait_for_holder() {
  read_holder
  if [ -z "$holder" ]; then
    sleep 1
    read_holder
  fi
  # shellcheck disable=SC2086
  set -- $holder
  process_mark "${2:-0}"
  if [ "$mark" != "$holder" ]; then
    # Who ends drops the lock first: if it still says the same, nobody will drop it.
    held=$holder
    read_holder
    if [ "$holder" = "$held" ]; then rm -rf "$data/lock"; fi
    return
  fi
  if [ -z "$waited" ]; then
    echo "sealer-waits: process $2, started by an earlier run, has not ended yet" >&2
    printf '%s\n' "$ours" > "$data.turn"
    waited=yes
  fi
  sleep 1
  if is_overtaken; then overtaken; fi
}
take_lock() {
  tries=0 waited=
  # Not $$, which is the process that waits for this one, and takes the next script then.
  read -r process _ < /proc/self/stat
  process_mark "$process"
  ours=$mark
  if [ ! -d "$journal" ]; then mkdir -p "$journal" || true; fi
  until mkdir "$data/lock" 2>/dev/null; do
    if [ -d "$data/lock" ]; then
      wait_for_holder
      continue
    fi
    # Nobody holds it: what it lies in is missing, for whom we waited may have taken it away; or the disk is full.
    mkdir -p "$data" || finish 1
    tries=$((tries + 1))
    [ $tries -gt 5 ] || continue
    mkdir "$data/lock" || finish 1
    break
  done
  if [ -n "$waited" ] && is_overtaken; then
    drop_lock
    overtaken
  fi
  if [ -e "$data.turn" ]; then rm -f "$data.turn"; fi
  printf '%s\n' "$ours" > "$data/lock/holder"
}
drop_lock() { rm -rf "$data/lock"; }
