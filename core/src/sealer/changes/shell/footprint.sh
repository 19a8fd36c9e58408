# What a script that is not ours leaves on a host: looked at before and after it, and taken back by that. The script
# that includes it sets $footprint, a directory of its own. Needs what the helpers of all scripts need.
#
# before/, after/  the host as it was: names, stat, units, parameters, modules, swaps, selinux, netfilter
# kept/            copies of files that the script may change or remove, below their own paths
# created, changed, removed, parameters  the differences; sums: of the changed files as the script left them
# alive            touched as long as the script runs: one that was cut off can have done nothing later

# Below these every path counts; of those further down the list, only what is directly in them.
foot_trees='/etc /usr/bin /usr/sbin /bin /sbin /usr/local/bin /usr/local/sbin /usr/lib/systemd/system
/lib/systemd/system /usr/local/lib/systemd /usr/lib/sysctl.d /usr/lib/modules-load.d /usr/lib/modprobe.d'
foot_places='/opt /srv /var/lib /usr/libexec /usr/local /usr/local/lib /usr/local/share'

foot_real() {
  for tree; do
    if [ -d "$tree" ] && [ "$(readlink -f "$tree")" = "$tree" ]; then echo "$tree"; fi
  done
}

foot_names() {
  # Paths of lists are words.
  # shellcheck disable=SC2046,SC2086
  find $(foot_real $foot_trees) -xdev 2>/dev/null
  for place in $foot_places; do
    for path in "$place"/* "$place"/.[!.]*; do
      if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\n' "$path"; fi
    done
  done
}

# foot_parameters: the kernel's parameters that can be written, but those that change by themselves
foot_parameters() {
  find /proc/sys/kernel /proc/sys/net/ipv4 /proc/sys/net/ipv6/conf/all /proc/sys/net/ipv6/conf/default \
    /proc/sys/net/bridge /proc/sys/net/core /proc/sys/net/netfilter /proc/sys/vm /proc/sys/fs \
    -path /proc/sys/fs/binfmt_misc -prune -o -type f -perm -200 ! -path '*/random/*' ! -name ns_last_pid \
    ! -name '*flush*' ! -name stat_refresh -exec grep -sH '' {} + 2>/dev/null | sort
}

# foot_netfilter: the policies and rules of built-in chains: tool, table, -P or -A, and their own words
foot_netfilter() {
  for tool in iptables ip6tables; do
    if ! command -v "$tool-save" >/dev/null || ! command -v "$tool-restore" >/dev/null; then continue; fi
    "$tool-save" 2>/dev/null | awk -v tool="$tool" '
      /^\*/ { table = substr($1, 2) }
      /^:/ && $2 != "-" { print tool, table, "-P", substr($1, 2), $2 }
      /^-A / && $2 ~ /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/ { print tool, table, $0 }'
  done | LC_ALL=C sort -u
}

# foot_look NAME: writes down how the host is
foot_look() {
  rm -rf "${footprint:?}/$1"
  mkdir -p "$footprint/$1"
  foot_names | LC_ALL=C sort -u > "$footprint/$1/names"
  # shellcheck disable=SC2046,SC2086
  find $(foot_real $foot_trees) -xdev -type f -exec stat -c '%s %a %u:%g %Y %Z %i %n' {} + 2>/dev/null |
    sort > "$footprint/$1/stat"
  foot_parameters > "$footprint/$1/parameters"
  cut -d ' ' -f 1 /proc/modules 2>/dev/null | sort > "$footprint/$1/modules"
  sed 1d /proc/swaps 2>/dev/null | awk '{ print $1 }' > "$footprint/$1/swaps"
  { getenforce 2>/dev/null || :; } > "$footprint/$1/selinux"
  foot_netfilter > "$footprint/$1/netfilter"
  if command -v systemctl >/dev/null; then
    systemctl list-units --type=service --state=active --plain --no-legend 2>/dev/null | awk '{ print $1 }'
  fi | sort > "$footprint/$1/units"
  : > "$footprint/$1/complete"
}

# foot_keep PROGRAMS UNINSTALL: copies what the script may change or remove: settings, programs of the names that
# are in a directory, and what another script mentions
foot_keep() {
  rm -rf "$footprint/kept"
  mkdir -p "$footprint/kept"
  foot_mentioned "$2" | sort -u > "$footprint/mentioned"
  {
    for program in "$1"/*; do
      for place in /usr/bin /usr/sbin /usr/local/bin; do printf '%s\n' "$place/${program##*/}"; done
    done
    grep -v '^/etc/' "$footprint/mentioned"
  } | sort -u > "$footprint/keep"
  set -- etc
  while IFS= read -r path; do
    if [ -f "$path" ] || [ -L "$path" ]; then set -- "$@" "${path#/}"; fi
  done < "$footprint/keep"
  # What it complains of has gone in the meantime, or is a socket.
  tar -C / -cf - "$@" 2>/dev/null | tar -C "$footprint/kept" -xpf - || :
  (cd "$footprint/kept" && find . ! -type d) | cut -c 2- > "$footprint/keep"
}

# foot_mentioned SCRIPT: the paths in its text
foot_mentioned() {
  if [ -n "$1" ] && [ -f "$1" ]; then tr -c 'A-Za-z0-9_./@:+-' '\n' < "$1" | grep '^/' || :; fi
}

# foot_watch: keeps touching alive until foot_unwatch, or until the shell that called it is gone
foot_watch() {
  : > "$footprint/alive"
  while [ -d "/proc/$$" ]; do
    : > "$footprint/alive"
    sleep 1
  done >/dev/null 2>&1 &
  watcher=$!
}
foot_unwatch() {
  kill "$watcher" 2>/dev/null || :
  wait "$watcher" 2>/dev/null || :
  rm -f "$footprint/alive"
}

# foot_in_time: of paths, those that were last touched while the script ran, if it was cut off
foot_in_time() {
  if [ ! -e "$footprint/alive" ]; then cat; return; fi
  last=$(($(stat -c %Y "$footprint/alive") + 2))
  while IFS= read -r path; do
    time=$(stat -c %Z "$path" 2>/dev/null) || continue
    if [ "$time" -le "$last" ]; then printf '%s\n' "$path"; else echo "left: $path, of which nobody knows" >&2; fi
  done
}

# foot_compare: what became different between before and after
foot_compare() {
  (
    cd "$footprint" || exit 1
    LC_ALL=C comm -13 before/names after/names | foot_in_time > created
    LC_ALL=C comm -23 before/names after/names > removed
    awk '
      { path = $0; for (i = 0; i < 6; i++) sub(/^[^ ]* /, "", path) }
      FILENAME == "before/stat" { old[path] = $0; next }
      (path in old) && old[path] != $0 { print path }' before/stat after/stat | foot_in_time > changed
    : > sums
    while IFS= read -r path; do
      if [ -f "kept$path" ] && cmp -s "kept$path" "$path"; then continue; fi
      sum=$(sha256sum < "$path") && printf '%s %s\n' "${sum%% *}" "$path" >> sums
    done < changed
    # That packets are forwarded comes first: it sets the same of every interface.
    awk '
      { at = index($0, ":"); path = substr($0, 1, at - 1); value = substr($0, at + 1) }
      FILENAME == "before/parameters" { lines[path]++; old[path] = value; next }
      lines[path] == 1 && old[path] != value {
        entry = path "\n" old[path] "\n" value "\n"
        if (path ~ /ip_forward$/) first = first entry; else rest = rest entry
      }
      END { printf "%s%s", first, rest }' before/parameters after/parameters > parameters
    # Nothing will be put back from the other copies.
    awk 'FILENAME != "keep" { wanted[$0] = 1; next } !($0 in wanted)' changed removed mentioned keep |
      while IFS= read -r path; do rm -f "kept$path"; done
    : > compared
  )
}

# foot_take_back: makes the host what it was, as far as the script changed it and nobody else since
foot_take_back() {
  [ -e "$footprint/before/complete" ] || { rm -rf "$footprint"; return 0; }
  if [ ! -e "$footprint/compared" ]; then foot_look after && foot_compare || return 1; fi
  foot_stop_units
  foot_remove_created
  foot_put_back
  foot_kernel
  foot_filter
  foot_start_units
  rm -rf "$footprint"
}

foot_stop_units() {
  command -v systemctl >/dev/null || return 0
  sed -n 's|.*/systemd/.*/\([^/]*\.service\)$|\1|p' "$footprint/created" | sort -u | while IFS= read -r unit; do
    systemctl stop "$unit" 2>/dev/null || :
  done
}

foot_remove_created() {
  sort -r "$footprint/created" | while IFS= read -r path; do
    if [ ! -d "$path" ] || [ -L "$path" ]; then
      rm -f "$path"
    elif foot_is_ours "$path"; then
      unmount_below "$path"
      rm -rf "$path"
    else
      rmdir "$path" 2>/dev/null || echo "left: $path has something in it that came later"
    fi
  done
}
# foot_is_ours PATH: it is something whole in a place, and no directory whose files count one by one
foot_is_ours() {
  for tree in $foot_trees; do if [ "$tree" = "$1" ]; then return 1; fi; done
  for place in $foot_places; do if [ "$place" = "${1%/*}" ]; then return 0; fi; done
  return 1
}

foot_put_back() {
  while read -r sum path; do
    if [ ! -f "$footprint/kept$path" ]; then
      echo "left: $path was changed, and there is no copy of what it was"
      continue
    fi
    now=$(sha256sum < "$path" 2>/dev/null) || now=
    if [ -e "$path" ] && [ "${now%% *}" != "$sum" ]; then
      echo "left: $path was changed by somebody else since"
    elif cp -a "$footprint/kept$path" "$path.sealer-new"; then
      mv -f "$path.sealer-new" "$path"
    fi
  done < "$footprint/sums"
  # What was there before and is gone, by the script or by the one that uninstalls.
  (cd "$footprint/kept" && find . ! -type d) | cut -c 2- | while IFS= read -r path; do
    if [ -e "$path" ] || [ -L "$path" ]; then continue; fi
    mkdir -p "${path%/*}" && cp -a "$footprint/kept$path" "$path"
  done
}

foot_kernel() {
  while IFS= read -r path && IFS= read -r old && IFS= read -r new; do
    now=$(cat "$path" 2>/dev/null) || continue
    if [ "$now" = "$new" ]; then printf '%s\n' "$old" 2>/dev/null > "$path" || :; fi
  done < "$footprint/parameters"
  LC_ALL=C comm -13 "$footprint/before/modules" "$footprint/after/modules" | while IFS= read -r module; do
    modprobe -r "$module" 2>/dev/null || :
  done
  while IFS= read -r swap; do
    grep -qs "^${swap}[[:space:]]" /proc/swaps || swapon "$swap" 2>/dev/null || :
  done < "$footprint/before/swaps"
  if [ "$(cat "$footprint/before/selinux")" = Enforcing ]; then setenforce 1 2>/dev/null || :; fi
}

# Rules go before policies come back: those that let something pass were made for a policy that does not.
foot_filter() {
  foot_netfilter > "$footprint/netfilter"
  LC_ALL=C comm -13 "$footprint/before/netfilter" "$footprint/after/netfilter" > "$footprint/filtered"
  LC_ALL=C comm -12 "$footprint/filtered" "$footprint/netfilter" | while read -r tool table word rule; do
    if [ "$word" = -A ]; then
      printf '*%s\n-D %s\nCOMMIT\n' "$table" "$rule" | "$tool-restore" --noflush || echo "left: $tool $table $rule"
    else
      chain=${rule% *}
      # A table that was not there lets everything pass.
      old=$(sed -n "s/^$tool $table -P $chain //p" "$footprint/before/netfilter")
      "$tool" -t "$table" -P "$chain" "${old:-ACCEPT}" || :
    fi
  done
  LC_ALL=C comm -23 "$footprint/before/netfilter" "$footprint/after/netfilter" | while read -r tool table word rule; do
    if [ "$word" = -A ]; then echo "left: the rule of $tool is gone from the table $table: $rule"; fi
  done
}

foot_start_units() {
  command -v systemctl >/dev/null || return 0
  systemctl daemon-reload || :
  LC_ALL=C comm -23 "$footprint/before/units" "$footprint/after/units" | while IFS= read -r unit; do
    systemctl start "$unit" 2>/dev/null || echo "left: $unit ran before, and does not start again"
  done
}
