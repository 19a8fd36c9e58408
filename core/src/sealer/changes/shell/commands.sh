# Helper functions: commands, and waiting.

# is_done: the host journal says that this very change was applied; else it says why not
is_done() {
  if [ -z "$entry" ]; then
    echo 'it was not done yet'
  elif [ ! -e "$entry/done" ]; then
    echo 'it was begun and not finished'
  elif IFS= read -r finished < "$entry/done" && [ "$finished" = "$fingerprint" ]; then
    return 0
  else
    echo 'what it does has changed since it was done'
  fi
  return 1
}

# was_attempted: the command was begun before, in this operation or an earlier one
was_attempted() {
  for earlier in "$journal"/[0-9]*-"${entry##*-}"; do
    if [ -e "$earlier/attempted" ]; then return 0; fi
  done
  return 1
}

# within SECONDS COMMAND...
within() {
  seconds=$1
  shift
  if command -v timeout >/dev/null; then
    timeout -k 10 "$seconds" "$@" || {
      status=$?
      [ "$status" != 124 ] || echo "given up after $seconds seconds"
      return "$status"
    }
  else
    "$@"
  fi
}

# What is waited for defines two functions: holds, and why_not, which prints reasons.
# reasons: them in one line
reasons() {
  why_not | awk '
    NF { text = text separator $0; separator = "; " }
    END { print text == "" ? "it is not so yet" : substr(text, 1, 2000) }'
}
# uptime: leaves the seconds since the host was started in $uptime: its clock may be set while it waits
uptime() {
  read -r uptime rest < /proc/uptime
  uptime=${uptime%%.*}
}
# wait_until SECONDS PAUSE: until it holds; says why it does not, whenever the answer is another
wait_until() {
  uptime
  deadline=$((uptime + $1))
  told=
  until holds; do
    now=$(reasons)
    if [ "$now" != "$told" ]; then echo "sealer-waits: $now"; fi
    told=$now
    uptime
    if [ "$uptime" -ge "$deadline" ]; then return 1; fi
    sleep "$2"
  done
}
