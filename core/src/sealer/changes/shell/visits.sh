# What is done with each change: looked at, recorded, applied, told.

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

# receive [HEX=SIZE...]: takes blobs as a tar stream. What an earlier stream left is used or removed. Those named
# are taken as soon as they are whole, and offered to other hosts if this one does that
receive() (
  mkdir -p "$data/blobs/incoming" "$data/blobs/sha256" || exit
  cd "$data/blobs/incoming" || exit
  rm -f .ended
  taking=
  if [ $# -gt 0 ]; then
    take_whole "$@" &
    taking=$!
  fi
  tar -xf - || {
    status=$?
    df -P . >&2
    if [ -n "$taking" ]; then kill "$taking" 2>/dev/null; fi
    rm -f ./* .ended
    exit $status
  }
  if [ -n "$taking" ]; then
    : > .ended
    wait "$taking"
    rm -f .ended
  fi
  for blob in *; do
    [ -f "$blob" ] || continue
    if [ "$blob" -ef "../sha256/$blob" ]; then
      rm -f "$blob"
      continue
    fi
    if [ "$(sha256sum < "$blob" | cut -c 1-64)" != "$blob" ]; then
      rm -f "$blob"
      echo "blob sha256:$blob arrived damaged" >&2
      exit 1
    fi
    mv "$blob" ../sha256/ || exit
    offer_layer "$blob"
  done
)
# nap: as short as the host's sleep can
nap() { sleep 0.1 2>/dev/null || sleep 1; }
# take_whole HEX=SIZE...: takes each blob that has arrived whole and sound while more arrives, until one does not
take_whole() {
  for blob; do
    ended=
    until [ "$(stat -c %s "${blob%%=*}" 2>/dev/null)" = "${blob#*=}" ]; do
      # Only what is not there when all has come will not come.
      if [ -n "$ended" ]; then return; fi
      if [ -e .ended ]; then ended=yes; else nap; fi
    done
    blob=${blob%%=*}
    if [ "$(sha256sum < "$blob" | cut -c 1-64)" != "$blob" ]; then return; fi
    ln -f "$blob" ../sha256/ || return
    offer_layer "$blob"
    if [ -n "${telling:-}" ]; then printf '%s\n' "$blob" >&3; fi
  done
}
# offer_layer HEX: to other hosts, if this one does that
offer_layer() {
  for into in ../offered/*/; do
    if [ -d "$into" ]; then ln -f "../sha256/$1" "$into"; fi
  done
}
