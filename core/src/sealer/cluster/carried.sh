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
# manifests_of REPOSITORY REFERENCE...: prints the digests of manifests, of lists those for the platforms that were packed
manifests_of() {
  repository=$1
  shift
  for reference; do
    root=$(root_of "$repository" "$reference") || return
    found=
    for digest in $(digests_in "$root"); do
      if [ -e "$tree/repositories/$repository/_manifests/revisions/sha256/${digest#sha256:}/link" ]; then
        printf '%s\n' "$digest"
        found=1
      fi
    done
    [ -n "$found" ] || printf '%s\n' "$root"
  done | sort -u
}
# kind_of DIGEST: prints the media type of a manifest or of a list of some; those of OCI need not say theirs
kind_of() {
  if grep -q '"manifests" *:' "$(blob "$1")"; then
    docker=docker.distribution.manifest.list.v2 oci=oci.image.index.v1
  else
    docker=docker.distribution.manifest.v2 oci=oci.image.manifest.v1
  fi
  if grep -q "application/vnd.$docker+json" "$(blob "$1")"; then oci=$docker; fi
  printf 'application/vnd.%s+json\n' "$oci"
}
# config_field MANIFEST FIELD: prints a text that the config of a manifest has; labels may be called the same
config_field() {
  config=$(tr -d ' \t\n' < "$(blob "$1")" | grep -o '"config":{[^}]*}' | grep -o 'sha256:[0-9a-f]\{64\}')
  tr -d '\n' < "$(blob "$config")" | sed 's/"Labels" *: *{[^}]*}//g' |
    grep -o "\"$2\" *: *\"[^\"]*\"" | head -n 1 | sed 's/^.*"\([^"]*\)"$/\1/'
}
# platform_of MANIFEST: prints its platform, as linux/amd64
platform_of() { printf '%s/%s\n' "$(config_field "$1" os)" "$(config_field "$1" architecture)"; }
# list_of MANIFEST...: prints a list of manifests, each for its platform
list_of() {
  case $(kind_of "$1") in
  *docker*) kind=application/vnd.docker.distribution.manifest.list.v2+json ;;
  *) kind=application/vnd.oci.image.index.v1+json ;;
  esac
  printf '{"schemaVersion":2,"mediaType":"%s","manifests":[' "$kind"
  comma=
  for manifest; do
    variant=$(config_field "$manifest" variant)
    printf '%s{"mediaType":"%s","digest":"%s","size":%d,"platform":{"architecture":"%s","os":"%s"%s}}' \
      "$comma" "$(kind_of "$manifest")" "$manifest" "$(wc -c < "$(blob "$manifest")")" \
      "$(config_field "$manifest" architecture)" "$(config_field "$manifest" os)" \
      "${variant:+,\"variant\":\"$variant\"}"
    comma=,
  done
  printf ']}'
}
# laid_out DIRECTORY DIGEST: lays a manifest out as skopeo's transport dir: has it
laid_out() {
  mkdir "$1"
  printf 'Directory Transport Version: 1.1\n' > "$1/version"
  ln -s "$(blob "$2")" "$1/manifest.json"
  for digest in $(digests_in "$2"); do ln -s "$(blob "$digest")" "$1/${digest#sha256:}"; done
}
# begin FUNCTION ARGUMENT...: calls a function beside what was begun before
running=
begin() {
  ( "$@" ) &
  running="$running $!"
}
# all_done: waits for what was begun, and fails if any of it did
all_done() {
  failed=0
  for one in $running; do wait "$one" || failed=1; done
  [ "$failed" = 0 ]
}
# is_pushed REPOSITORY REFERENCES TARGET FLAG...: whether a registry has what the tree has; the flags are skopeo's
is_pushed() {
  repository=$1 references=$2 target=$3
  shift 3
  case $target in
  *@*) wanted=${target#*@} ;;
  *)
    # shellcheck disable=SC2086 # several words
    wanted=$(manifests_of "$repository" $references) || return
    case $wanted in
    *sha256:*sha256:*)
      # shellcheck disable=SC2086
      wanted=$(list_of $wanted | sha256sum)
      wanted=sha256:${wanted%% *}
      ;;
    esac
    ;;
  esac
  found=$(skopeo inspect --raw "$@" "docker://$target" | sha256sum)
  [ "sha256:${found%% *}" = "$wanted" ]
}
# push_image REPOSITORY REFERENCES TARGET FLAG...: pushes the images for the platforms that were packed. A tag stands for
# the only one, or for a list of them; a digest for the list that it named
push_image() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # shellcheck disable=SC2086 # several words
  manifests=$(manifests_of "$1" $2)
  target=$3
  shift 3
  case $target in
  *@*) plain=${target%@*} list=${target#*@} ;;
  *) plain=${target%:*} list= ;;
  esac
  set -- --insecure-policy copy --quiet --preserve-digests --retry-times=3 "$@"
  several=
  case $manifests in *sha256:*sha256:*) several=1 ;; esac
  case $list in '' | "$manifests") ;; *) several=1 ;; esac
  if [ -z "$several" ]; then
    laid_out "$work/image" "$manifests"
    skopeo "$@" "dir:$work/image" "docker://$target" >&2
    return
  fi
  for manifest in $manifests; do
    laid_out "$work/${manifest#sha256:}" "$manifest"
    skopeo "$@" "dir:$work/${manifest#sha256:}" "docker://$plain@$manifest" >&2
  done
  if [ -n "$list" ]; then
    laid_out "$work/list" "$list"
  else
    mkdir "$work/list"
    printf 'Directory Transport Version: 1.1\n' > "$work/list/version"
    # shellcheck disable=SC2086
    list_of $manifests > "$work/list/manifest.json"
  fi
  skopeo "$@" --multi-arch=index-only "dir:$work/list" "docker://$target" >&2 && return
  if [ -n "$list" ]; then
    echo "registries may refuse a list that names images for platforms which are not packed: $target" >&2
  fi
  return 1
}
