# Container images out of the tree of a registry's storage, for whoever is to have them. $tree is its docker/registry/v2.

# blob DIGEST: prints the path of a blob
blob() {
  hex=${1#sha256:}
  printf '%s/blobs/sha256/%s/%s/data\n' "$tree" "${hex%"${hex#??}"}" "$hex"
}
# digests_in DIGEST: prints the digests that a manifest or a list of some names
digests_in() { grep -o 'sha256:[0-9a-f]\{64\}' "$(blob "$1")" | sort -u; }
# root_of REPOSITORY REFERENCE: prints the digest that a tag stands for; one that is given stands for itself
root_of() {
  case $2 in
  sha256:*) printf '%s\n' "$2" ;;
  *) cat "$tree/repositories/$1/_manifests/tags/$2/current/link" ;;
  esac
}
# manifest_of REPOSITORY DIGEST: prints the digest of the manifest for the platform that was packed, of a list of several
manifest_of() {
  for digest in $(digests_in "$2"); do
    if [ -e "$tree/repositories/$1/_manifests/revisions/sha256/${digest#sha256:}/link" ]; then
      printf '%s\n' "$digest"
      return
    fi
  done
  printf '%s\n' "$2"
}
# laid_out DIRECTORY DIGEST: lays a manifest out as skopeo's transport dir: has it
laid_out() {
  mkdir "$1"
  printf 'Directory Transport Version: 1.1\n' > "$1/version"
  ln -s "$(blob "$2")" "$1/manifest.json"
  for digest in $(digests_in "$2"); do ln -s "$(blob "$digest")" "$1/${digest#sha256:}"; done
}
# is_pushed REPOSITORY REFERENCE TARGET FLAG...: whether a registry has what the tree has; the flags are skopeo's
is_pushed() {
  root=$(root_of "$1" "$2") || return
  case $2 in sha256:*) wanted=$root ;; *) wanted=$(manifest_of "$1" "$root") ;; esac
  target=$3
  shift 3
  found=$(skopeo inspect --raw "$@" "docker://$target" | sha256sum)
  [ "sha256:${found%% *}" = "$wanted" ]
}
# push_image REPOSITORY REFERENCE TARGET FLAG...: pushes the image for its one platform, and the list that was named by
# its digest; tags stand for that one image there
push_image() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  root=$(root_of "$1" "$2")
  manifest=$(manifest_of "$1" "$root")
  laid_out "$work/image" "$manifest"
  target=$3 list=
  if [ "$2" = "$root" ] && [ "$root" != "$manifest" ]; then
    list=$target
    target=${target%@*}@$manifest
  fi
  shift 3
  set -- --insecure-policy copy --quiet --preserve-digests --retry-times=3 "$@"
  skopeo "$@" "dir:$work/image" "docker://$target" >&2
  if [ -n "$list" ]; then
    laid_out "$work/list" "$root"
    skopeo "$@" --multi-arch=index-only "dir:$work/list" "docker://$list" >&2
  fi
}
