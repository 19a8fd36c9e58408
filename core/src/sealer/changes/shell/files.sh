# Helper functions: files, links, directories, and lines in files.

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
