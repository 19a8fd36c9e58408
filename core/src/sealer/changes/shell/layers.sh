# Helper functions: the layers of images, and trees made of them.

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

# ground DIRECTORY: make room for the layer in which we are, whiteouts first (OCI image-spec, layer.md).
# Directories of the layer take the place of links to directories, so nothing is written through a link.
ground() {
  # The inner scripts get the directory and the paths as arguments.
  # shellcheck disable=SC2016
  find . -type d -exec sh -c 'd=$1; shift; for f; do
    if [ ! -d "$d/$f" ] || [ -L "$d/$f" ]; then rm -rf -- "$d/$f"; mkdir -- "$d/$f"; fi; done' sh "$1" {} +
  find . -name '.wh.*' | while IFS= read -r mark; do
    name=${mark##*/}
    above=${mark%"$name"}
    if [ "$name" = .wh..wh..opq ]; then
      find "$1/$above" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +
      find "$above" -type d | while IFS= read -r directory; do mkdir -p "$1/$directory"; done
    else
      rm -rf -- "${1:?}/$above${name#.wh.}"
    fi
  done
}
# lay HEX DIRECTORY: link a layer's files into a directory that nobody reads yet
lay() {
  (
    cd "$data/layers/$1" || exit 1
    ground "$2"
    # What a file takes the place of goes first, so that no older link is written through.
    # shellcheck disable=SC2016
    find . ! -type d -exec sh -c 'd=$1; shift; for f; do
      if [ -e "$d/$f" ] || [ -L "$d/$f" ]; then rm -rf -- "$d/$f"; fi; done' sh "$2" {} +
    cp -al . "$2/"
    find . -name '.wh.*' | while IFS= read -r mark; do rm -f "$2/$mark"; done
  )
}
# lay_beside HEX DIRECTORY: the same where others read meanwhile: what is there already is there at every moment
lay_beside() {
  (
    cd "$data/layers/$1" || exit 1
    ground "$2"
    # shellcheck disable=SC2016
    find . ! -type d ! -name '.wh.*' -exec sh -c 'd=$1; shift; for f; do
      if [ -d "$d/$f" ] && [ ! -L "$d/$f" ]; then rm -rf -- "$d/$f"; fi
      if [ -e "$d/$f" ] || [ -L "$d/$f" ]; then
        [ "$d/$f" -ef "$f" ] || { ln -f -- "$f" "$d/$f.new" && mv -f -- "$d/$f.new" "$d/$f"; } || exit 1
      else
        ln -- "$f" "$d/$f" || exit 1
      fi; done' sh "$2" {} +
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
  how=lay_beside
  if [ ! -e "$data/$1" ]; then how=lay; fi
  mkdir -p "$data/$1"
  for layer in $2; do "$how" "$layer" "$data/$1"; done
  note_tree "$2" "$3"
}
