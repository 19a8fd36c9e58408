# The helper functions of every script that Sealer runs on a host. Needs sh, tar, od and the POSIX tools,
# sha256sum, stat -c and readlink (coreutils or busybox). The script that includes it sets $data and $journal.

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin${PATH:+:$PATH}
LC_ALL=C
export PATH LC_ALL
umask 022

hex() { od -An -v -tx1 | tr -d ' \n'; }

# ---- files ----------------------------------------------------------------------------------------

# mode_is PATH MODE OWNER
mode_is() {
  found=$(stat -c '%a:%U:%G %a:%u:%g' "$1")
  case " $found " in *" $2:$3 "*) ;; *) echo "mode or owner is ${found% *}"; return 1 ;; esac
}

# file_is PATH SHA256 MODE OWNER
file_is() {
  [ -e "$1" ] || { echo "$1 is missing"; return 1; }
  if [ ! -f "$1" ] || [ -L "$1" ]; then echo "$1 is not a plain file"; return 1; fi
  sum=$(sha256sum < "$1")
  [ "${sum%% *}" = "$2" ] || { echo "the content of $1 differs"; return 1; }
  mode_is "$1" "$3" "$4"
}

# above_of PATH: leaves the directory above an absolute path in $above
above_of() {
  above=$1
  while [ "$above" != "${above%/}" ]; do above=${above%/}; done
  above=${above%/*}
  while [ "$above" != "${above%/}" ]; do above=${above%/}; done
  above=${above:-/}
}

# parents_of PATH: the directories above PATH that do not exist, deepest first
parents_of() {
  above_of "$1"
  while [ ! -d "$above" ]; do
    printf '%s\n' "$above"
    above_of "$above"
  done
}

# save_parents PATH: for remove_parents
save_parents() {
  above_of "$1"
  if [ ! -d "$above" ]; then parents_of "$1" > "$entry/parents"; fi
}

# give PATH OWNER: changes the owner unless it is root and already so, which a test tells without a process
give() {
  if [ "$2" = root:root ] && [ -O / ] && [ -G / ] && [ -O "$1" ] && [ -G "$1" ]; then return 0; fi
  chown "$2" "$1"
}

# save_path PATH: remember a file, link or its absence, with its time stamps
save_path() {
  save_parents "$1" || return
  if [ -e "$1" ] || [ -L "$1" ]; then cp -a "$1" "$entry/saved" || return; fi
  if [ -f "$1" ] && [ ! -L "$1" ]; then sha256sum < "$entry/saved" > "$entry/sum"; fi
}

# begin_file PATH [MASK [SMALL]] / finish_file PATH MODE OWNER / rename_over PATH: write $target, then rename. With
# a mask the file is born with its mode; a directory's default access list can thwart that, which shows as a
# difference. $target is beside the path. But what is small is written at once, so where nothing is yet, and no
# other owner is wanted, it may be written in its place: that costs the host a process less.
begin_file() {
  above_of "$1"
  if [ ! -d "$above" ]; then mkdir -p "$above" || return; fi
  target=$1.sealer-new
  if [ -n "${3:-}" ] && [ ! -e "$1" ] && [ ! -L "$1" ] && [ -O / ] && [ -G / ]; then
    target=$1
    umask "$2"
    # Only if it is still not there.
    set -C
    { printf '' > "$1"; } 2>/dev/null
    made=$?
    set +C
    umask 022
    masked=$2
    if [ $made = 0 ]; then return; fi
    target=$1.sealer-new
  fi
  if [ -e "$1.sealer-new" ] || [ -L "$1.sealer-new" ]; then rm -rf "$1.sealer-new" || return; fi
  masked=${2:-}
  case ${reason:-} in mode*) masked= ;; esac
  umask "${masked:-077}"
  printf '' > "$1.sealer-new"
  made=$?
  umask 022
  return $made
}
finish_file() {
  if [ "$target" = "$1" ]; then give "$1" "$3"; return; fi
  give "$1.sealer-new" "$3" || return
  if [ -z "$masked" ]; then chmod "$2" "$1.sealer-new" || return; fi
  rename_over "$1"
}
rename_over() {
  if [ -d "$1" ]; then
    if [ ! -L "$1" ]; then echo "$1 is a directory" >&2; return 1; fi
    # Onto a link to a directory is into that directory.
    rm -f "$1"
  fi
  mv -f "$1.sealer-new" "$1"
}

# restore_path PATH: what save_path remembered
restore_path() {
  if [ -e "$entry/sum" ] && [ "$(sha256sum < "$entry/saved")" != "$(cat "$entry/sum")" ]; then
    echo "the record of it is damaged: $entry/saved is not what $1 was" >&2
    return 1
  fi
  rm -rf "$1.sealer-new"
  if [ -d "$entry/saved" ] && [ ! -L "$entry/saved" ]; then
    # A directory is never written over: it comes back where somebody had taken it out of the way.
    if [ ! -d "$1" ] || [ -L "$1" ]; then
      mkdir -p "$(dirname "$1")" && cp -a "$entry/saved" "$1.sealer-new" && rm -f "$1" &&
        mv "$1.sealer-new" "$1" || return
    fi
  elif [ -e "$entry/saved" ] || [ -L "$entry/saved" ]; then
    mkdir -p "$(dirname "$1")"
    cp -a "$entry/saved" "$1.sealer-new"
    rename_over "$1"
  else
    rm -f "$1"
  fi
  remove_parents
}

# remove_parents: the directories that were missing before, if they are empty now
remove_parents() {
  [ -e "$entry/parents" ] || return 0
  while IFS= read -r directory; do
    rmdir "$directory" 2>/dev/null || return 0
  done < "$entry/parents"
}

# make_directory PATH MODE OWNER
make_directory() {
  if [ -d "$1" ]; then
    give "$1" "$3" && chmod "$2" "$1"
  else
    mkdir -p -m "$2" "$1" && give "$1" "$3"
  fi
}
save_directory() {
  save_parents "$1" || return
  if [ -d "$1" ]; then stat -c '%a %U:%G' "$1" > "$entry/mode"; fi
}
restore_directory() {
  if [ -e "$entry/mode" ]; then
    if [ -d "$1" ]; then
      read -r mode owner < "$entry/mode"
      chown "$owner" "$1"
      chmod "$mode" "$1"
    fi
  else
    rmdir "$1" 2>/dev/null || [ ! -d "$1" ] || return 0
    remove_parents
  fi
}

# lines_ending MARK FILE: those lines, in their order
lines_ending() {
  [ -e "$2" ] || return 0
  awk -v mark="$1" 'length($0) >= length(mark) && substr($0, length($0) - length(mark) + 1) == mark' "$2"
}
# drop_lines_ending MARK FILE: in place, because the file may be a mount of its own
drop_lines_ending() {
  [ -e "$2" ] || return 0
  awk -v mark="$1" 'length($0) < length(mark) || substr($0, length($0) - length(mark) + 1) != mark' "$2" \
    > "$entry/lines"
  cmp -s "$entry/lines" "$2" || cat "$entry/lines" > "$2"
  rm -f "$entry/lines"
}

# ---- trees that programs fill ------------------------------------------------------------------------

# mounts_below PATH: the mount points at or below PATH, deepest first
mounts_below() {
  awk '{print $5}' /proc/self/mountinfo | while IFS= read -r point; do
    point=$(printf '%b' "$point")
    case $point in "$1" | "$1"/*) printf '%s\n' "$point" ;; esac
  done | sort -r
}
unmount_below() {
  mounts_below "$1" | while IFS= read -r point; do umount "$point" || umount -l "$point" || :; done
}

save_tree() {
  save_parents "$1"
  if [ -e "$1" ] || [ -L "$1" ]; then find "$1" | sort > "$entry/before"; fi
}
restore_tree() {
  if [ ! -e "$entry/before" ]; then
    unmount_below "$1"
    rm -rf "$1"
    remove_parents
    return
  fi
  [ -e "$1" ] || return 0
  mounts_below "$1" | while IFS= read -r point; do
    grep -Fxq "$point" "$entry/before" || umount "$point" || umount -l "$point" || :
  done
  find "$1" | sort | comm -13 "$entry/before" - | sort -r | while IFS= read -r path; do
    if [ -d "$path" ] && [ ! -L "$path" ]; then rmdir "$path" 2>/dev/null || :; else rm -f "$path"; fi
  done
}

# ---- systemd -----------------------------------------------------------------------------------------

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
  systemctl restart "$1" || { explain_unit "$1"; return 1; }
  systemctl is-active -q "$1" || { explain_unit "$1"; return 1; }
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

# ---- kernel ------------------------------------------------------------------------------------------

module_is_loaded() {
  underscored=$(printf %s "$1" | tr - _)
  [ -d "/sys/module/$underscored" ] || grep -qs "/$1\.ko" "/lib/modules/$(uname -r)/modules.builtin"
}

remove_new_links() {
  [ -e "$entry/links" ] || return 0
  for path in /sys/class/net/*; do
    link=${path##*/}
    grep -Fxq "$link" "$entry/links" && continue
    for pattern; do
      # The pattern is meant to be one.
      # shellcheck disable=SC2254
      case $link in $pattern) ip link delete dev "$link" 2>/dev/null || : ;; esac
    done
  done
}

list_routes() {
  command -v ip >/dev/null || return 0
  for network; do
    case $network in
      *:*) ip -6 route show table main root "$network" | sed 's/^/-6 /' ;;
      *) ip -4 route show table main root "$network" | sed 's/^/-4 /' ;;
    esac
  done | sed 's/ *$//; s/ linkdown//; s/ dead//'
}
remove_new_routes() {
  [ -e "$entry/routes" ] || return 0
  list_routes "$@" | while IFS= read -r route; do
    grep -Fxq -- "$route" "$entry/routes" && continue
    # A route is a list of words.
    # shellcheck disable=SC2086
    set -- $route
    family=$1
    shift
    ip "$family" route delete "$@" 2>/dev/null || :
  done
}

# Netfilter. A chain of ours is one whose name has one of our prefixes and that was not there before.
netfilter_tools() {
  for tool in iptables ip6tables; do
    if command -v "$tool-save" >/dev/null && command -v "$tool-restore" >/dev/null; then echo "$tool"; fi
  done
}
nft_tables() { if command -v nft >/dev/null; then nft list tables 2>/dev/null || :; fi; }
nft_chains() {
  command -v nft >/dev/null || return 0
  nft list chains 2>/dev/null | awk '/^table / { table = $2 " " $3 } /^[[:space:]]*chain / { print table " " $2 }'
}
save_netfilter() {
  nft_tables > "$entry/nft-tables"
  nft_chains > "$entry/nft-chains"
  for tool in $(netfilter_tools); do
    "$tool-save" 2>/dev/null | sed -n 's/^\*/* /p; s/^:\([^ ]*\).*/: \1/p' > "$entry/$tool-chains" || :
  done
}
remove_new_chains() {
  [ -e "$entry/nft-tables" ] || return 0
  for tool in $(netfilter_tools); do
    [ -e "$entry/$tool-chains" ] || continue
    "$tool-save" 2>/dev/null | removal_of_chains "$entry/$tool-chains" "$@" > "$entry/$tool-removal"
    if [ -s "$entry/$tool-removal" ]; then "$tool-restore" --noflush < "$entry/$tool-removal" || return 1; fi
  done
  remove_empty_chains
  remove_empty_tables
}
# removal_of_chains BEFORE PREFIX...: turns iptables-save output into a restore script that removes our
# chains and the rules that lead to them, and touches nothing else. iptables-restore applies it at once.
removal_of_chains() {
  before=$1
  shift
  awk -v before="$before" -v prefixes="$*" '
    function ours(name,   i) {
      if ((table, name) in kept) return 0
      for (i = 1; i <= count; i++) if (index(name, prefix[i]) == 1) return 1
      return 0
    }
    BEGIN {
      count = split(prefixes, prefix, " ")
      while ((getline line < before) > 0) {
        split(line, word, " ")
        if (word[1] == "*") old = word[2]; else kept[old, word[2]] = 1
      }
    }
    /^\*/ { table = substr($1, 2); rules = flushes = deletions = "" }
    /^:/ {
      name = substr($1, 2)
      if (ours(name)) { flushes = flushes "-F " name "\n"; deletions = deletions "-X " name "\n" }
    }
    /^-A / && !ours($2) {
      text = $0
      gsub(/"([^"\\]|\\.)*"/, "text", text)
      words = split(text, word, " ")
      for (i = 3; i < words; i++)
        if ((word[i] == "-j" || word[i] == "-g") && ours(word[i + 1])) { rules = rules "-D" substr($0, 3) "\n"; break }
    }
    /^COMMIT/ && (rules flushes) != "" { printf "*%s\n%s%s%sCOMMIT\n", table, rules, flushes, deletions }'
}
# nft_is_empty: the text of a table or chain holds nothing but built-in chains that let everything pass
nft_is_empty() {
  awk '
    /^[[:space:]]*(table .*|chain [A-Z]+ \{|type .* hook .*policy accept;|\}|#.*)?$/ { next }
    { found = 1 } END { exit found }'
}
# iptables makes the built-in chains that it needs: those that were not there before and are empty go.
remove_empty_chains() {
  [ -e "$entry/nft-chains" ] || return 0
  nft_chains | while read -r family table chain; do
    grep -Fxq "$family $table $chain" "$entry/nft-chains" && continue
    case $table in filter | nat | mangle | raw | security) ;; *) continue ;; esac
    case $chain in PREROUTING | INPUT | FORWARD | OUTPUT | POSTROUTING) ;; *) continue ;; esac
    if nft list chain "$family" "$table" "$chain" | nft_is_empty; then
      nft delete chain "$family" "$table" "$chain"
    fi
  done
}
# The same of whole tables.
remove_empty_tables() {
  nft_tables | while IFS= read -r line; do
    grep -Fxq "$line" "$entry/nft-tables" && continue
    # "table ip nat" is a list of words.
    # shellcheck disable=SC2086
    set -- $line
    case $3 in filter | nat | mangle | raw | security) ;; *) continue ;; esac
    if nft list table "$2" "$3" | nft_is_empty; then nft delete table "$2" "$3"; fi
  done
}

# ---- image layers --------------------------------------------------------------------------------------

# has_blob HEX: it came, and still is what it was: the power may have failed since
has_blob() {
  [ -f "$data/blobs/sha256/$1" ] || return 1
  sum=$(sha256sum < "$data/blobs/sha256/$1")
  [ "${sum%% *}" = "$1" ]
}

# unpack_layer HEX gzip|zstd|none: from $data/blobs into $data/layers, once
unpack_layer() {
  [ -d "$data/layers/$1" ] && return 0
  mkdir -p "$data/layers"
  rm -rf "$data/layers/$1.new"
  mkdir "$data/layers/$1.new"
  case $2 in
    gzip) tar -xzpf "$data/blobs/sha256/$1" -C "$data/layers/$1.new" ;;
    zstd) tar --zstd -xpf "$data/blobs/sha256/$1" -C "$data/layers/$1.new" ;;
    none) tar -xpf "$data/blobs/sha256/$1" -C "$data/layers/$1.new" ;;
  esac
  # What is in its place is not looked at again, so it must be whole after a power cut as well.
  sync -f "$data/layers/$1.new" 2>/dev/null || sync
  mv "$data/layers/$1.new" "$data/layers/$1"
  rm -f "$data/blobs/sha256/$1"
}

# tree_is PATH "HEX ..." MARK: the tree holds these layers, in this order
tree_is() {
  [ -d "$data/$1" ] || { echo "it is missing"; return 1; }
  [ "$(cat "$data/trees/$3" 2>/dev/null)" = "$2" ] || { echo "its layers differ"; return 1; }
}
note_tree() {
  mkdir -p "$data/trees"
  printf %s "$1" > "$data/trees/$2.new"
  mv "$data/trees/$2.new" "$data/trees/$2"
}

# lay HEX DIRECTORY: link a layer's files into a directory, whiteouts first (OCI image-spec, layer.md).
# Directories of the layer take the place of links to directories, so nothing is written through a link.
lay() {
  (
    cd "$data/layers/$1" || exit 1
    # The inner scripts get the directory and the paths as arguments.
    # shellcheck disable=SC2016
    find . -type d -exec sh -c 'd=$1; shift; for f; do
      if [ ! -d "$d/$f" ] || [ -L "$d/$f" ]; then rm -rf -- "$d/$f"; mkdir -- "$d/$f"; fi; done' sh "$2" {} +
    find . -name '.wh.*' | while IFS= read -r mark; do
      name=${mark##*/}
      above=${mark%"$name"}
      if [ "$name" = .wh..wh..opq ]; then
        find "$2/$above" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +
        find "$above" -type d | while IFS= read -r directory; do mkdir -p "$2/$directory"; done
      else
        rm -rf -- "${2:?}/$above${name#.wh.}"
      fi
    done
    # What a file takes the place of goes first, so that no older link is written through.
    # shellcheck disable=SC2016
    find . ! -type d -exec sh -c 'd=$1; shift; for f; do
      if [ -e "$d/$f" ] || [ -L "$d/$f" ]; then rm -rf -- "$d/$f"; fi; done' sh "$2" {} +
    cp -al . "$2/"
    find . -name '.wh.*' | while IFS= read -r mark; do rm -f "$2/$mark"; done
  )
}
# replace_tree PATH "HEX ..." MARK / merge_tree PATH "HEX ..." MARK
replace_tree() {
  rm -rf "${data:?}/$1.new" "$data/$1.old"
  mkdir -p "$data/$1.new"
  for layer in $2; do lay "$layer" "$data/$1.new"; done
  if [ -e "$data/$1" ]; then mv "$data/$1" "$data/$1.old"; fi
  mv "$data/$1.new" "$data/$1"
  note_tree "$2" "$3"
  rm -rf "$data/$1.old"
}
# restore_layers PATH MARK: the layers that the tree had before, or no tree
restore_layers() {
  if [ -e "$entry/layers" ]; then
    replace_tree "$1" "$(cat "$entry/layers")" "$2"
  else
    rm -rf "${data:?}/$1" "$data/trees/$2"
  fi
}
merge_tree() {
  mkdir -p "$data/$1"
  for layer in $2; do lay "$layer" "$data/$1"; done
  note_tree "$2" "$3"
}

# ---- commands --------------------------------------------------------------------------------------------

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

# ---- waiting --------------------------------------------------------------------------------------------

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
