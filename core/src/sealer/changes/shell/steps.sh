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
