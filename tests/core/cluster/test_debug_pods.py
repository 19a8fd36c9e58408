"""Pods for looking into nodes and pods, and the sh that makes them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from sealer.cluster.debug_pods import (
    HOST_ROOT,
    LABEL,
    Debugging,
    add_container,
    copy_pod,
    end_container,
    images_of,
    likely_image,
    make_pod,
    node_pod,
    remove_pod,
    run_in,
    shell_words,
    wait_for_container,
)
from sealer.errors import UsageError
from sealer.testing.examples import example_cluster
from sealer.testing.shells import syntax_errors

WANTED = Debugging(image="docker.io/library/busybox:1.35", words=("echo", "it's $HOME"), namespace="shop")


def test_a_pod_on_a_node_has_all_of_the_node_and_runs_where_nothing_else_may() -> None:
    pod = node_pod("sealer-debug-1", "n2", WANTED)
    spec = pod["spec"]
    assert pod["metadata"]["labels"] == {LABEL: "sealer-debug-1"}
    assert spec["nodeName"] == "n2"
    assert [spec[name] for name in ("hostPID", "hostIPC", "hostNetwork")] == [True] * 3
    assert spec["tolerations"] == [{"operator": "Exists"}]
    (container,) = spec["containers"]
    assert container["securityContext"] == {"privileged": True}
    assert container["volumeMounts"] == [{"name": "host", "mountPath": HOST_ROOT}]
    assert spec["activeDeadlineSeconds"] <= 8 * 3600
    assert spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (("r/coredns:1", "docker.io/library/busybox:1.35"), "docker.io/library/busybox:1.35"),
        (("r.busybox.example/app:1", "r/alpine:3", "r/netshoot:1"), "r/netshoot:1"),
        (("r:5000/team/my-debug-tools:1", "r/alpine:3"), "r:5000/team/my-debug-tools:1"),
    ],
)
def test_an_image_with_tools_is_chosen_among_those_of_the_cluster(
    images: tuple[str, ...], expected: str
) -> None:
    assert likely_image(images) == expected


def test_no_image_has_tools() -> None:
    with pytest.raises(UsageError, match="no image") as caught:
        likely_image(("registry.busybox.example/coredns:1.7",))
    assert "--image" in (caught.value.hint or "")


def test_the_images_are_those_of_the_cluster_and_of_its_applications() -> None:
    found = images_of(example_cluster(), ("z/app:1",))
    assert "z/app:1" in found
    assert {image.image for image in example_cluster().image.container_images} < set(found)


@pytest.mark.parametrize(
    "wanted", [Debugging(image=""), Debugging(image="a b"), Debugging(image="a", namespace="No")]
)
def test_what_makes_no_sense(wanted: Debugging) -> None:
    with pytest.raises(UsageError):
        wanted.require_sound()


def fake_kubectl(directory: Path, body: str) -> dict[str, str]:
    """Return an environment in which kubectl is a stand-in that notes its words."""
    program = directory / "kubectl"
    program.write_text(
        f'#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done >> "{directory}/words"\n{body}\n'
    )
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}


def ran(script: str, directory: Path, body: str = "") -> tuple[int, list[str], str]:
    env = fake_kubectl(directory, body)
    done = subprocess.run(
        ["sh", "-c", script], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    words = directory / "words"
    return done.returncode, words.read_text().splitlines() if words.exists() else [], done.stderr


def test_words_reach_the_container_as_they_are(tmp_path: Path) -> None:
    assert ran(run_in("p", "c", WANTED), tmp_path)[1] == [
        *("exec", "-n", "shop", "p", "-c", "c", "--"),
        *("echo", "it's $HOME"),
    ]


def test_one_word_is_a_script(tmp_path: Path) -> None:
    wanted = Debugging(image="i", words=("ps | wc -l",))
    assert ran(run_in("p", "c", wanted), tmp_path)[1][-3:] == ["sh", "-c", "ps | wc -l"]


def test_a_pod_reaches_the_server_whole(tmp_path: Path) -> None:
    pod = node_pod("x", "it's n2", WANTED)
    ran(make_pod(pod), tmp_path, f'cat > "{tmp_path}/given"')
    assert json.loads((tmp_path / "given").read_text()) == pod


def test_a_copy_is_marked_as_made_for_looking(tmp_path: Path) -> None:
    words = ran(copy_pod("web-0", "sealer-debug-1", WANTED), tmp_path)[1]
    assert "--copy-to=sealer-debug-1" in words
    assert words[-6:] == ["label", "-n", "shop", "pod", "sealer-debug-1", f"{LABEL}=sealer-debug-1"]


def test_a_container_is_added_with_the_processes_of_its_target_in_sight(tmp_path: Path) -> None:
    words = ran(add_container("web-0", "app", "debugger-1", WANTED), tmp_path)[1]
    assert words[:4] == ["debug", "-n", "shop", "web-0"]
    assert {"--target=app", "--container=debugger-1", f"--image={WANTED.image}"} <= set(words)


def test_the_target_is_the_first_container_unless_one_is_named(tmp_path: Path) -> None:
    script = add_container("web-0", "", "debugger-1", WANTED)
    words = ran(script, tmp_path, '[ "$1" != get ] || echo "app side "')[1]
    assert words[:5] == ["get", "pod", "-n", "shop", "web-0"]
    assert "--target=app" in words
    (tmp_path / "words").unlink()
    status, words, _ = ran(script, tmp_path, 'echo "no such pod" >&2; exit 1')
    assert (status, words[0], "debug" in words) == (1, "get", False)


def test_a_container_that_was_added_is_ended_by_its_own_number(tmp_path: Path) -> None:
    words = ran(add_container("web-0", "app", "debugger-1", WANTED), tmp_path)[1]
    # A kubelet replaces "$$" in the words of a container by "$" (seen with Kubernetes 1.34).
    noted = words[-1].replace("$$", "$").rpartition(";")[0].replace("/tmp", str(tmp_path))
    ended = ran(end_container("web-0", "debugger-1", WANTED), tmp_path)[1][-1].replace("/tmp", str(tmp_path))
    sleeper = subprocess.Popen(["sh", "-c", f"{noted}; exec sleep 100"])
    while not (tmp_path / ".sealer-debug").exists() or not (tmp_path / ".sealer-debug").read_text():
        assert sleeper.poll() is None
    subprocess.run(["sh", "-c", ended], check=True)
    assert sleeper.wait(timeout=60) == -signal.SIGTERM


def test_waiting_ends_when_the_container_runs_and_says_why_it_does_not(tmp_path: Path) -> None:
    assert ran(wait_for_container("p", "c", WANTED), tmp_path, "printf running")[0] == 0
    short = Debugging(image="i", seconds=1)
    status, _, said = ran(
        wait_for_container("p", "c", short), tmp_path, "echo waiting: ImagePullBackOff no such"
    )
    assert status == 1
    assert "c does not run: waiting: ImagePullBackOff no such" in said
    status, _, said = ran(wait_for_container("p", "c", WANTED), tmp_path, "printf 'ended: Error'")
    assert (status, said) == (1, "c does not run: ended: Error\n")


def test_every_shell_can_read_the_scripts() -> None:
    scripts = {
        "run": run_in("p", "c", WANTED),
        "wait": wait_for_container("p", "c", WANTED),
        "copy": copy_pod("p", "c", WANTED),
        "add": add_container("p", "", "c", WANTED),
        "end": end_container("p", "c", WANTED),
        "make": make_pod(node_pod("x", "n", WANTED)),
        "remove": remove_pod("n", "p"),
        "shell": " ".join(shell_words("n", "p", "c")),
    }
    assert syntax_errors(scripts) == []
