"""What the operator's machine remembers of each cluster."""

from __future__ import annotations

from pathlib import Path

from sealer.cluster.request import Request, request_of, state_before
from sealer.errors import RecordDamaged, SealerError, UsageError
from sealer.operation.records import ClusterRecords, read_json, write_json

_FILE = "cluster.json"


def save_state(records: ClusterRecords, request: Request) -> None:
    """Remember a cluster, as soon as anything on its hosts is to be changed.

    Raises:
        SealerError: It can't be written.
    """
    records.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(records.directory / _FILE, request.to_plain())


def remember_foreign(records: ClusterRecords, request: Request) -> None:
    """Remember a cluster that Sealer did not make, unless one of that name is there already.

    Raises:
        UsageError: Sealer made a cluster of that name.
        SealerError: It can't be written.
    """
    state = load_state(records)
    if state is not None and state.foreign is None:
        raise UsageError(
            f"there is a cluster {records.cluster} that Sealer made", hint="choose another: --cluster-name"
        )
    save_state(records, request)


def load_state(records: ClusterRecords) -> Request | None:
    """Return what is remembered of a cluster, or None when there is nothing.

    Raises:
        RecordDamaged: It is damaged.
        SealerError: It can't be read.
    """
    path = records.directory / _FILE
    if not path.exists():
        return None
    try:
        return Request.from_plain(read_json(path), str(path))
    except RecordDamaged as error:
        error.hint = (
            "put a sound copy of the file there, or take the cluster away: "
            f"sealer delete --all {records.cluster}"
        )
        raise


def load_own_state(records: ClusterRecords) -> Request | None:
    """Return what is remembered of a cluster that Sealer made, or None when there is nothing.

    Raises:
        UsageError: It was made by somebody else.
        RecordDamaged: It is damaged.
    """
    state = load_state(records)
    if state is not None and state.foreign is not None:
        raise _not_ours(records)
    return state


def _not_ours(records: ClusterRecords) -> UsageError:
    name = records.cluster
    return UsageError(
        f"cluster {name} was not made by Sealer, which looks after its applications alone",
        hint=f"sealer app …, sealer run IMAGE --cluster-name {name}; sealer delete --all {name} forgets it",
    )


def is_remembered(records: ClusterRecords) -> bool:
    """Whether something whole is remembered of a cluster.

    Raises:
        SealerError: It can't be read.
    """
    try:
        return load_state(records) is not None
    except RecordDamaged:
        return False


def forget_state(records: ClusterRecords) -> None:
    """Forget a cluster; its operations stay on record."""
    (records.directory / _FILE).unlink(missing_ok=True)


def previous_state(records: ClusterRecords, operation: str) -> Request | None:
    """Return what was remembered of a cluster before an operation, or None when it was not known.

    Raises:
        UsageError: There is no such operation.
        SealerError: Its record is damaged.
    """
    return state_before(records.operation(operation))


def recorded_clusters(home: Path) -> tuple[str, ...]:
    """Return the names of all clusters of which anything is on record, those that are gone too."""
    directory = home / "clusters"
    return (
        tuple(sorted(path.name for path in directory.iterdir() if path.is_dir()))
        if directory.is_dir()
        else ()
    )


def known_clusters(home: Path) -> tuple[str, ...]:
    """Return the names of the clusters that are remembered, or that an open operation is about."""
    directory = home / "clusters"
    names = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
    return tuple(name for name in names if (directory / name / _FILE).exists() or _may_be_open(home, name))


def _may_be_open(home: Path, name: str) -> bool:
    """Whether an operation is open, as far as that can be read: a damaged cluster hides no other."""
    try:
        return ClusterRecords(home, name).open_operation() is not None
    except SealerError:
        return True


def choose_cluster(home: Path, name: str | None) -> ClusterRecords:
    """Return the records of the cluster the user means: the one that was named, or the only one.

    Raises:
        UsageError: None was named and there is not just one, or the one that was named is not known.
    """
    known = known_clusters(home)
    if name is None and len(known) == 1:
        return ClusterRecords(home, known[0])
    if name is None:
        which = f"there are {', '.join(known)}" if known else "there is none"
        raise UsageError(f"which cluster? {which}", hint="name it, or run a cluster image first")
    if name not in known:
        listed = ", ".join(known) or "none"
        raise UsageError(
            f"cluster {name} is not known here",
            hint=f"known clusters: {listed}   "
            f"to clean hosts all the same: sealer reset --hosts A,B --cluster-name {name}",
        )
    return ClusterRecords(home, name)


def choose_recorded(home: Path, name: str | None) -> ClusterRecords:
    """Return the records of the cluster the user means, also of one that is gone: they stay.

    Raises:
        UsageError: None was named and there is, or was, not just one, or nothing is on record of it.
    """
    recorded = recorded_clusters(home)
    if name in recorded:
        return ClusterRecords(home, name)
    if name is None and recorded and not known_clusters(home):
        if len(recorded) == 1:
            return ClusterRecords(home, recorded[0])
        raise UsageError(f"which cluster? there were {', '.join(recorded)}", hint="name it: --cluster NAME")
    return choose_cluster(home, name)


def require_state(records: ClusterRecords, *, foreign: bool = False) -> Request:
    """Return what is remembered of a cluster, or what the operation that is open was to make of it.

    Args:
        records: Of the cluster.
        foreign: Whether it may be one that Sealer did not make.

    Raises:
        UsageError: It was made by somebody else.
        SealerError: Nothing is, or it is damaged.
    """
    request = load_state(records)
    if request is None and (operation := records.open_operation()) is not None:
        # Whoever begins an operation and is killed at once has not come to remembering the cluster.
        request = request_of(operation)
    if request is None:
        raise SealerError(
            f"nothing is known of cluster {records.cluster}",
            hint=f"to clean hosts all the same: sealer reset --hosts A,B --cluster-name {records.cluster}",
        )
    if request.foreign is not None and not foreign:
        raise _not_ours(records)
    return request
