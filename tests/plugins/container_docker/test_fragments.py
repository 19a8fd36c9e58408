"""Docker's pieces of sh, run by real shells before a client that keeps names and takes no other words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sealer_container_docker import fragments
from tests.plugins.kit import SHELLS

NAME = "quay.io/team/app:1"
SOURCE = "sea.hub:5000/quay.io/team/app"

# The words, outputs and exit codes are those of docker 20.10.24.
CLIENT = """\
#!/bin/sh
at() { printf '%s/%s' "$IMAGES" "$(printf %s "$1" | tr / '|')"; }
case "$*" in
  "image inspect --format {{.Id}} "*)
    [ -e "$(at "$5")" ] || { echo; echo "Error: No such image: $5" >&2; exit 1; }
    cat "$(at "$5")" ;;
  "image inspect --format {{join .RepoDigests "*)
    for name; do :; done
    [ -e "$(at "$name")" ] || { echo; echo "Error: No such image: $name" >&2; exit 1; }
    id=$(cat "$(at "$name")")
    for file in "$IMAGES"/*; do
      [ "$(cat "$file")" = "$id" ] || continue
      printf '%s@sha256:of-%s\\n' "${file##*/}" "$id" | tr '|' / | sed 's/:1@/@/'
    done ;;
  "--config /etc/docker/sealer pull --quiet "*)
    case $5 in "$LACKED"*) SERVED= ;; esac
    [ -n "$SERVED" ] || { echo "manifest unknown" >&2; exit 1; }
    printf %s "$SERVED" > "$(at "$5")" ;;
  "tag "*)
    if [ -e "$(at "$2")" ]; then cp "$(at "$2")" "$(at "$3")"; else printf %s "$2" > "$(at "$3")"; fi ;;
  "image inspect "*)
    [ -e "$(at "$3")" ] || { echo '[]'; echo "Error: No such image: $3" >&2; exit 1; } ;;
  "image rm "*)
    [ -e "$(at "$3")" ] || { echo "Error: No such image: $3" >&2; exit 1; }
    [ ! -e "$IMAGES/container.k8s_of_$(cat "$(at "$3")")" ] || { echo "Error: conflict" >&2; exit 1; }
    rm "$(at "$3")" ;;
  "ps -aq --filter name=^/k8s_") ls "$IMAGES" | sed -n 's/^container.k8s_/&/p' ;;
  "ps -aq --filter name=^/k8s_ --filter ancestor="*)
    [ ! -e "$(at "${6#ancestor=}")" ] ||
      ls "$IMAGES" | grep -Fx "container.k8s_of_$(cat "$(at "${6#ancestor=}")")" ;;
  "rm -f "*) shift 2; for name; do rm "$IMAGES/$name"; done ;;
  *) echo "unexpected: $*" >&2; exit 125 ;;
esac
"""


class Host:
    """A host with such a client."""

    def __init__(self, shell: tuple[str, ...], directory: Path) -> None:
        self.shell = shell
        self.images = directory / "images"
        self.entry = directory / "entry"
        self.programs = directory / "bin"
        for path in (self.images, self.entry, self.programs):
            path.mkdir()
        (self.programs / "docker").write_text(CLIENT)
        (self.programs / "docker").chmod(0o755)

    def run(self, script: str, served: str = "new", bare: bool = False) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.shell, "-e", "-s"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
            env={
                "PATH": f"{self.programs}:/usr/sbin:/usr/bin:/sbin:/bin",
                "IMAGES": str(self.images),
                "SERVED": served,
                "LACKED": "sea.hub:5000/quay.io/" if bare else "none",
                "entry": str(self.entry),
            },
        )

    @property
    def names(self) -> dict[str, str]:
        return {path.name.replace("|", "/"): path.read_text() for path in self.images.iterdir()}

    def have(self, name: str, identity: str) -> None:
        (self.images / name.replace("/", "|")).write_text(identity)


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    return Host(tuple(request.param), tmp_path)


WITHIN = 'within() { shift; "$@"; }'
BARE = "sea.hub:5000/team/app"
FETCH = fragments.fetch_image(NAME, (f"{SOURCE}:1", f"{BARE}:1"))
FORGET = fragments.forget_image(NAME, (f"{SOURCE}:1", f"{BARE}:1"))


def test_an_image_gets_its_own_name_and_loses_it_again(machine: Host) -> None:
    there = fragments.image_is_there(NAME, "sha256:of-new", "sea.hub:5000")
    assert machine.run(there).returncode != 0
    assert machine.run(FETCH).returncode == 0
    assert machine.names == {NAME: "new", f"{SOURCE}:1": "new"}
    assert machine.run(there).returncode == 0
    assert machine.run(FORGET).returncode == 0
    assert machine.names == {}


def test_an_image_that_the_go_tool_packed_is_found_without_its_domain(machine: Host) -> None:
    assert machine.run(FETCH, bare=True).returncode == 0
    assert machine.names == {NAME: "new", f"{BARE}:1": "new"}
    assert machine.run(fragments.image_is_there(NAME, "sha256:of-new", "sea.hub:5000")).returncode == 0
    assert machine.run(FORGET).returncode == 0
    assert machine.names == {}


def test_what_had_the_name_before_gets_it_back(machine: Host) -> None:
    machine.have(NAME, "old")
    assert machine.run(fragments.image_is_there(NAME, "sha256:of-new", "sea.hub:5000")).returncode != 0
    for _ in range(2):
        assert machine.run(FETCH).returncode == 0
    assert machine.names[NAME] == "new"
    assert machine.run(FORGET).returncode == 0
    assert machine.names == {NAME: "old"}


def test_an_image_that_pods_run_goes_with_their_containers(machine: Host) -> None:
    machine.have(NAME, "old")
    assert machine.run(FETCH).returncode == 0
    machine.have("container.k8s_of_new", "runs")
    machine.have("container.mine", "runs")
    assert machine.run(f"{WITHIN}\n{FORGET}").returncode == 0
    assert machine.names == {NAME: "old", "container.mine": "runs"}


def test_without_a_known_digest_the_name_is_enough(machine: Host) -> None:
    there = fragments.image_is_there(NAME, "", "sea.hub:5000")
    assert machine.run(there).returncode != 0
    machine.have(NAME, "any")
    assert machine.run(there).returncode == 0


def test_an_image_that_the_registry_lacks_is_said_and_nothing_is_named(machine: Host) -> None:
    failed = machine.run(FETCH, served="")
    assert failed.returncode != 0
    assert "manifest unknown" in failed.stderr
    assert machine.names == {}


def test_containers_of_pods_end_and_those_of_others_do_not(machine: Host) -> None:
    for name in ("k8s_POD_web", "k8s_web", "mine"):
        machine.have(f"container.{name}", "runs")
    assert machine.run(f"{WITHIN}\n{fragments.END_PODS_CONTAINERS}").returncode == 0
    assert machine.names == {"container.mine": "runs"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{"ociVersion":"1.0","process":{"oomScoreAdj":-998}}',
            '{"ociVersion":"1.0","process":{"oomScoreAdj":0}}',
        ),
        ('{"process":{"oomScoreAdj":1000}}', '{"process":{"oomScoreAdj":1000}}'),
        ('{"bounding":["CAP_CHOWN","CAP_SYS_RESOURCE"]}', '{"bounding":["CAP_CHOWN"]}'),
        ('{"bounding":["CAP_SYS_RESOURCE","CAP_CHOWN"]}', '{"bounding":["CAP_CHOWN"]}'),
    ],
)
def test_oom_scores_are_bounded_and_all_words_are_passed_on(
    machine: Host, tmp_path: Path, before: str, after: str
) -> None:
    bundle = tmp_path / "a bundle"
    bundle.mkdir()
    (bundle / "config.json").write_text(before)
    runc = machine.programs / "runc"
    runc.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    runc.chmod(0o755)
    text = fragments.BOUNDED_RUNC_TEXT.replace("/usr/local/lib/sealer-docker", str(machine.programs))
    words = ["--root", "/run/x", "create", "--bundle", str(bundle), "id"]
    script = tmp_path / "bounded"
    script.write_text(text)
    done = subprocess.run([*machine.shell, str(script), *words], capture_output=True, text=True, check=True)
    assert done.stdout == "".join(f"{word}|" for word in words)
    assert (bundle / "config.json").read_text() == after
