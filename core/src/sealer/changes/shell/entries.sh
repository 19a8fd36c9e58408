# Entries of the host journal: made before what they are about is changed.

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
# let_go: the end of what began with take_lock; what a power cut left half made goes too
let_go() {
  drop_needless
  rm -rf "$journal/new" "$journal"/new-* "$data/lock"
}
