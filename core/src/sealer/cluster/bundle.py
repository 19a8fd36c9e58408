"""A support bundle: all that helps to find out what is wrong, from here and from the hosts, without secrets.

It needs neither an installation that came to its end nor hosts that can be reached: what is missing is told.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sealer import __version__
from sealer.cluster.bundle_hosts import cluster_questions, host_questions
from sealer.cluster.checking import observe_each
from sealer.cluster.doctor import Machine, examine
from sealer.cluster.executing import environment
from sealer.cluster.install import Prepared, prepare_again
from sealer.cluster.redaction import json_without_secrets, plain_without_secrets, without_secrets
from sealer.cluster.request import Request
from sealer.cluster.session import Connections, Context, reach_for
from sealer.cluster.state import require_state
from sealer.cluster.status import status
from sealer.errors import HostError, SealerError
from sealer.hosts.secret import Redactor
from sealer.model import show
from sealer.operation.plan import Plan, fingerprint
from sealer.operation.records import ClusterRecords

LONGEST = 8 << 20
"""Bytes of the end of a file that are taken."""

_ASKING = 120.0


@dataclass(kw_only=True)
class Bundle:
    """Files by their paths in the bundle, and what could not be had.

    Attributes:
        redactor: Knows the secrets by which hosts are reached.
        files: Their texts, without secrets.
        problems: What is missing, and why.
    """

    redactor: Redactor = field(default_factory=Redactor)
    files: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add_text(self, path: str, text: str) -> None:
        """Add a text."""
        self.files[path] = without_secrets(self.redactor.redact(text))

    def add_json(self, path: str, text: str) -> None:
        """Add a text of JSON, or of lines of it."""
        self.files[path] = json_without_secrets(self.redactor.redact(text))

    def add_data(self, path: str, data: Any) -> None:
        """Add plain data."""
        text = json.dumps(plain_without_secrets(data), indent=2, ensure_ascii=False, default=str)
        self.files[path] = self.redactor.redact(text) + "\n"

    def add_file(self, path: str, source: Path) -> None:
        """Add the end of a file of this machine, if there is such a file."""
        try:
            with source.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - LONGEST))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            self.problems.append(f"{source}: {error.strerror}")
            return
        if source.suffix in {".json", ".jsonl"}:
            self.add_json(path, text)
        else:
            self.add_text(path, text)


async def collect(context: Context, clusters: tuple[ClusterRecords, ...]) -> Bundle:
    """Gather what there is; hosts are only read from.

    Args:
        context: What a verb needs from outside.
        clusters: The records of the clusters it is about.
    """
    bundle = Bundle()
    machine = Machine(home=context.home, plugins=context.plugins)
    bundle.add_data("doctor.json", examine(machine).to_plain())
    bundle.add_data(
        "plugins.json",
        [
            {"name": one.name, "distribution": one.distribution, "version": one.version, "state": one.state}
            for one in context.plugins.records()
        ],
    )
    for records in clusters:
        await _add_cluster(context, bundle, records)
    bundle.add_file("sealer.log", context.home / "log/sealer.log")
    bundle.add_data(
        "bundle.json",
        {
            "sealer": __version__,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "clusters": [records.cluster for records in clusters],
            "missing": bundle.problems,
        },
    )
    return bundle


async def _add_cluster(context: Context, bundle: Bundle, records: ClusterRecords) -> None:
    below = f"clusters/{records.cluster}"
    try:
        request = require_state(records)
    except SealerError as error:
        bundle.problems.append(f"{records.cluster}: {error}")
        _add_records(bundle, records, below)
        return
    prepared = _prepared(context, bundle, request)
    try:
        async with reach_for(context, request, bundle.redactor) as connections:
            # From here on the redactor knows the secrets by which hosts are reached.
            _add_records(bundle, records, below)
            await _add_hosts(context, bundle, request, connections, below)
            if prepared is not None:
                await _add_api(bundle, request, prepared, connections, below)
    except SealerError as error:
        bundle.problems.append(f"{records.cluster}: hosts could not be asked: {error}")
        _add_records(bundle, records, below)
        return
    if prepared is not None:
        bundle.add_data(f"{below}/plan.json", plan_document(prepared.plan))
    if request.foreign is None:
        found = await status(context, records)
        bundle.add_data(f"{below}/status.json", found.to_plain(datetime.now(UTC)))


def _prepared(context: Context, bundle: Bundle, request: Request) -> Prepared | None:
    try:
        return prepare_again(context, request)
    except SealerError as error:
        bundle.problems.append(f"{request.clusterfile.cluster.name}: there is no plan: {error}")
        return None


def _add_records(bundle: Bundle, records: ClusterRecords, below: str) -> None:
    bundle.add_file(f"{below}/cluster.json", records.directory / "cluster.json")
    parent = records.directory / "operations"
    for directory in sorted(parent.iterdir()) if parent.is_dir() else ():
        for name in ("request.json", "journal.jsonl", "log"):
            bundle.add_file(f"{below}/operations/{directory.name}/{name}", directory / name)


async def _add_hosts(
    context: Context, bundle: Bundle, request: Request, connections: Connections, below: str
) -> None:
    spec = request.clusterfile.cluster
    questions = host_questions(spec.data)
    found = await observe_each(context, connections, tuple(questions.values()), spec.data_root)
    for host, error in found.failures.items():
        bundle.problems.append(f"host {host}: {error.message}")
        bundle.add_text(f"{below}/hosts/{file_name(host)}/unreachable.txt", str(error))
    for host, facts in found.facts.items():
        directory = f"{below}/hosts/{file_name(host)}"
        told = {name: getattr(facts, name) for name in facts.__dataclass_fields__ if name != "answers"}
        bundle.add_data(f"{directory}/facts.json", told)
        for name, probe in questions.items():
            bundle.add_text(f"{directory}/{name}", facts.answers.get(probe.name, ""))


async def _add_api(
    bundle: Bundle, request: Request, prepared: Prepared, connections: Connections, below: str
) -> None:
    """Ask the API server by the first master that can be reached."""
    kubeconfig = prepared.parts.runtime.kubeconfig_path(prepared.cluster)
    exports = environment(request.clusterfile.cluster, kubeconfig)
    for master in prepared.cluster.masters:
        connection = connections[master.name]
        if isinstance(connection, HostError):
            continue
        for name, script in cluster_questions().items():
            try:
                result = await connection.run_script(f"{exports}\n{script}", timeout=_ASKING)
                bundle.add_text(f"{below}/cluster/{name}", result.stdout)
            except HostError as error:
                bundle.problems.append(f"{name} of {_name(request)}: {error}")
        return
    bundle.problems.append(f"{_name(request)}: no master can be reached")


def _name(request: Request) -> str:
    return request.clusterfile.cluster.name


def plan_document(plan: Plan) -> list[Mapping[str, Any]]:
    """Return a plan as plain data: what there is to do in which order, without the contents of files."""
    return [
        {
            "step": step.id,
            "title": step.title,
            "host": step.host,
            "waits_for": sorted(plan.waits_for[step.id]),
            "changes": [show(change.describe()) for change in step.changes],
            "fingerprint": fingerprint(step),
        }
        for step in plan.steps
    ]


def file_name(host: str) -> str:
    """Return a host's name as it can be a file's."""
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in host)


def write_bundle(bundle: Bundle, path: Path) -> None:
    """Write a bundle as a compressed tar archive, whole or not at all, which its owner alone can read.

    Raises:
        SealerError: It can't be written.
    """
    top = path.name.partition(".")[0] or "bundle"
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
            for name, text in sorted(bundle.files.items()):
                content = text.encode(errors="replace")
                entry = tarfile.TarInfo(f"{top}/{name}")
                entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
                archive.addfile(entry, io.BytesIO(content))
        new.rename(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise SealerError(f"can't write {path}: {error.strerror}") from error
