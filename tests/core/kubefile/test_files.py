"""ADD, RUN with its flags, and instructions that are deprecated."""

from __future__ import annotations

import pytest

from sealer.kubefile.instructions import Add, Command, Maintainer, MountKind, Run, RunMount

from .helpers import instruction, kubefile, problem, problems

DIGEST = "sha256:" + "0" * 64


def add(line: str) -> Add:
    found = instruction(line)
    assert isinstance(found, Add)
    return found


def run(line: str) -> Run:
    found = instruction(line)
    assert isinstance(found, Run)
    return found


def test_add_takes_paths_addresses_and_heredocs() -> None:
    found = add("ADD --chown=1 --unpack a.tar https://x.org/b?token=1 c/ d/")
    assert [str(source) for source in found.sources] == ["a.tar", "c/"]
    assert [source.url for source in found.remote] == ["https://x.org/b?token=1"]
    assert (found.unpack, found.mode) == (True, None)
    assert add("ADD --unpack=false a b").unpack is False
    assert add("ADD a b").unpack is None


def test_add_with_a_checksum() -> None:
    found = add(f"ADD --checksum={DIGEST} https://x.org/b /c")
    assert (found.digest, found.remote[0].digest) == (DIGEST, DIGEST)
    assert add(f"ADD --checksum={DIGEST} b /c").digest == DIGEST


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        ("ADD a", "ADD needs a source and a destination", 6),
        ("ADD ../a b", "../a leaves the build context", 5),
        ("ADD https://x.org/ b", "the URL does not end in a file name", 5),
        ("ADD https://u:p@x.org/a b", "a URL must not hold credentials", 5),
        ("ADD git@x.org:a/b.git c", "ADD of a Kubefile fetches no git repositories", 5),
        ("ADD https://x.org/b.git#v1 c", "ADD of a Kubefile fetches no git repositories", 5),
        ("ADD --checksum=md5:1 a b", "'md5:1' is no checksum", 5),
        (f"ADD --checksum={DIGEST} a b c/", "--checksum needs exactly one source", 5),
        (
            f"ADD --checksum={DIGEST} https://x.org/a#sha256={'1' * 64} c",
            "--checksum and the address name different digests",
            5,
        ),
        ("ADD --unpack=maybe a b", "'maybe' is neither true nor false", 5),
        ("ADD --keep-git-dir=true a b", "ADD of a Kubefile has no --keep-git-dir", 5),
    ],
)
def test_wrong_add(line: str, message: str, column: int) -> None:
    assert problem(line) == (message, column)


def test_a_heredoc_needs_a_destination() -> None:
    (found,) = problems("FROM scratch", "COPY a <<A", "A")
    assert found.message == "COPY needs a destination"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type=secret,id=key", {"kind": MountKind.SECRET, "target": "run/secrets/key", "source": "key"}),
        (
            "type=secret,id=key,dst=/x/y,required",
            {"kind": MountKind.SECRET, "target": "x/y", "source": "key", "required": True},
        ),
        (
            "type=secret,id=key,env=KEY",
            {"kind": MountKind.SECRET, "target": "", "source": "key", "env": "KEY"},
        ),
        ("type=tmpfs,target=/tmp", {"kind": MountKind.TMPFS, "target": "tmp"}),
        ("type=bind,src=a/b,target=/c", {"kind": MountKind.BIND, "target": "c", "source": "a/b"}),
        ("target=/c", {"kind": MountKind.BIND, "target": "c"}),
        ("type=cache,target=/c", {"kind": MountKind.CACHE, "target": "c", "source": "c"}),
        ("type=cache,id=apt,target=/c", {"kind": MountKind.CACHE, "target": "c", "source": "apt"}),
    ],
)
def test_mounts_of_run(text: str, expected: dict[str, object]) -> None:
    (mount,) = run(f"RUN --mount={text} true").mounts
    assert mount == RunMount(place=mount.place, **expected)  # type: ignore[arg-type]  # fields by name


def test_run_takes_flags() -> None:
    found = run("RUN --network=host --mount=type=tmpfs,target=/a --mount=type=tmpfs,target=/b true")
    assert (found.network, len(found.mounts)) == ("host", 2)
    assert run("RUN --network=default true").network is None


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        ("RUN", "RUN needs a command", 4),
        ("RUN --network=my true", "the network 'my' is unknown", 5),
        ("RUN --security=insecure true", "RUN of a Kubefile has no --security but sandbox", 5),
        ("RUN --mount=type=ssh true", "the type 'ssh' of a mount is unknown", 5),
        ("RUN --mount=type=tmpfs true", "the mount needs a target", 5),
        ("RUN --mount=type=tmpfs,target=/../a true", "/../a leaves the image", 5),
        ("RUN --mount=type=bind,source=../a,target=/b true", "../a leaves the build context", 5),
        ("RUN --mount=type=secret true", "the secret has no id", 5),
        ("RUN --mount=type=secret,id=a,id=b true", "id is given twice", 5),
        ("RUN --mount=type=tmpfs,target=/a,from=b true", "a mount of the type tmpfs takes no 'from'", 5),
        ("RUN --mount=type=secret,id=a,env=1 true", "'1' is no name of a variable", 5),
    ],
)
def test_wrong_run(line: str, message: str, column: int) -> None:
    assert problem(line) == (message, column)


def test_what_looks_like_json_and_is_none_is_warned_of() -> None:
    (caution,) = kubefile("FROM scratch", 'RUN ["a" "b"]').cautions
    assert caution.message == "this is no JSON array of strings, so the shell runs it"


def test_deprecated_instructions_are_warned_of() -> None:
    found = kubefile("FROM scratch", "MAINTAINER Jane <j@x.org>", "CMD kubectl apply -f a", 'CMD ["b", "c"]')
    _, maintainer, first, second = found.instructions
    assert isinstance(maintainer, Maintainer)
    assert maintainer.name == "Jane <j@x.org>"
    assert isinstance(first, Command)
    assert isinstance(second, Command)
    assert (first.command, second.command) == ("kubectl apply -f a", "b c")
    assert [caution.message for caution in found.cautions] == [
        "MAINTAINER is deprecated",
        "CMD is deprecated",
        "CMD is deprecated",
    ]


@pytest.mark.parametrize("ending", ["LAUNCH a", "CMDS a"])
def test_cmd_and_what_ends_a_file_exclude_each_other(ending: str) -> None:
    (found,) = problems("FROM scratch", "CMD a", ending)
    assert found.message == f"CMD and {ending.split(maxsplit=1)[0]} exclude each other"
    assert found.place.line == 2


def test_dots_that_stand_for_more_are_left_out_with_a_warning() -> None:
    found = kubefile("FROM scratch", "LABEL a=1 ...", "......")
    assert [caution.message for caution in found.cautions] == [
        "... stands for nothing and is left out",
        "...... stands for nothing and is left out",
    ]
