"""Inputs of base images for tests: programs that are scripts, programs for other machines, tiny images."""

from __future__ import annotations

import json
import struct
import subprocess
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from sealer.model import Platform
from sealer.providers import BaseRecipe, Component, Download, ProgramQuery

AMD64 = Platform(architecture="amd64")
ARM64 = Platform(architecture="arm64")
MACHINES = {"amd64": 0x3E, "arm64": 0xB7}


def script(text: str) -> bytes:
    return f"#!/bin/sh\n{text}\n".encode()


def foreign_program(architecture: str) -> bytes:
    """Return a program that says whose it is, and that no machine can run: it has no class."""
    return b"\x7fELF\x00\x01\x01".ljust(18, b"\0") + struct.pack("<H", MACHINES[architecture]).ljust(
        100, b"\0"
    )


def write(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def tar_gz(members: Mapping[str, bytes]) -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mode = 0o755
            tar.addfile(info, BytesIO(content))
    return buffer.getvalue()


def image_archive(
    path: Path, name: str, *, architecture: str = "amd64", transport: str = "docker-archive"
) -> Path:
    """Write an archive of a one-file container image, in skopeo's own hand."""
    layout = path.with_suffix(".layout")
    layer = BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        info = tarfile.TarInfo("name")
        info.size = len(name)
        tar.addfile(info, BytesIO(name.encode()))
    diff = _blob(layout, layer.getvalue())
    config = {
        "architecture": architecture,
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [diff["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _blob(layout, json.dumps(config).encode())
        | {"mediaType": "application/vnd.oci.image.config.v1+json"},
        "layers": [diff | {"mediaType": "application/vnd.oci.image.layer.v1.tar"}],
    }
    entry = _blob(layout, json.dumps(manifest).encode()) | {"mediaType": manifest["mediaType"]}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["skopeo", "copy", "--quiet", "--override-arch", architecture, f"oci:{layout}"]
    subprocess.run([*command, f"{transport}:{path}:{name}"], check=True, capture_output=True)
    return path


def _blob(layout: Path, data: bytes) -> dict[str, object]:
    digest = sha256(data).hexdigest()
    path = layout / "blobs" / "sha256" / digest
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


class ToyRecipe(BaseRecipe):
    """A distribution of a program that knows its version and its container images, and an archive."""

    name = "toy"
    summary = "A toy of a distribution"

    def canonical_version(self, version: str) -> str:
        return f"v{version.removeprefix('v')}"

    def components(self, platform: Platform) -> tuple[Component, ...]:
        asked = {"version_arguments": ("version",), "version_pattern": r"version (\S+)"}
        return (
            Component(name="toyd", path="bin/toyd", carries_version=True, **asked),  # type: ignore[arg-type]  # see above
            Component(name="toyctl", path="bin/toyctl", carries_version=True, **asked),  # type: ignore[arg-type]  # see above
            Component(name="runner", path="bin/runner", **asked),  # type: ignore[arg-type]  # see above
            Component(name="extra", path="lib/extra", optional=True),
        )

    def downloads(self, version: str, platform: Platform) -> tuple[Download, ...]:
        base = f"https://toy.example.com/{version}/{platform.architecture}"
        return (
            *(
                Download(url=f"{base}/{n}", checksum=f"{base}/{n}.sha256", version=version, component=n)
                for n in ("toyd", "toyctl")
            ),
            Download(
                url=f"{base}/tools.tgz",
                checksum=f"{base}/tools.tgz.sha256",
                version="7.0",
                members={"bin/runner": "runner", "bin/extra": "extra"},
            ),
        )

    def image_query(self, version: str) -> ProgramQuery:
        return ProgramQuery(component="toyctl", arguments=("images", version))

    def container_images(self, version: str, platform: Platform, answer: str) -> tuple[str, ...]:
        return tuple(answer.split())

    def labels(self, version: str, versions: Mapping[str, str]) -> Mapping[str, str]:
        return {"toy": version, "runner": versions["runner"]}

    def files(self, version: str, platform: Platform) -> Mapping[str, str]:
        return {"etc/toy.conf": f"version={version}\n"}


def toy_programs(
    version: str = "v1.2.3", runner: str = "7.0", images: str = "example.com/toy/server:v1.2.3 pause:1"
) -> dict[str, bytes]:
    listing = f'[ "$1" = images ] && {{ [ "$2" = {version} ] && echo {images}; exit; }}'
    return {
        "toyd": script(f"echo 'toyd version {version}'"),
        "toyctl": script(f"{listing}\necho 'version {version}'"),
        "runner": script(f"echo 'runner version {runner}'"),
    }
