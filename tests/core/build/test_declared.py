"""Programs of an image against what its labels declare of them, when it is built and where it is run."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

import sealer_container_docker
import sealer_runtime_k8s
from sealer.build.declared import Declared, declared_programs, verification
from sealer.errors import ImageError
from sealer.events import Message
from sealer.model import (
    CONTAINER_RUNTIME_TYPE_LABEL,
    CONTAINER_RUNTIME_VERSION_LABEL,
    RUNTIME_TYPE_LABEL,
    RUNTIME_VERSION_LABEL,
    Platform,
)
from sealer.plugins import Plugins
from sealer.providers import Component
from tests.shells import every_shell

from .helpers import AMD64, Workshop

TOOL = Component(
    name="tool", path="bin/tool", version_arguments=("--version",), version_pattern=r"^tool (v?\S+)"
)


PLUGINS = Plugins.of(sealer_runtime_k8s, sealer_container_docker)


def printing(text: str) -> bytes:
    """Return a program for x86-64 Linux that prints a text and needs no file beside itself."""
    message = text.encode()
    base, header = 0x400000, 64 + 56
    code = b"".join(
        (
            b"\xb8\x01\x00\x00\x00\xbf\x01\x00\x00\x00",  # mov eax, 1; mov edi, 1
            b"\x48\xbe" + struct.pack("<Q", base + header + 36),  # mov rsi, the message
            b"\xba" + struct.pack("<I", len(message)) + b"\x0f\x05",  # mov edx, its length; syscall
            b"\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05",  # mov eax, 60; xor edi, edi; syscall
        )
    )
    size = header + 36 + len(message)
    start = base + header
    return b"".join(
        (
            b"\x7fELF\x02\x01\x01" + bytes(9),
            struct.pack("<HHIQQQIHHHHHH", 2, 0x3E, 1, start, 64, 0, 0, 64, 56, 1, 0, 0, 0),
            struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000),
            code.ljust(36, b"\x90"),
            message,
        )
    )


def declares(version: str, label: str = RUNTIME_VERSION_LABEL) -> object:
    return lambda labels, platform: (Declared(component=TOOL, label=label, version=version),)


def warnings(workshop: Workshop) -> list[str]:
    return [event.text for event in workshop.events if isinstance(event, Message) and event.warning]


def test_a_program_of_another_version_than_the_cluster_runtime_label_fails_the_build(
    workshop: Workshop,
) -> None:
    workshop.put({"bin/tool": printing("tool v1.20.15\n")})
    with pytest.raises(ImageError) as caught:
        workshop.build("FROM scratch", "COPY bin bin", declared=declares("v1.20.2"))
    assert caught.value.message == (
        "the label cluster.alpha.sealer.io/cluster-runtime-version says v1.20.2, and bin/tool is v1.20.15"
    )
    assert caught.value.hint


def test_one_of_another_version_than_the_container_runtime_label_is_a_warning(workshop: Workshop) -> None:
    workshop.put({"bin/tool": printing("tool 1.6.8\n")})
    workshop.build(
        "FROM scratch", "COPY bin bin", declared=declares("20.10.14", CONTAINER_RUNTIME_VERSION_LABEL)
    )
    assert warnings(workshop) == [
        "the label cluster.alpha.sealer.io/container-runtime-version says 20.10.14, and bin/tool is 1.6.8"
    ]


@pytest.mark.parametrize(
    ("said", "declared", "label"),
    [
        ("tool v1.20.2\n", "v1.20.2", RUNTIME_VERSION_LABEL),
        ("tool v1.20.2\n", "1.20.2", RUNTIME_VERSION_LABEL),
        ("tool 1.6.20~ds1 more\n", "1.6.20", CONTAINER_RUNTIME_VERSION_LABEL),
        ("tool 19.03.14-sealer\n", "v19.03.14", CONTAINER_RUNTIME_VERSION_LABEL),
        ("no version\n", "v1", RUNTIME_VERSION_LABEL),
    ],
)
def test_what_fits_or_tells_nothing_is_no_problem(
    workshop: Workshop, said: str, declared: str, label: str
) -> None:
    workshop.put({"bin/tool": printing(said)})
    workshop.build("FROM scratch", "COPY bin bin", declared=declares(declared, label))
    assert warnings(workshop) == []


def test_programs_that_can_not_be_asked_here_are_left_alone(workshop: Workshop) -> None:
    workshop.put({"bin/tool": b"#!/bin/nothing\n"})
    workshop.build("FROM scratch", "COPY bin bin", declared=declares("v1"))
    workshop.build("FROM scratch", "COPY bin other", declared=declares("v1"))
    assert warnings(workshop) == []


def test_the_plugins_know_which_programs_labels_are_about() -> None:
    labels = {
        RUNTIME_TYPE_LABEL: "kubernetes",
        RUNTIME_VERSION_LABEL: "v1.22.15",
        CONTAINER_RUNTIME_TYPE_LABEL: "docker",
        CONTAINER_RUNTIME_VERSION_LABEL: "20.10.14",
    }
    found = {one.component.name: one.version for one in declared_programs(labels, AMD64, PLUGINS)}
    assert found == {
        "kubeadm": "v1.22.15",
        "kubelet": "v1.22.15",
        "kubectl": "v1.22.15",
        "dockerd": "20.10.14",
    }


@pytest.mark.parametrize(
    ("labels", "platform"),
    [
        ({}, AMD64),
        ({RUNTIME_TYPE_LABEL: "strange", RUNTIME_VERSION_LABEL: "v1"}, AMD64),
        ({RUNTIME_TYPE_LABEL: "kubernetes"}, AMD64),
        ({RUNTIME_TYPE_LABEL: "kubernetes", RUNTIME_VERSION_LABEL: "v1"}, Platform(architecture="s390x")),
    ],
)
def test_what_no_plugin_knows_is_left_out(labels: Mapping[str, str], platform: Platform) -> None:
    assert declared_programs(labels, platform, PLUGINS) == ()


@every_shell
def test_a_host_refuses_a_program_of_another_version(shell: tuple[str, ...], tmp_path: Path) -> None:
    declared = Declared(component=TOOL, label=RUNTIME_VERSION_LABEL, version="v1.20.2")
    change = verification(declared, str(tmp_path))
    assert look(shell, change.unless) == 0, "an image without the program"
    for said, fits in {
        "tool v1.20.2": True,
        '{"gitVersion": "v1.20.2", "major": "1"}': True,
        "Docker version 1.20.2, build 1": True,
        "tool v1.20.20": False,
        "tool v1.20.2-rc.1": False,
        "tool v1.20.2+k3s1": False,
        "v11.20.2": False,
    }.items():
        program = tmp_path / "bin/tool"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n[ \"$1\" = --version ] && echo '{said}'\n")
        program.chmod(0o755)
        assert (look(shell, change.unless) == 0) is fits, said
    done = subprocess.run([*shell, "-c", change.run], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr.splitlines() == [
        f"the label {RUNTIME_VERSION_LABEL} of the image says v1.20.2, and bin/tool says:",
        "v11.20.2",
    ]


def look(shell: tuple[str, ...], script: str) -> int:
    return subprocess.run([*shell, "-c", script], capture_output=True, check=False).returncode
