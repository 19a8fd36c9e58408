# Objects of one application in a cluster. kubectl is on PATH and has its KUBECONFIG; $work is a directory of ours.
# A list of objects has a line for each: KIND or KIND.GROUP, the namespace or "-", the name. What is applied is kept
# as such a list in the cluster, so that what a new version no longer has can be found.

RECORDS=sealer-system
# shellcheck disable=SC1083
lines='{{define "o"}}{{.apiVersion}} {{.kind}} {{if .metadata.namespace}}{{.metadata.namespace}}{{else}}-{{end}} {{.metadata.name}}{{"\n"}}{{end}}{{if .items}}{{range .items}}{{template "o" .}}{{end}}{{else}}{{if .metadata}}{{template "o" .}}{{end}}{{end}}'

# make_work: makes $work, which goes with the subshell
make_work() {
  umask 077
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
}
# without_version: lists objects that come with their apiVersion
without_version() { sed -n 's#^\([^ /]*\)/[^ ]* \([^ ]*\) #\2.\1 #p; t
s#^[^ /]* ##p'; }

# in_namespace NAMESPACE: lets objects that name no namespace be in this one; others keep theirs
in_namespace() {
  [ -n "$1" ] || return 0
  kubectl config view --raw --flatten --minify > "$work/kubeconfig"
  KUBECONFIG=$work/kubeconfig
  export KUBECONFIG
  kubectl config set-context --current --namespace="$1" > /dev/null
}

# rename_images TABLE: prints the manifests on standard input with other names of images: a line "NAME TARGET" for each
rename_images() {
  awk 'BEGIN {
      lines = split(ARGV[1], line, "\n"); ARGV[1] = ""
      for (i = 1; i <= lines; i++) { split(line[i], part, " "); target[part[1]] = part[2] }
    }
    { rest = $0; done = ""
      while (match(rest, /image["\047]?[ \t]*:[ \t]+["\047]?[^"\047 \t\r,{}]+/)) {
        found = substr(rest, RSTART, RLENGTH); name = found; sub(/^.*[ \t"\047]/, "", name)
        if (name in target) found = substr(found, 1, length(found) - length(name)) target[name]
        done = done substr(rest, 1, RSTART - 1) found; rest = substr(rest, RSTART + RLENGTH)
      }
      print done rest
    }' "$1"
}

# kept_objects LIST: prints the list that is kept in the cluster
kept_objects() {
  kubectl get configmap "$1" -n "$RECORDS" --ignore-not-found \
    -o go-template='{{with .data}}{{with .objects}}{{.}}{{end}}{{end}}'
}
# keep_objects LIST OWNER: keeps what comes on standard input as a list in the cluster
keep_objects() {
  {
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n  namespace: %s\n' "$1" "$RECORDS"
    printf '  labels:\n    sealer.io/objects-of: "%s"\ndata:\n  objects: |\n' "$2"
    sed 's/^/    /'
  } > "$work/list"
  have_records
  kubectl apply --server-side --force-conflicts --field-manager=sealer -f "$work/list" > /dev/null
}
have_records() {
  kubectl get namespace "$RECORDS" -o name > /dev/null 2>&1 || kubectl create namespace "$RECORDS" > /dev/null ||
    kubectl get namespace "$RECORDS" -o name > /dev/null
}

# applied OPTION...: applies $work/manifests and lists what came of it
applied() {
  kubectl apply --server-side --force-conflicts --field-manager=sealer "$@" -f "$work/manifests" \
    -o go-template="$lines" > "$work/applied" || return
  without_version < "$work/applied"
}
# apply_objects LIST OWNER: makes the cluster hold what is in $work/manifests, and no longer what it held before
apply_objects() {
  kept_objects "$1" > "$work/old"
  tries=0
  until applied > "$work/new" 2> "$work/errors"; do
    tries=$((tries + 1))
    # What these files themselves define, or make ready, is known a moment later.
    if [ $tries -gt 10 ] || ! grep -q 'no matches for kind\|ensure CRDs are installed\|^.*namespaces ".*" not found\|failed calling webhook\|could not find the requested resource' "$work/errors"; then
      cat "$work/errors" >&2
      # What is there by now is ours: it goes when the application goes.
      kubectl get --ignore-not-found -f "$work/manifests" -o go-template="$lines" 2> /dev/null > "$work/found" || :
      without_version < "$work/found" | sort -u - "$work/old" > "$work/all"
      keep_objects "$1" "$2" < "$work/all"
      return 1
    fi
    sleep 2
  done
  cat "$work/errors" >&2
  gone_objects > "$work/gone"
  if [ -s "$work/gone" ]; then delete_objects 120 < "$work/gone"; fi
  keep_objects "$1" "$2" < "$work/new"
}
# gone_objects: what is in $work/old and not in $work/new; a kind that moved to another group is the same
gone_objects() {
  awk '{ kind = $1; sub(/\..*/, "", kind); what = kind " " $2 " " $3 }
    FILENAME == ARGV[1] { kept[what] = 1; next } !(what in kept)' "$work/new" "$work/old"
}
# delete_objects SECONDS: deletes those listed on standard input, last first, and waits until they are gone
delete_objects() {
  sed '1!G;h;$!d' > "$work/deleting"
  while read -r kind namespace name; do
    [ -n "$name" ] || continue
    if [ "$namespace" = - ]; then set -- "$1"; else set -- "$1" -n "$namespace"; fi
    seconds=$1
    shift
    if ! kubectl delete "$kind" "$name" "$@" --ignore-not-found --wait=false 2> "$work/errors"; then
      # Its kind went with an earlier one.
      grep -q "doesn't have a resource type" "$work/errors" || { cat "$work/errors" >&2; return 1; }
    fi
    set -- "$seconds"
  done < "$work/deleting"
  until=$(($(date +%s) + $1))
  while read -r kind namespace name; do
    [ -n "$name" ] || continue
    if [ "$namespace" = - ]; then set --; else set -- -n "$namespace"; fi
    while :; do
      found=$(kubectl get "$kind" "$name" "$@" --ignore-not-found -o name 2> "$work/errors") || {
        grep -q "doesn't have a resource type" "$work/errors" && break
        cat "$work/errors" >&2
        return 1
      }
      [ -n "$found" ] || break
      if [ "$(date +%s)" -ge "$until" ]; then
        echo "$kind $name is still being deleted" >&2
        return 1
      fi
      sleep 1
    done
  done < "$work/deleting"
}
# remove_objects LIST SECONDS: deletes what is kept in a list, and the list
remove_objects() {
  kept_objects "$1" > "$work/old"
  delete_objects "$2" < "$work/old"
  kubectl delete configmap "$1" -n "$RECORDS" --ignore-not-found > /dev/null
}
# comparable: objects without what says who has set which field, without their status, which changes at any time, and
# without what a list says of itself. kubectl writes "items:" ahead of everything in which a list could be mistaken.
comparable() {
  awk '{ match($0, /^ */); depth = RLENGTH }
    skipping && (depth > skipped || (depth == skipped && substr($0, depth + 1, 2) == "- ")) { next }
    { skipping = 0 }
    /^items:$/ { top = 2 }
    /^ *managedFields:$/ || (depth == top && /^ *status:/) { skipping = 1; skipped = depth; next }
    depth == top + 2 && /^ *(resourceVersion|selfLink): / { next }
    /^metadata:( \{\})?$|^  (resourceVersion|selfLink): ""$/ { next }
    { print }'
}
# live_objects / wanted_objects: what $work/manifests names as it is in the cluster, and as applying would make it
live_objects() { kubectl get --ignore-not-found -f "$work/manifests" -o yaml; }
wanted_objects() {
  kubectl apply --server-side --force-conflicts --field-manager=sealer --dry-run=server -f "$work/manifests" -o yaml
}
# objects_hold LIST: whether the cluster holds what is in $work/manifests, and nothing else is in the list
objects_hold() {
  applied --dry-run=server > "$work/new" 2> "$work/errors" || { echo 'not all of its objects are there'; return 1; }
  kept_objects "$1" > "$work/old"
  sort -u "$work/new" > "$work/sorted"
  sort -u "$work/old" | cmp -s - "$work/sorted" || { echo 'it has other objects'; return 1; }
  wanted_objects > "$work/merged" 2> "$work/errors" || { echo 'it can not be compared'; return 1; }
  comparable < "$work/merged" > "$work/wanted"
  live_objects 2> /dev/null | comparable | cmp -s - "$work/wanted" || { echo 'its objects differ'; return 1; }
}

# wait_for_objects SECONDS: waits until what is listed on standard input is ready
wait_for_objects() {
  until=$(($(date +%s) + $1))
  cat > "$work/waited"
  while read -r kind namespace name; do
    if [ "$namespace" = - ]; then set --; else set -- -n "$namespace"; fi
    left=$((until - $(date +%s)))
    if [ $left -lt 1 ]; then left=1; fi
    case $kind in
      Deployment.apps | StatefulSet.apps | DaemonSet.apps)
        # One that is replaced by hand has no rollout to wait for.
        strategy=$(kubectl get "$kind" "$name" "$@" -o go-template='{{with .spec.updateStrategy}}{{.type}}{{end}}')
        [ "$strategy" != OnDelete ] || continue
        kubectl rollout status "$kind/$name" "$@" --timeout="${left}s" >&2 || { why "$@"; return 1; }
        ;;
      Job.batch) wait_for_job "$name" "$left" "$@" || { why "$@"; return 1; } ;;
      Pod) kubectl wait --for=condition=Ready "pod/$name" "$@" --timeout="${left}s" >&2 || { why "$@"; return 1; } ;;
      CustomResourceDefinition.*)
        kubectl wait --for=condition=Established "$kind/$name" --timeout="${left}s" >&2 || return 1
        ;;
      APIService.*) kubectl wait --for=condition=Available "$kind/$name" --timeout="${left}s" >&2 || return 1 ;;
    esac
  done < "$work/waited"
}
# wait_for_job NAME SECONDS OPTION...: a job that has failed will not complete
wait_for_job() {
  job=$1 seconds=$2
  shift 2
  end=$(($(date +%s) + seconds))
  while :; do
    state=$(kubectl get job "$job" "$@" \
      -o go-template='{{with .status.conditions}}{{range .}}{{if eq .status "True"}}{{.type}} {{end}}{{end}}{{end}}')
    case $state in
      *Complete*) return 0 ;;
      *Failed*) echo "job $job has failed" >&2; return 1 ;;
    esac
    if [ "$(date +%s)" -ge "$end" ]; then echo "job $job is not done" >&2; return 1; fi
    sleep 1
  done
}
# why OPTION...: says what keeps the containers of a namespace waiting
why() {
  kubectl get pods "$@" -o go-template='{{range .items}}{{$pod := .metadata.name}}{{with .status.containerStatuses}}{{range .}}{{with .state.waiting}}{{$pod}}: {{.reason}} {{with .message}}{{.}}{{end}}{{"\n"}}{{end}}{{end}}{{end}}{{end}}' 2>/dev/null | head -n 20 >&2
}
# state_of_objects: prints $work/listed, a line with "=", and what the API server says of those that are there
state_of_objects() {
  cat "$work/listed"
  echo =
  sort -u "$work/listed" | awk '{ what = $1 " " $2; if (what != last && NR > 1) printf "\n"
    if (what != last) printf "%s", what; printf " %s", $3; last = what } END { if (NR) print "" }' > "$work/grouped"
  while read -r kind namespace names; do
    if [ "$namespace" = - ]; then set --; else set -- -n "$namespace"; fi
    # shellcheck disable=SC2086
    kubectl get "$kind" $names "$@" --ignore-not-found -o json 2> "$work/errors" ||
      grep -q "doesn't have a resource type" "$work/errors" || { cat "$work/errors" >&2; return 1; }
  done < "$work/grouped"
}
