"""RUN: commands in the image's own root, apart from the machine, whose changes become a layer."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealer.build import sandbox
from sealer.errors import ImageError
from sealer.events import Message
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage

from .helpers import ARM64, Workshop, entries, files, names

BUSYBOX = shutil.which("busybox") or "/bin/busybox"
SETUP = ("COPY busybox /bin/", 'RUN ["/bin/busybox", "--install", "-s", "/bin"]')


@pytest.fixture
def base(workshop: Workshop) -> Workshop:
    """A workshop with an image ``base:1`` that has a shell and some files."""
    shutil.copy(BUSYBOX, workshop.context / "busybox")
    workshop.put({"etc/conf": "old", "etc/d/one": "1", "etc/d/two": "2"})
    workshop.build("FROM scratch", *SETUP, "COPY etc /etc", name="base:1")
    return workshop


def last(workshop: Workshop, image: StoredImage) -> list[str]:
    return names(workshop.store, image.layers[-1])


def said(workshop: Workshop) -> list[str]:
    return [event.text for event in workshop.events if isinstance(event, Message) and not event.warning]


def test_what_a_command_makes_and_removes_is_a_layer(base: Workshop) -> None:
    image = base.build(
        "FROM base:1",
        "RUN echo new > /etc/conf && rm -r /etc/d && mkdir -p -m 700 /a/b && ln -s b /a/l && echo x > /a/b/c"
        " && ln /a/b/c /a/b/d && (chown 3:4 /a/b/c || true) && chmod 4750 /a/b/c",
    )
    assert last(base, image) == [
        *("a/", "a/b/", "a/b/c", "a/l", "etc/", "etc/conf", "etc/.wh.d", "a/b/d"),
    ]
    found = {entry.name: (entry, data) for entry, data in entries(base.store, image.layers[-1])}
    entry, data = found["a/b/c"]
    assert (data, entry.mode, entry.mtime) == (b"x\n", 0o4750, 0)
    assert (found["a/b"][0].mode, found["a/b/d"][0].islnk()) == (0o700, True)
    if os.geteuid() == 0:
        assert (entry.uid, entry.gid) == (3, 4)
    tree = files(base.store, image)
    assert tree["etc/conf"] == b"new\n"
    assert "etc/d/one" not in tree


def test_commands_see_each_other_and_what_is_copied_between(base: Workshop) -> None:
    base.put({"file": "copied"})
    image = base.build(
        "FROM base:1",
        "RUN mkdir /made && echo 1 > /made/a",
        "COPY file /made",
        "COPY file /other",
        "RUN cat /made/a /made/file /other > /all",
    )
    tree = files(base.store, image)
    assert tree["all"] == b"1\ncopiedcopied"
    assert tree["made/file"] == b"copied"


def test_a_command_that_changes_nothing_leaves_an_empty_layer(base: Workshop) -> None:
    image = base.build("FROM base:1", "RUN true")
    assert last(base, image) == []
    assert image.config["history"][-1]["created_by"] == "RUN true"


def test_the_environment_is_that_of_env_and_arg(base: Workshop) -> None:
    image = base.build(
        "FROM base:1",
        "ARG a=1",
        "ENV b='two $words'",
        "RUN echo $a $b $c $HOME > /env; env >> /env",
        "ARG c=3",
        arguments={"HTTP_PROXY": "http://proxy", "unknown": "x"},
    )
    lines = files(base.store, image)["env"].decode().splitlines()
    assert lines[0] == "1 two $words /root"
    assert "HTTP_PROXY=http://proxy" in lines
    assert not any(line.startswith(("unknown", "c=", "SEALER", "PYTEST")) for line in lines)
    assert image.environment == {"b": "two $words"}
    assert b"proxy" not in image.manifest.encode() + repr(image.config).encode()


def test_a_heredoc_is_a_script(base: Workshop) -> None:
    image = base.build(
        "FROM base:1",
        "RUN <<EOF",
        "set -e",
        "echo one > /one",
        "EOF",
        "RUN <<'EOF'",
        "#!/bin/awk -f",
        'BEGIN { print "two" > "/two" }',
        "EOF",
        "RUN cat <<EOF >/three",
        "three",
        "EOF",
    )
    tree = files(base.store, image)
    assert (tree["one"], tree["two"], tree["three"]) == (b"one\n", b"two\n", b"three\n")
    assert not any("run" in name for layer in image.layers[-3:] for name in names(base.store, layer))


def test_what_fails_is_told_with_its_last_words_and_its_place(base: Workshop) -> None:
    (found,) = base.problems("FROM base:1", "", "RUN echo to say; echo more >&2; exit 3")
    assert found.message == "the command ended with status 3:\nto say\nmore"
    assert (found.place.line, found.place.column) == (3, 1)
    assert "to say" in said(base)


def test_a_root_without_a_shell_is_told(workshop: Workshop) -> None:
    workshop.put({"a": "A"})
    (found,) = workshop.problems("FROM scratch", "COPY a a", "RUN true")
    assert "execvp /bin/sh" in found.message
    assert found.hint is not None
    assert "the image has no shell" in found.hint


def test_a_program_of_another_architecture_is_told(base: Workshop) -> None:
    header = bytearray(Path(BUSYBOX).read_bytes()[:4096])
    header[18:20] = (0xF3 if header[18] != 0xF3 else 0xB7).to_bytes(2, "little")
    base.put({"sh": bytes(header)})
    (found,) = base.problems("FROM scratch", "COPY --chmod=755 sh /bin/sh", "RUN true", platform=ARM64)
    assert found.hint is not None
    assert "qemu-user-static" in found.hint


def test_without_bubblewrap_the_user_is_told_how_to_get_it(
    base: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_PROGRAM", "no-such-bwrap")
    (found,) = base.problems("FROM base:1", "RUN true")
    assert (found.message, found.hint) == (
        "the program bwrap, which isolates commands, is not installed",
        "on Debian and Ubuntu: apt install bubblewrap",
    )


def test_nothing_of_the_machine_is_seen(base: Workshop, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    image = base.build(
        "FROM base:1",
        f"RUN ls {tmp_path} > /seen 2>&1; ls / >> /seen; ls /proc | grep -c '^[0-9]*$' > /processes;"
        " hostname > /name; id -u > /user; ls /dev > /devices",
    )
    tree = files(base.store, image)
    assert b"outside" not in tree["seen"]
    assert set(tree["seen"].split()) >= {b"bin", b"etc", b"proc", b"dev"}
    assert b"home" not in tree["seen"].split()
    assert int(tree["processes"]) < 10
    assert (tree["name"], tree["user"]) == (b"build\n", b"0\n")
    assert not any(name.startswith((b"sd", b"vd", b"mem", b"loop")) for name in tree["devices"].split())


@pytest.mark.parametrize(
    "command",
    [
        "mknod /x b 8 0",
        "mount -t tmpfs none /etc",
        "cat /proc/sys/kernel/core_pattern > /x && cat /x > /proc/sys/kernel/core_pattern",
        "chroot /proc/1/root/../.. /bin/busybox ls /var/lib/dpkg",
        "hostname other",
        "unshare -U true",
    ],
)
def test_what_a_command_must_not_do(base: Workshop, command: str) -> None:
    (found,) = base.problems("FROM base:1", f"RUN {command}")
    assert "ended with status" in found.message


def test_links_of_an_image_lead_nowhere_else(base: Workshop, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    base.context.joinpath("links").mkdir()
    (base.context / "links/out").symlink_to(outside)
    base.build("FROM base:1", "COPY links /links", name="linked:1")
    base.put({"new/file": "written", "new/other": "written"})
    image = base.build(
        "FROM linked:1",
        "RUN true",
        "RUN --mount=type=tmpfs,target=/links/out/t --mount=type=bind,source=new,target=/links/out/b"
        " ls -R / > /seen; echo x > /links/out/c",
    )
    assert sorted(path.name for path in outside.iterdir()) == ["file"]
    inside = f"{outside}/c".lstrip("/")
    assert files(base.store, image)[inside] == b"x\n"


def test_there_is_no_network_unless_it_is_asked_for(base: Workshop) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    command = f"wget -q -O /got http://127.0.0.1:{server.server_port}/"
    try:
        base.problems("FROM base:1", f"RUN {command}")
        base.problems("FROM base:1", f"RUN --network=none {command}", network=True)
        for line, network in ((f"RUN --network=host {command}", False), (f"RUN {command}", True)):
            image = base.build("FROM base:1", line, network=network, cached=False)
            assert files(base.store, image)["got"] == b"here"
            assert "etc/resolv.conf" not in files(base.store, image)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the base class
        pass


def blobs(workshop: Workshop) -> Iterator[bytes]:
    for path in workshop.store.home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if data.startswith(b"\x1f\x8b"):
                data = subprocess.run(["gzip", "-dc"], input=data, check=True, capture_output=True).stdout
            yield data


def test_secrets_are_seen_and_stay_nowhere(base: Workshop) -> None:
    image = base.build(
        "FROM base:1",
        "RUN --mount=type=secret,id=key --mount=type=secret,id=other,target=/etc/other,required=true"
        " --mount=type=secret,id=var,env=TOKEN"
        " cat /run/secrets/key /etc/other | wc -c > /size; echo -n $TOKEN | wc -c >> /size",
        secrets={"key": b"top-secret-1", "other": b"top-secret-2", "var": b"top-secret-3"},
    )
    assert files(base.store, image)["size"].split() == [b"24", b"12"]
    assert last(base, image) == ["size"]
    assert not any(b"top-secret" in data for data in blobs(base))


def test_a_secret_that_is_not_given(base: Workshop) -> None:
    (found,) = base.problems("FROM base:1", "RUN --mount=type=secret,id=key,required true")
    assert (found.message, found.hint) == (
        "the secret key is not given",
        "give it with --secret id=key,src=FILE",
    )
    image = base.build("FROM base:1", "RUN --mount=type=secret,id=key ls /run > /seen 2>&1 || true")
    assert b"secrets" not in files(base.store, image)["seen"]


def test_mounts_of_the_context_and_caches_are_no_part_of_the_image(base: Workshop) -> None:
    base.put({"src/a": "A", "src/hidden": "H", ".kubeignore": "src/hidden\n"})
    command = (
        "RUN --mount=type=bind,source=src,target=/src --mount=type=cache,id=c,target=/cache"
        " --mount=type=tmpfs,target=/tmp echo x >> /cache/n; touch /tmp/t; ls /src > /seen;"
        " cat /cache/n > /n; touch /src/new || echo read-only >> /seen"
    )
    image = base.build("FROM base:1", command)
    assert last(base, image) == ["n", "seen"]
    assert files(base.store, image)["seen"] == b"a\nread-only\n"
    again = base.build("FROM base:1", command, cached=False)
    assert files(base.store, again)["n"] == b"x\nx\n"


def test_a_command_is_not_run_again_while_nothing_has_changed(base: Workshop) -> None:
    lines = (
        "FROM base:1",
        "COPY etc/conf /x",
        "RUN --mount=type=cache,id=n,target=/c echo 1 >> /c/n; cp /c/n /n",
    )

    def ran(*more: str, **options: object) -> int:
        return len(files(base.store, base.build(*lines, *more, **options))["n"].split())

    assert [ran(), ran(), ran("LABEL a=1")] == [1, 1, 1]
    assert ran(cached=False) == 2
    base.put({"etc/conf": "new"})
    assert ran() == 3


def test_a_mount_of_the_context_that_has_changed_runs_a_command_again(base: Workshop) -> None:
    line = "RUN --mount=type=bind,source=etc/conf,target=/conf cp /conf /copy"
    assert files(base.store, base.build("FROM base:1", line))["copy"] == b"old"
    base.put({"etc/conf": "new"})
    assert files(base.store, base.build("FROM base:1", line))["copy"] == b"new"


def test_manifests_that_a_command_writes_are_looked_into(base: Workshop) -> None:
    base.put({"m.yaml": "kind: Pod\nspec: {containers: [{image: Wanted}]}\n"})
    copy = "COPY m.yaml /manifests/"
    with pytest.raises(ImageError, match="'Changed' is not the name of an image"):
        base.build("FROM base:1", copy, "RUN sed -i s/Wanted/Changed/ /manifests/m.yaml")
    assert base.build("FROM base:1", copy, "RUN rm /manifests/m.yaml").metadata.container_images == ()
    assert base.build("FROM base:1", copy, "RUN rm -r /manifests").metadata.container_images == ()


def test_the_same_command_gives_the_same_layer(base: Workshop) -> None:
    line = "RUN mkdir /d; for i in 3 1 2; do echo $i > /d/$i; done"
    one = base.build("FROM base:1", line, cached=False)
    other = base.build("FROM base:1", line, cached=False)
    assert one.digest == other.digest


def test_a_program_that_crashes_leaves_no_core_dump(base: Workshop) -> None:
    image = base.build(
        "FROM base:1", "RUN ulimit -c > /soft; ulimit -H -c > /hard; sh -c 'kill -SEGV $$' || true"
    )
    tree = files(base.store, image)
    assert (tree["soft"], tree["hard"]) == (b"0\n", b"0\n")
    assert last(base, image) == ["hard", "soft"]


def test_sockets_and_pipes_are_no_part_of_the_image(base: Workshop) -> None:
    image = base.build("FROM base:1", "RUN mkfifo /pipe; touch /file")
    assert last(base, image) == ["file"]


def test_a_command_that_prints_without_end_fills_no_memory(base: Workshop) -> None:
    base.build("FROM base:1", "RUN head -c 20000000 /dev/zero; head -c 1000000 /dev/urandom")
    assert max(map(len, said(base))) <= 1 << 17


@pytest.fixture
def others() -> Iterator[Path]:
    """A directory that belongs to a user without privileges, on a path that is open to all."""
    with tempfile.TemporaryDirectory(prefix="sealer-test-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def test_a_user_without_privileges_builds_too(others: Path) -> None:
    home = others / "home"
    base = Workshop(store=ImageStore(home), context=others / "context")
    base.context.mkdir()
    shutil.copy(BUSYBOX, base.context / "busybox")
    base.put({"etc/conf": "old"})
    base.build("FROM scratch", *SETUP, name="base:1")
    for path in others.rglob("*") if os.geteuid() == 0 else ():
        os.chown(path, 65534, 65534, follow_symlinks=False)
    others.chmod(0o777)
    (base.context / "Kubefile").write_text(
        "FROM base:1\n"
        "COPY --chown=5:6 --chmod=0400 etc/conf /private\n"
        "RUN echo x > /made; chmod 600 /private; mkdir -m 000 /closed; id -u > /user\n"
    )
    # The modules may lie where only root can read them, so they are there before privileges are dropped.
    unprivileged = (
        "import os, sys, importlib.metadata, sealer.cli.build\n"
        "import sealer.build.kubefile_build, sealer.build.platforms_build\n"
        "from sealer.cli.program import run\n"
        "run(['plugin', 'list'])\n"
        "if os.geteuid() == 0:\n"
        "    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", unprivileged, "build", "-t", "mine:1", str(base.context)],
        env=os.environ | {"SEALER_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path), "HOME": "/"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    image = base.store.resolve("mine:1")
    found = {entry.name: entry for entry, _ in entries(base.store, image.layers[-1])}
    assert sorted(found) == ["closed", "made", "private", "user"]
    assert (found["private"].uid, found["private"].gid, found["private"].mode) == (5, 6, 0o600)
    assert (found["made"].uid, found["closed"].mode) == (0, 0)
    assert files(base.store, image)["user"] == b"0\n"
    assert not list((home / "images").rglob("build-*"))
