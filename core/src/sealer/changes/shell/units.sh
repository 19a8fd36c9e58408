# Helper functions: units of systemd.

save_unit() {
  if systemctl is-enabled -q "$1" 2>/dev/null; then : > "$entry/enabled"; fi
  if systemctl is-active -q "$1" 2>/dev/null; then : > "$entry/active"; fi
}
# unit_stamp FILE...: their digests and paths; of files that are about to be written, those to come
unit_stamp() {
  for file; do
    case ${written:-} in
      *" $file "*)
        sum=${written##*" $file "}
        echo "${sum%% *} $file"
        ;;
      *) if [ -e "$file" ]; then sum=$(sha256sum < "$file") && echo "${sum%% *} $file"; fi ;;
    esac
  done
}
# unit_started UNIT: what tells this start of the unit from all others
unit_started() { systemctl show -p InvocationID "$1"; }
# unit_is_fresh UNIT FILE...: it was started with the files as they are, or are about to be. When one of them was
# another until now, whoever started the unit meanwhile started it with that one.
unit_is_fresh() {
  unit=$1
  shift
  [ -n "$entry" ] && [ "$(cat "$entry/stamp" 2>/dev/null)" = "$(unit_stamp "$@")" ] || return 1
  for file; do
    case ${written:-} in
      *" $file "*) if [ "$(cat "$entry/started" 2>/dev/null)" != "$(unit_started "$unit")" ]; then return 1; fi ;;
    esac
  done
}
note_unit() {
  unit_started "$1" > "$entry/started"
  shift
  unit_stamp "$@" > "$entry/stamp"
}
start_unit() {
  systemctl reset-failed "$1" 2>/dev/null || :
  systemctl restart "$1" || starts_again "$1" || { explain_unit "$1"; return 1; }
  systemctl is-active -q "$1" || { explain_unit "$1"; return 1; }
}
# starts_again UNIT: it ended while it started, and systemd starts it once more: what it needs may come up late
starts_again() {
  while [ "$(systemctl is-active "$1")" = activating ]; do
    restarts=$(systemctl show -p NRestarts "$1")
    restarts=${restarts#*=}
    if [ "${restarts:-3}" -ge 3 ]; then return 1; fi
    sleep 1
  done
  systemctl is-active -q "$1"
}
explain_unit() {
  systemctl status --no-pager --lines=15 "$1" 2>&1 || :
  echo "unit $1 does not start"
}
stop_unit() {
  systemctl stop "$1" 2>/dev/null || :
  if [ ! -e "$entry/enabled" ]; then systemctl disable -q "$1" 2>/dev/null || :; fi
}
restore_unit() {
  systemctl daemon-reload
  systemctl reset-failed "$1" 2>/dev/null || :
  if [ -e "$entry/enabled" ]; then systemctl enable -q "$1"; fi
  if [ -e "$entry/active" ]; then systemctl start "$1"; fi
}
