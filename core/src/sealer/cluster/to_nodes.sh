# Container images into the container runtime of every node, through the API server. $import is sh that takes an archive.
# kubectl is on PATH and has its KUBECONFIG.
# A node gets a pod for the time of it: of its own image of pause, which every node has, with the node's programs.

# nodes_and_images: prints a line "NAME PLATFORM IMAGE IMAGE..." for each node, the platform as linux/amd64
nodes_and_images() {
  kubectl get nodes --request-timeout=20s -o go-template='{{range .items}}{{.metadata.name}} {{with .status.nodeInfo}}{{.operatingSystem}}/{{.architecture}}{{end}}{{range .status.images}}{{range .names}} {{.}}{{end}}{{end}}{{"\n"}}{{end}}'
}
# have_images PLATFORMS NAME...: whether every node of these platforms says that it has all these images
have_images() {
  found=$(nodes_and_images) && [ -n "$found" ] || return
  platforms=$1
  shift
  printf '%s\n' "$found" | awk -v names="$*" -v platforms=" $platforms " 'BEGIN { wanted = split(names, name, " ") }
    index(platforms, " " $2 " ") == 0 { next }
    { delete has; for (i = 3; i <= NF; i++) has[$i] = 1
      for (i = 1; i <= wanted; i++) if (!(name[i] in has)) missing = 1 }
    END { exit missing }'
}
# archive_for PLATFORM: prints the directory of the archive for nodes of a platform
archive_for() { printf '%s/archive/%s\n' "$work" "$1"; }
# add_image PLATFORM NAME REPOSITORY REFERENCE: adds an image to the archive for a platform, under the name that pods use
add_image() {
  archive=$(archive_for "$1")
  mkdir -p "$archive/blobs/sha256"
  root=$(root_of "$3" "$4")
  manifest=
  for one in $(manifests_of "$3" "$4"); do
    if [ -z "$manifest" ] || [ "$(platform_of "$one")" = "$1" ]; then manifest=$one; fi
  done
  case $2 in *@*) described=$root ;; *) described=$manifest ;; esac
  for digest in "$root" "$manifest" $(digests_in "$manifest"); do
    if [ -e "$(blob "$digest")" ]; then ln -sf "$(blob "$digest")" "$archive/blobs/sha256/${digest#sha256:}"; fi
  done
  if [ -s "$archive/images" ]; then printf ',' >> "$archive/images"; fi
  printf '{"mediaType":"%s","digest":"%s","size":%d,"annotations":{"io.containerd.image.name":"%s"}}' \
    "$(kind_of "$described")" "$described" "$(wc -c < "$(blob "$described")")" "$2" >> "$archive/images"
}
# pod_of POD NODE IMAGE: prints the pod for a node
pod_of() {
  cat << POD
apiVersion: v1
kind: Pod
metadata:
  name: $1
  namespace: sealer-system
  labels: {sealer.io/purpose: container-images}
spec:
  nodeName: "$2"
  hostNetwork: true
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  tolerations: [{operator: Exists}]
  containers:
  - name: images
    image: "$3"
    imagePullPolicy: Never
    command: [/bin/sh, -c, "sleep 21600"]
    env: [{name: PATH, value: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}]
    volumeMounts:
    - {name: usr, mountPath: /usr, readOnly: true}
    - {name: bin, mountPath: /bin, readOnly: true}
    - {name: lib, mountPath: /lib, readOnly: true}
    - {name: lib64, mountPath: /lib64, readOnly: true}
    - {name: run, mountPath: /run}
  volumes:
  - {name: usr, hostPath: {path: /usr}}
  - {name: bin, hostPath: {path: /bin}}
  - {name: lib, hostPath: {path: /lib}}
  - {name: lib64, hostPath: {path: /lib64}}
  - {name: run, hostPath: {path: /run}}
POD
}
# send_to NODE IMAGE ARCHIVE: sends an archive to one node
send_to() {
  pod=images-$(printf %s "$1" | sha256sum | cut -c 1-16)
  pod_of "$pod" "$1" "$2" > "$work/$pod.yaml"
  kubectl delete pod "$pod" -n sealer-system --ignore-not-found --now > /dev/null 2>&1 || :
  tries=0
  # The namespace may be so new that it has no service account yet.
  until kubectl apply -f "$work/$pod.yaml" > "$work/$pod.log" 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 10 ]; then cat "$work/$pod.log" >&2; return 1; fi
    sleep 1
  done
  status=0
  kubectl wait --for=condition=Ready "pod/$pod" -n sealer-system --timeout=120s > "$work/$pod.log" 2>&1 &&
    tar -C "$3" -chf - oci-layout index.json blobs |
    kubectl exec -i "$pod" -n sealer-system -- /bin/sh -c "$import" >> "$work/$pod.log" 2>&1 || status=1
  if [ $status != 0 ]; then sed "s/^/$1: /" "$work/$pod.log" >&2; fi
  kubectl delete pod "$pod" -n sealer-system --now > /dev/null 2>&1 || :
  return $status
}
# send_archives PLATFORM...: sends each node the archive for its platform, if there is one, to five at one time
send_archives() {
  for platform; do
    archive=$(archive_for "$platform")
    printf '{"imageLayoutVersion":"1.0.0"}' > "$archive/oci-layout"
    printf '{"schemaVersion":2,"manifests":[%s]}' "$(cat "$archive/images")" > "$archive/index.json"
  done
  have_records
  nodes_and_images > "$work/nodes"
  running=0
  while read -r node platform images; do
    archive=$(archive_for "$platform")
    [ -e "$archive/index.json" ] || continue
    pause=$(printf '%s\n' $images | grep '/\([a-z-]*-\)\{0,1\}pause[:@]' | grep -v '@' | head -n 1)
    if [ -z "$pause" ]; then
      echo "$node: it has no image of pause, so nothing can be started there" >> "$work/failures"
      continue
    fi
    { send_to "$node" "$pause" "$archive" < /dev/null 2>> "$work/failures" || echo "$node: failed" >> "$work/failures"; } &
    running=$((running + 1))
    if [ $running = 5 ]; then wait; running=0; fi
  done < "$work/nodes"
  wait
  if [ -s "$work/failures" ]; then cat "$work/failures" >&2; return 1; fi
}
