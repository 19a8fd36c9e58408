# What nobody needs any more in the storage of a registry into which image layers were merged. $2 are always the marks of
# the trees that stay, $1 is what the marks of all trees merged there begin with.

# spent_marks BEGIN "MARK ...": prints the marks of merged trees that do not stay
spent_marks() {
  for note in "$data/trees/$1"-*; do
    [ -e "$note" ] || continue
    case " $2 " in *" ${note##*/} "*) ;; *) printf '%s\n' "${note##*/}" ;; esac
  done
}
# spent_layers BEGIN "MARK ...": prints the layers that belong to no tree that stays, nor to one that can be restored
spent_layers() {
  needed=$(
    for note in "$data"/trees/*; do
      [ -f "$note" ] || continue
      case ${note##*/} in "$1"-*) case " $2 " in *" ${note##*/} "*) ;; *) continue ;; esac ;; esac
      cat "$note"
      echo
    done
    for note in "$data"/journal/*/layers; do [ ! -f "$note" ] || { cat "$note"; echo; }; done
  )
  for layer in "$data"/layers/*; do
    [ -d "$layer" ] || continue
    case " $(printf %s "$needed" | tr '\n' ' ') " in
      *" ${layer##*/} "*) ;;
      *) printf '%s\n' "${layer##*/}" ;;
    esac
  done
}
# is_pruned BEGIN "MARK ...": nothing is there that does not stay; else it says how much
is_pruned() {
  marks=$(spent_marks "$1" "$2" | grep -c .) || :
  layers=$(spent_layers "$1" "$2")
  [ "$marks" = 0 ] && [ -z "$layers" ] && return 0
  size=$(printf '%s\n' "$layers" | (cd "$data/layers" && xargs du -sk 2>/dev/null) | awk '{ sum += $1 } END { print int(sum / 1024) }')
  echo "layers of $marks images that nothing needs: $size MB"
  return 1
}
# linked STORAGE: prints the digests that repositories name, in hexadecimal
linked() {
  find "$1/docker/registry/v2/repositories" -path '*/sha256/*/link' 2>/dev/null |
    sed -n 's|.*/sha256/\([0-9a-f]\{64\}\)/link$|\1|p' | sort -u
}
# withdraw STORE FILE "LAYER ...": takes away a file of the storage, or puts that of the first of these layers that has it in
# its place: there is no moment without it, because somebody may be pulling.
withdraw() {
  for other in $3; do
    [ -e "$data/layers/$other/$2" ] || continue
    if [ ! "$1/$2" -ef "$data/layers/$other/$2" ]; then
      ln -f "$data/layers/$other/$2" "$1/$2.new" && mv -f "$1/$2.new" "$1/$2"
    fi
    return
  done
  rm -f "$1/$2"
}
# prune_store PATH BEGIN "MARK ...": takes away what spent layers brought, and the layers. What somebody pushed stays, with
# all blobs that it shares; so do those that other images share. A name that two images have means that of one that stays.
# The registry serves and takes pushes meanwhile: one that found a blob there just before it went gets it back in the end.
prune_store() {
  store=$data/$1
  layers=$(spent_layers "$2" "$3")
  # Of two that brought the same file the later one counts: it is put back first, and not replaced.
  staying=
  for mark in $3; do
    if [ -f "$data/trees/$mark" ]; then for layer in $(cat "$data/trees/$mark"); do staying="$layer $staying"; done; fi
  done
  # A layer may belong to a tree of another place as well: it stays then, and what it brought here goes.
  leaving=$layers
  for mark in $(spent_marks "$2" "$3"); do
    for layer in $(cat "$data/trees/$mark"); do
      case " $staying $(printf %s "$leaving" | tr '\n' ' ') " in *" $layer "*) ;; *) leaving="$leaving $layer" ;; esac
    done
  done
  for layer in $leaving; do
    [ -d "$data/layers/$layer" ] || continue
    (cd "$data/layers/$layer" && find . -type f -path './registry/docker/registry/v2/repositories/*') |
      while IFS= read -r file; do
        if [ "$store/$file" -ef "$data/layers/$layer/$file" ]; then withdraw "$store" "$file" "$staying"; fi
      done
  done
  for layer in $staying; do
    (cd "$data/layers/$layer" && find . -type f -path './registry/docker/registry/v2/repositories/*') |
      while IFS= read -r file; do
        if [ ! -e "$store/$file" ]; then
          mkdir -p "$store/${file%/*}"
          ln "$data/layers/$layer/$file" "$store/$file"
        fi
      done
  done
  linked "$store/registry" > "$entry/linked"
  for layer in $leaving; do
    [ -d "$data/layers/$layer" ] || continue
    (cd "$data/layers/$layer" && find . -type f -path './registry/docker/registry/v2/blobs/*') |
      while IFS= read -r file; do
        digest=${file%/data}
        grep -qx "${digest##*/}" "$entry/linked" || rm -f "$store/$file"
      done
  done
  sleep 0.5  # longer than a registry takes from finding a blob to linking it
  linked "$store/registry" > "$entry/linked"
  for layer in $leaving; do
    [ -d "$data/layers/$layer" ] || continue
    (cd "$data/layers/$layer" && find . -type f -path './registry/docker/registry/v2/blobs/*') |
      while IFS= read -r file; do
        digest=${file%/data}
        if [ ! -e "$store/$file" ] && grep -qx "${digest##*/}" "$entry/linked"; then
          mkdir -p "$store/${file%/*}"
          ln "$data/layers/$layer/$file" "$store/$file"
        fi
      done
  done
  rm -f "$entry/linked"
  find "$store/registry" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || :
  for mark in $(spent_marks "$2" "$3"); do rm -f "$data/trees/$mark"; done
  for layer in $layers; do
    # One that is half gone must not look like one that was unpacked.
    gone=$data/layers/${layer%.new}.new
    [ "$gone" = "$data/layers/$layer" ] || mv "$data/layers/$layer" "$gone"
    rm -rf "$gone"
  done
}
