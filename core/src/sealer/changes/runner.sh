# How the changes of a script are visited. The script defines o<i>, c<i>, a<i> (observe, capture, apply) for
# change i, and calls visit or look for each; $captures has the numbers of those that have a capture, $plain of
# those that this very shell may apply. Changes belong to steps, which fail each for itself.
# Records for the operator go to descriptor 3, one a line:
#   step <n> begin | done | stopped
#   <i> same | changed TEXT | kept TEXT | needed TEXT | failed STATUS TEXT | value KEY TEXT | blob DIGEST
#   known | received | end
# where TEXT is plain behind "=", or else hex. Everything that commands print goes to the operator's log; there
# lines that begin with a record separator (octal 036) say to which step the lines behind them belong.
#
# To start a process takes longer than most changes do. Whatever the shell can do by itself is left to it.

record() { printf '%s\n' "$*" >&3 2>/dev/null || true; }
mark() { printf '\036%s\n' "$*"; }

# say TEXT: leaves it in $said as records have it
say() {
  case $1 in
    *[!\ -~]*) said=$(printf %s "$1" | hex) ;;
    *) said="=$1" ;;
  esac
}

# relay: passes output on, and goes on reading when the operator is gone, so that no command dies of it. It ends
# with what finish printed, though a process that was left behind may hold the other end.
last_line='sealer: finished with'
relay() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      *"$last_line 0") return 0 ;;
      *"$last_line 1") return 1 ;;
    esac
    printf '%s\n' "$line" >&2 2>/dev/null || true
  done
  return 1
}
# finish STATUS: ends what is relayed, and the script
finish() {
  if [ "$1" = 0 ]; then record end; fi
  printf '%s\n' "$last_line $1"
  exit "$1"
}

# perform FUNCTION: in a subshell under set -e; the status is left in $performed.
# Neither it nor its callers may stand in a condition: sh ignores set -e in all that a condition calls.
perform() {
  (set -e; "$1") 3>&- </dev/null
  performed=$?
}
# perform_here FUNCTION: the same in this very shell, and without set -e
perform_here() {
  "$1" 3>&- </dev/null
  performed=$?
}

# begin_step NUMBER [NEEDED...]: unless one of those it needs, or what else is asked, is not done
begin_step() {
  step=$1 idle=yes begun_step=
  shift
  for needed; do
    case $ended in *" $needed "*) ;; *) return ;; esac
  done
  if [ -e "$data/lock/last-step" ]; then stop; return; fi
  idle= begun_step=yes
  record step "$step" begin
  mark step "$step"
}
end_step() {
  if [ -z "$idle" ]; then
    ended="$ended$step "
    record step "$step" done
  fi
  if [ -n "$begun_step" ]; then mark end "$step"; fi
}
# stop: nothing more is done for this step
stop() {
  idle=yes
  record step "$step" stopped
}

# find_entry HASH: leaves the change's newest entry in the host journal in $entry, or nothing. An operation that
# makes a change again gets an entry of its own, so that it can be taken back alone.
find_entry() {
  entry=
  for found in "$journal"/[0-9]*-"$1"; do
    if [ -d "$found" ]; then entry=$found; fi
  done
}
# entry_is_ours: whether the entry in $entry is one of this operation
entry_is_ours() {
  [ -n "$entry" ] && IFS= read -r maker < "$entry/operation" && [ "$maker" = "$operation" ]
}

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
    echo "waiting for process $2, started by an earlier run, to end" >&2
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

# Some room that is given back when things are taken back: a disk that is full does not stand in the way of that.
make_reserve() { if [ ! -e "$data/reserve" ]; then printf '%65536s' '' > "$data/reserve"; fi; }
use_reserve() { rm -f "$data/reserve" 2>/dev/null || :; }

# next_number: leaves in $number the number of the next entry of the host journal, with six digits
next_number() {
  if [ -z "${newest:-}" ]; then
    newest=0
    for found in "$journal"/[0-9]*-*; do
      found=${found##*/}
      found=${found%%-*}
      if [ "$found" -gt "$newest" ] 2>/dev/null; then newest=$found; fi
    done
    while [ "$newest" != "${newest#0}" ] && [ "$newest" != 0 ]; do newest=${newest#0}; done
  fi
  newest=$((newest + 1))
  number=$newest
  while [ ${#number} -lt 6 ]; do number=0$number; done
}
# fill_entry KEY UNDO: what the journal keeps of the change of $index, in the directory $entry, captured by
# perform or perform_here as $performer says; the status is left in $performed
fill_entry() {
  performed=0
  case $captures in *" $index "*) "$performer" "c$index" ;; esac
  if [ "$performed" -ne 0 ]; then return; fi
  printf '%s\n' "$1" > "$entry/key"
  printf '%s\n' "$operation" > "$entry/operation"
  if [ -n "$2" ]; then printf '%s\n# whole\n' "$2" > "$entry/undo"; fi
  if [ ! -s "$entry/key" ] || [ ! -s "$entry/operation" ] || { [ -n "$2" ] && [ ! -s "$entry/undo" ]; }; then
    unwritable
  fi
}
# unwritable: nothing is changed that is not on record
unwritable() {
  reason="the journal of the host can't be written"
  performed=1
  tell_why
}
# tell_why: where a file can't be written the shell itself does not say why; this does, if that was it
tell_why() { head -c 4096 /dev/zero | tee "$data/lock/probe" > /dev/null; }
# save_entry HASH KEY UNDO: makes the journal entry; it appears whole or not at all
save_entry() {
  next_number
  new=$journal/new-$1
  if [ -e "$new" ]; then rm -rf "$new"; fi
  mkdir "$new"
  entry=$new performer=perform
  fill_entry "$2" "$3"
  if [ "$performed" -ne 0 ]; then
    fail "$performed"
    return
  fi
  sync "$new"/* "$new" 2>/dev/null || true
  entry=$journal/$number-$1
  if ! mv "$new" "$entry"; then
    unwritable
    fail 1
    return
  fi
  sync "$journal" 2>/dev/null || true
}

# Entries of several changes that follow one another are made together, before the first is applied, where their
# order allows it: the disk is then waited for twice, not twice for each. Those whose change turns out to be
# needless are removed again.
# begin_entries HASH...: opens the journal for the changes with these names
begin_entries() {
  staged=$journal/new
  if [ -e "$staged" ]; then rm -rf "$staged"; fi
  waiting=
  for hash; do
    next_number
    waiting="$waiting $number-$hash"
    set -- "$@" "$staged/$number-$hash"
    shift
  done
  mkdir "$staged" "$@"
  filled=
  seen=yes
}
# foresee INDEX HASH FINGERPRINT KEY UNDO: makes the entry of a change that is needed; in the order of the names.
# What was seen is used when the change is visited, unless $seen is taken back before; so it is told then if the
# entry could not be made.
foresee() {
  name=${waiting# }
  name=${name%% *}
  waiting=${waiting#" $name"}
  index=$1 fingerprint=$3
  find_entry "$2"
  export entry fingerprint
  # In this very shell: what can be foreseen is looked at by the shell's own means and changes nothing in it.
  if o"$index" > "$data/lock/reason" 2>&1 3>&- </dev/null; then
    eval "seen$index=same"
    return
  fi
  IFS= read -r reason < "$data/lock/reason" || reason=
  if ! entry_is_ours; then
    entry=$staged/$name performer=perform_here
    export entry
    fill_entry "$4" "$5"
    if [ "$performed" -ne 0 ]; then return; fi
    filled="$filled $name"
  fi
  eval "seen$index=needed why$index=\$reason"
}
end_entries() {
  if [ -z "$filled" ]; then return; fi
  # shellcheck disable=SC2086
  set -- $filled
  if [ $# -gt 8 ]; then
    # Some files for each are more work for the disk than all that is waiting to be written.
    sync -f "$staged" 2>/dev/null || sync
  else
    for name; do
      set -- "$@" "$staged/$name"/* "$staged/$name"
      shift
    done
    sync "$@" 2>/dev/null || sync
  fi
  # shellcheck disable=SC2086
  set -- $filled
  for name; do
    set -- "$@" "$staged/$name"
    shift
  done
  if ! mv "$@" "$journal"; then seen=; fi
  sync "$journal" 2>/dev/null || true
  foreseen="${foreseen:-}$filled"
}
# drop_needless: removes the entries of changes that were foreseen and not begun
drop_needless() {
  set --
  for name in ${foreseen:-}; do
    case "${begun:-} " in *" $name "*) ;; *) set -- "$@" "${journal:?}/$name" ;; esac
  done
  if [ $# -gt 0 ]; then rm -rf "$@"; fi
}
# let_go: the end of what began with take_lock
let_go() {
  drop_needless
  rm -rf "$journal/new" "$data/lock"
}

# visit INDEX HASH FINGERPRINT KEY UNDO [OUTPUT-KEY...]: observe, and if need be record and apply
visit() {
  became=same
  if [ -n "$idle" ]; then return; fi
  if [ -e "$data/lock/last-change" ]; then stop; return; fi
  index=$1 fingerprint=$3
  find_entry "$2"
  export entry fingerprint
  state=
  if [ -n "${seen:-}" ]; then eval "state=\${seen$index:-} reason=\${why$index:-}"; fi
  if [ -z "$state" ]; then
    reason=$(o"$index" 2>&1 3>&- </dev/null) && state=same
  fi
  if [ "$state" = same ]; then
    # What was cut off behind the change itself is done by now.
    if [ -n "$entry" ] && [ ! -e "$entry/done" ] && ! printf '%s\n' "$fingerprint" > "$entry/done"; then
      unwritable
      fail 1
      return
    fi
    record "$index" same
  else
    if ! entry_is_ours; then
      save_entry "$2" "$4" "$5"
      if [ -n "$idle" ]; then return; fi
    fi
    begun="${begun:-} ${entry##*/}"
    if [ -e "$entry/done" ]; then rm -f "$entry/done"; fi
    case $plain in
      *" $index "*) perform_here "a$index" ;;
      *) perform "a$index" ;;
    esac
    if [ "$performed" -ne 0 ]; then
      tell_why
      fail "$performed"
      return
    fi
    if ! printf '%s\n' "$fingerprint" > "$entry/done"; then
      unwritable
      fail 1
      return
    fi
    became=changed
    say "$reason"
    record "$index" changed "$said"
  fi
  shift 5
  for output; do
    if [ -z "$idle" ]; then yield_value "$output"; fi
  done
}
# yield_value KEY: reports a value of the change being visited
yield_value() {
  value=$( (set -e; "v${index}_$1") 2>/dev/null 3>&- </dev/null)
  performed=$?
  if [ "$performed" -ne 0 ]; then
    reason="its value $1 can't be read"
    fail "$performed"
    return
  fi
  say "$value"
  record "$index" value "$1" "$said"
}
# guess KEY...: what can be read of the values of a change that has failed, so that they are not shown
guess() {
  if [ "${failed:-}" != "$index" ]; then return; fi
  for output; do
    value=$( (set -e; "v${index}_$output") 2>/dev/null 3>&- </dev/null) || value=
    say "$value"
    record "$index" value "$output" "$said"
  done
}
# fail STATUS: tells that the change being visited failed; its step ends with it
fail() {
  say "${reason:-}"
  record "$index" failed "$1" "$said"
  failed=$index idle=yes
}

# look INDEX HASH FINGERPRINT [OUTPUT-KEY...] -- [BLOB...]: observe only; report the values of what holds, or
# the blobs that applying it would need
look() {
  became=same
  if [ -n "$idle" ]; then return; fi
  index=$1 fingerprint=$3
  find_entry "$2"
  export entry fingerprint
  reason=$(o"$index" 2>&1 3>&- </dev/null)
  if [ $? -eq 0 ]; then
    record "$index" same
    shift 3
    while [ "$1" != -- ]; do
      if [ -z "$idle" ]; then yield_value "$1"; fi
      shift
    done
    return
  fi
  became=needed
  say "$reason"
  record "$index" needed "$said"
  while [ "$1" != -- ]; do shift; done
  shift
  for blob; do
    if [ ! -d "$data/layers/$blob" ] && ! has_blob "$blob"; then record "$index" blob "$blob"; fi
  done
}

# writes PATH SHA256: of the change before, in case it was or is needed: a file gets this content
writes() {
  if [ "$became" != same ]; then
    written="${written:-} $1 $2 "
    export written
  fi
}

# receive: takes blobs as a tar stream. What an earlier stream left is used or removed.
receive() (
  mkdir -p "$data/blobs/incoming" "$data/blobs/sha256" || exit
  cd "$data/blobs/incoming" || exit
  tar -xf - || {
    status=$?
    df -P . >&2
    rm -f ./*
    exit $status
  }
  for blob in *; do
    [ -f "$blob" ] || continue
    if [ "$(sha256sum < "$blob" | cut -c 1-64)" != "$blob" ]; then
      rm -f "$blob"
      echo "blob sha256:$blob arrived damaged" >&2
      exit 1
    fi
    mv "$blob" ../sha256/ || exit
  done
)

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
