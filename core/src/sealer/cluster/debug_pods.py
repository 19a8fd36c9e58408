"""Pods and commands for looking into nodes and pods, as data and as the sh that makes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sealer.changes import quote, words
from sealer.errors import UsageError
from sealer.model import Cluster

LABEL = "sealer.io/debug"
"""The label of pods that were made for looking."""

CONTAINER = "debugger"
HOST_ROOT = "/host"
"""Where the node's files are in the pod."""

LONGEST_SECONDS = 8 * 3600
"""How long such a container lives when nobody removes it."""

_FIRST_CONTAINER = (
    '{{with .metadata.annotations}}{{with index . "kubectl.kubernetes.io/default-container"}}{{.}} '
    "{{end}}{{end}}{{range .spec.containers}}{{.name}} {{end}}"
)
_PROCESS = "/tmp/.sealer-debug"  # noqa: S108 - in the container
"""Where a container that was added notes the number of its process, which has those of its pod beside it."""

_LIKELY = ("debug", "netshoot", "toolbox", "busybox", "alpine", "ubuntu", "debian")
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Debugging:
    """What to look into, and with what.

    Attributes:
        image: The container image to look with; it has ``sh`` and ``sleep``.
        words: A command with its arguments to run, a single one for a script, or none for a shell.
        namespace: Of the pod.
        seconds: How long to wait until the image is pulled and the container runs.
    """

    image: str
    words: tuple[str, ...] = ()
    namespace: str = "default"
    seconds: int = 120

    def require_sound(self) -> None:
        """Refuse what can be no image and no namespace.

        Raises:
            UsageError: It can't.
        """
        if not self.image or any(letter.isspace() for letter in self.image):
            raise UsageError(
                f"{self.image!r} is no container image",
                hint="name one that nodes can get: sealer debug images lists those the registry has",
            )
        require_name(self.namespace, "namespace")


def require_name(text: str, what: str) -> None:
    """Refuse what no object of Kubernetes can be called.

    Raises:
        UsageError: It can't.
    """
    if _NAME.fullmatch(text) is None:
        raise UsageError(f"{text!r} is no name of a {what}", hint="names have small letters, digits, - and .")


def likely_image(images: Iterable[str]) -> str:
    """Return the image among those of the cluster's registry that has tools, by its name.

    Raises:
        UsageError: None looks as if it had.
    """
    known = tuple(images)
    for word in _LIKELY:
        for image in known:
            if word in image.rpartition("/")[2].partition(":")[0]:
                return image
    raise UsageError(
        "no image of the cluster's registry looks as if it had a shell",
        hint="name one with --image; sealer debug images lists those that the cluster has",
    )


def with_image(wanted: Debugging, known: Callable[[], Iterable[str]]) -> Debugging:
    """Return what is wanted with an image: the one that was named, or one of the cluster's with tools.

    Args:
        wanted: What is wanted.
        known: Returns the images of the cluster's registry.

    Raises:
        UsageError: No image was named, and none looks as if it had tools.
    """
    found = wanted if wanted.image else replace(wanted, image=likely_image(known()))
    found.require_sound()
    return found


def images_of(cluster: Cluster, stored: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the container images that the cluster's registry serves."""
    return tuple(sorted({*(image.image for image in cluster.image.container_images), *stored}))


def node_pod(name: str, node: str, wanted: Debugging) -> Mapping[str, Any]:
    """Return a pod on one node with all of the node's namespaces and files.

    Args:
        name: Of the pod.
        node: The name of the node.
        wanted: With what.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": wanted.namespace, "labels": {LABEL: name}},
        "spec": {
            "nodeName": node,
            "hostPID": True,
            "hostIPC": True,
            "hostNetwork": True,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "activeDeadlineSeconds": LONGEST_SECONDS,
            # It has to run just where something is wrong.
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": CONTAINER,
                    "image": wanted.image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", str(LONGEST_SECONDS)],
                    "securityContext": {"privileged": True},
                    "volumeMounts": [{"name": "host", "mountPath": HOST_ROOT}],
                }
            ],
            "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
        },
    }


def make_pod(pod: Mapping[str, Any]) -> str:
    """Return sh that makes a pod."""
    return f"printf '%s' {quote(json.dumps(pod))} | kubectl create -f - >&2"


def add_container(pod: str, target: str, name: str, wanted: Debugging) -> str:
    """Return sh that adds a container to a pod that runs, which has its processes in sight.

    Args:
        pod: The name of the pod.
        target: The container whose processes are looked at, or "" for the pod's default, or else its first.
        name: Of the new container.
        wanted: With what.
    """
    asked = ("kubectl", "get", "pod", "-n", wanted.namespace, pod, "-o", f"go-template={_FIRST_CONTAINER}")
    first = f"target=$({words(asked)}) || exit\ntarget=${{target%% *}}"
    debug = (*_debug(pod, wanted), f"--container={name}")
    # Not by $$: in the command of a container that stands for one dollar, as the API of pods says.
    note = f"read -r process rest < /proc/self/stat; echo $process > {_PROCESS}"
    sleep = ("--", "sh", "-c", f"{note}; exec sleep {LONGEST_SECONDS}")
    given = f"target={quote(target)}" if target else first
    return f'{given}\n{words(debug)} "--target=$target" {words(sleep)} >&2'


def end_container(pod: str, name: str, wanted: Debugging) -> str:
    """Return sh that ends a container that was added to a pod: it stays in sight, and does nothing."""
    inside = ("kubectl", "exec", "-n", wanted.namespace, pod, "-c", name, "--")
    # Behind cri-dockerd a command that is running in a container when that ends never returns.
    later = '(sleep 1; kill "$process") > /dev/null 2>&1 < /dev/null &'
    ending = f"process=$(cat {_PROCESS}) || exit; {later}"
    return words((*inside, "sh", "-c", ending))


def _debug(pod: str, wanted: Debugging) -> tuple[str, ...]:
    return ("kubectl", "debug", "-n", wanted.namespace, pod, f"--image={wanted.image}")


def copy_pod(pod: str, copy: str, wanted: Debugging) -> str:
    """Return sh that makes a copy of a pod, with one more container that sees all processes of the others.

    Args:
        pod: The name of the pod.
        copy: The name of the copy.
        wanted: With what.
    """
    flags = (f"--copy-to={copy}", "--share-processes", f"--container={CONTAINER}")
    made = words((*_debug(pod, wanted), *flags, "--", "sleep", str(LONGEST_SECONDS)))
    mark = f"kubectl label -n {quote(wanted.namespace)} pod {quote(copy)} {quote(f'{LABEL}={copy}')}"
    return f"{made} >&2 && {mark} >&2"


def wait_for_container(pod: str, container: str, wanted: Debugging) -> str:
    """Return sh that waits until a container runs, and prints why it does not when time is up."""
    where = f"-n {quote(wanted.namespace)} pod {quote(pod)}"
    states = "containerStatuses", "ephemeralContainerStatuses"
    shown = "".join(
        "{{range .status." + state + '}}{{if eq .name "' + container + '"}}{{if .state.running}}running'
        "{{else if .state.waiting}}waiting: {{.state.waiting.reason}} {{.state.waiting.message}}"
        "{{else}}ended: {{.state.terminated.reason}}{{end}}{{end}}{{end}}"
        for state in states
    )
    return f"""\
left={wanted.seconds}
while state=$(kubectl get {where} -o go-template={quote(shown)} 2>&1); [ "$state" != running ]; do
  left=$((left - 1))
  case $state in ended*) left=0 ;; esac
  if [ "$left" -le 0 ]; then echo "{container} does not run: $state" >&2; exit 1; fi
  sleep 1
done"""


def run_in(pod: str, container: str, wanted: Debugging) -> str:
    """Return sh that runs the wanted command in a container, and ends as it does."""
    inside = words(wanted.words if len(wanted.words) > 1 else ("sh", "-c", *wanted.words))
    return f"kubectl exec -n {quote(wanted.namespace)} {quote(pod)} -c {quote(container)} -- {inside}"


def remove_pod(namespace: str, pod: str) -> str:
    """Return sh that removes a pod."""
    which = f"pod -n {quote(namespace)} {quote(pod)}"
    return f"kubectl delete {which} --ignore-not-found --grace-period=1 --wait=false >&2"


def shell_words(namespace: str, pod: str, container: str) -> Sequence[str]:
    """Return the command that opens a shell in a container, for a terminal."""
    return ("kubectl", "exec", "-it", "-n", namespace, pod, "-c", container, "--", "sh")
