from __future__ import annotations

import platform as machine
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from sealer.build.base_material import Material, Order, gather
from sealer.build.base_parts import Blueprint
from sealer.build.fetch import FetchSettings
from sealer.build.fetch_stream import Retries
from sealer.errors import ImageError, TransportError, UsageError, VerificationError
from sealer.events import Event, Message
from sealer.model import Platform
from tests.core.build_base.http_server import Resource, Server
from tests.core.build_base.material import (
    AMD64,
    ARM64,
    ToyRecipe,
    foreign_program,
    image_archive,
    tar_gz,
    toy_programs,
    write,
)


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def order(tmp_path: Path, events: list[Event], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Order]:
    """Make orders of a machine that is an amd64."""
    monkeypatch.setattr(machine, "machine", lambda: "x86_64")

    def make(
        *,
        version: str | None = None,
        directory: Path | None = None,
        mirror: str | None = None,
        platform: Platform = AMD64,
    ) -> Order:
        scratch = tmp_path / f"scratch{len(list(tmp_path.iterdir()))}"
        scratch.mkdir()
        return Order(
            blueprint=Blueprint(recipe=ToyRecipe()),
            version=version,
            platform=platform,
            directory=directory,
            fetch=FetchSettings(mirror=mirror, retries=Retries(attempts=2, delay=0.001), timeout=5),
            cache=tmp_path / "cache",
            scratch=scratch,
            sink=events.append,
        )

    return make


def publish(server: Server, version: str, architecture: str, files: dict[str, bytes]) -> None:
    tools = {f"./bin/{name}": files[name] for name in ("runner", "extra") if name in files}
    published = {"toyd": files["toyd"], "toyctl": files["toyctl"], "tools.tgz": tar_gz(tools)}
    for name, content in published.items():
        path = f"/toy.example.com/{version}/{architecture}/{name}"
        server.resources[path] = Resource(content)
        line = f"{sha256(content).hexdigest()}  {name}\n"
        server.resources[f"{path}.sha256"] = Resource(line.encode())


def contents(material: Material) -> dict[str, bytes]:
    return {component.path: file.read_bytes() for component, file in material.files}


def warnings(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Message) and event.warning]


# From a directory


async def test_files_are_found_anywhere_below_and_say_which_version_they_are(
    order: Callable[..., Order], tmp_path: Path
) -> None:
    programs = toy_programs("v1.2.3", runner="6.1")
    below = {"a/toyd": programs["toyd"], "toyctl": programs["toyctl"], "b/c/runner": programs["runner"]}
    material = await gather(order(directory=write(tmp_path / "d", below)))
    assert material.version == "v1.2.3"
    assert contents(material) == {f"bin/{name}": content for name, content in programs.items()}
    assert material.labels == {"toy": "v1.2.3", "runner": "6.1"}
    assert material.texts == {"etc/toy.conf": "version=v1.2.3\n"}


async def test_archives_below_are_packed_whole_and_the_rest_is_pulled(
    order: Callable[..., Order], tmp_path: Path, events: list[Event]
) -> None:
    directory = write(tmp_path / "d", toy_programs() | {"notes.tar": b"no tar", "README.md": b""})
    image_archive(directory / "images" / "server.tar", "example.com/toy/server:v1.2.3")
    image_archive(directory / "images" / "more.tar", "busybox:1", transport="oci-archive")
    image_archive(directory / "arm" / "server.tar", "example.com/toy/server:v1.2.3", architecture="arm64")
    material = await gather(order(directory=directory))
    assert [image.name for image in material.archived] == [
        "docker.io/library/busybox:1",
        "example.com/toy/server:v1.2.3",
    ]
    assert material.pulled == ("docker.io/library/pause:1",)
    assert warnings(events) == [
        f"example.com/toy/server:v1.2.3 in {directory}/arm/server.tar is for linux/arm64; it is left out",
        f"{directory}/notes.tar holds no container images; it is left out",
    ]


async def test_one_image_in_two_archives_is_refused(order: Callable[..., Order], tmp_path: Path) -> None:
    directory = write(tmp_path / "d", toy_programs())
    for name in ("a.tar", "b.tar"):
        image_archive(directory / name, "example.com/toy/server:v1.2.3")
    with pytest.raises(ImageError, match=r"server:v1\.2\.3 is in .*a\.tar and in .*b\.tar"):
        await gather(order(directory=directory))


async def test_all_that_is_missing_is_told_at_once(order: Callable[..., Order], tmp_path: Path) -> None:
    programs = toy_programs()
    files = {"x/toyd": foreign_program("arm64"), "a/runner": programs["runner"], "b/runner": b"#!other"}
    directory = write(tmp_path / "d", files)
    with pytest.raises(ImageError) as caught:
        await gather(order(directory=directory))
    assert caught.value.message.splitlines() == [
        f"what is needed for linux/amd64 is not all below {directory}:",
        f"toyd: {directory}/x/toyd is for arm64",
        "toyctl",
        f"runner: different files at {directory}/a/runner and {directory}/b/runner",
    ]
    assert "--from" in (caught.value.hint or "")


async def test_the_same_file_twice_is_no_problem(order: Callable[..., Order], tmp_path: Path) -> None:
    programs = toy_programs()
    directory = write(tmp_path / "d", programs | {"copy/runner": programs["runner"]})
    assert (await gather(order(directory=directory))).version == "v1.2.3"


async def test_of_two_architectures_the_right_one_is_taken(
    order: Callable[..., Order], tmp_path: Path
) -> None:
    programs = toy_programs()
    foreign = {f"arm64/{name}": foreign_program("arm64") for name in programs}
    directory = write(tmp_path / "d", foreign | {f"x/{n}": c for n, c in programs.items()})
    assert contents(await gather(order(directory=directory)))["bin/toyd"] == programs["toyd"]


async def test_programs_of_another_version_are_refused(order: Callable[..., Order], tmp_path: Path) -> None:
    directory = write(tmp_path / "d", toy_programs("v1.2.3"))
    with pytest.raises(
        ImageError, match=r"not all programs are of toy v1\.2\.4: toyd is v1\.2\.3, toyctl is v1\.2\.3"
    ):
        await gather(order(directory=directory, version="1.2.4"))


async def test_programs_of_different_versions_are_refused(
    order: Callable[..., Order], tmp_path: Path
) -> None:
    files = toy_programs("v1.2.3") | {"toyd": toy_programs("v1.2.4")["toyd"]}
    directory = write(tmp_path / "d", files)
    with pytest.raises(
        ImageError, match=r"of different versions of toy: toyd is v1\.2\.4, toyctl is v1\.2\.3"
    ):
        await gather(order(directory=directory))


async def test_programs_that_cannot_run_here_are_told_with_a_way_out(
    order: Callable[..., Order], tmp_path: Path
) -> None:
    directory = write(tmp_path / "d", {name: foreign_program("arm64") for name in toy_programs()})
    with pytest.raises(
        ImageError, match="toyd can't be read: it is for linux/arm64, which linux/amd64 can't run"
    ) as caught:
        await gather(order(directory=directory, platform=ARM64, version="1.2.3"))
    assert "leave --from out" in (caught.value.hint or "")


async def test_a_directory_that_is_none_is_told(order: Callable[..., Order], tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="nowhere is not a directory"):
        await gather(order(directory=tmp_path / "nowhere"))


# From upstream


async def test_upstreams_files_are_downloaded_verified_and_unpacked(
    order: Callable[..., Order], server: Server
) -> None:
    programs = toy_programs() | {"extra": b"#!optional"}
    publish(server, "v1.2.3", "amd64", programs)
    material = await gather(order(version="1.2.3", mirror=server.url))
    assert contents(material) == {
        "bin/toyd": programs["toyd"],
        "bin/toyctl": programs["toyctl"],
        "bin/runner": programs["runner"],
        "lib/extra": programs["extra"],
    }
    assert material.pulled == ("example.com/toy/server:v1.2.3", "docker.io/library/pause:1")
    before = len(server.requests)
    assert await gather(order(version="v1.2.3", mirror=server.url))
    assert len(server.requests) == before


async def test_a_version_is_needed_to_download(order: Callable[..., Order]) -> None:
    with pytest.raises(UsageError, match="which version is not said"):
        await gather(order())


async def test_for_another_architecture_our_own_program_lists_the_images(
    order: Callable[..., Order], server: Server
) -> None:
    foreign = {name: foreign_program("arm64") for name in toy_programs()}
    publish(server, "v1.2.3", "arm64", foreign)
    publish(server, "v1.2.3", "amd64", toy_programs())
    material = await gather(order(version="1.2.3", mirror=server.url, platform=ARM64))
    assert set(contents(material).values()) == {foreign_program("arm64")}
    assert material.labels == {"toy": "v1.2.3", "runner": "7.0"}
    assert material.pulled == ("example.com/toy/server:v1.2.3", "docker.io/library/pause:1")


async def test_upstreams_programs_for_another_architecture_are_refused(
    order: Callable[..., Order], server: Server
) -> None:
    publish(server, "v1.2.3", "amd64", toy_programs() | {"runner": foreign_program("arm64")})
    with pytest.raises(ImageError, match="upstream's runner is not for linux/amd64"):
        await gather(order(version="1.2.3", mirror=server.url))


async def test_a_release_that_lacks_something_is_refused(order: Callable[..., Order], server: Server) -> None:
    publish(server, "v1.2.3", "amd64", {n: c for n, c in toy_programs().items() if n != "runner"})
    with pytest.raises(ImageError, match="upstream's release has no runner"):
        await gather(order(version="1.2.3", mirror=server.url))


async def test_a_version_that_was_never_published_is_told(
    order: Callable[..., Order], server: Server
) -> None:
    with pytest.raises(TransportError, match="the server answers 404") as caught:
        await gather(order(version="9.9.9", mirror=server.url))
    assert "check the version" in (caught.value.hint or "")


async def test_bytes_that_were_changed_on_the_way_are_refused(
    order: Callable[..., Order], server: Server
) -> None:
    publish(server, "v1.2.3", "amd64", toy_programs())
    server.resources["/toy.example.com/v1.2.3/amd64/toyd"] = Resource(b"#!/bin/sh\nrm -rf /\n")
    with pytest.raises(VerificationError, match="toyd from"):
        await gather(order(version="1.2.3", mirror=server.url))
