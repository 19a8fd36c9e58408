"""Changes: desired facts about a host, as data that compiles to POSIX sh."""

from sealer.changes.accounts import User
from sealer.changes.base import Blob, Change, Output
from sealer.changes.command import Command
from sealer.changes.files import Copy, Directory, File, HostsEntry, NoHostsEntry, Symlink
from sealer.changes.foreign import foreign_script
from sealer.changes.mounts import Mount
from sealer.changes.objects import (
    Objects,
    kept_objects,
    live_objects,
    ready_objects,
    record_name,
    removed_objects,
    wanted_objects,
    with_images,
)
from sealer.changes.owned import Cleanup, OwnedChains, OwnedLinks, OwnedPath, OwnedRoutes, OwnedRules
from sealer.changes.pruning import PrunedStore
from sealer.changes.quoting import quote, words
from sealer.changes.rollback import rollback_only
from sealer.changes.system import Module, Sysctl, Unit
from sealer.changes.tree import LayerBlob, Tree
from sealer.changes.wait import Wait

__all__ = [
    "Blob",
    "Change",
    "Cleanup",
    "Command",
    "Copy",
    "Directory",
    "File",
    "HostsEntry",
    "LayerBlob",
    "Module",
    "Mount",
    "NoHostsEntry",
    "Objects",
    "Output",
    "OwnedChains",
    "OwnedLinks",
    "OwnedPath",
    "OwnedRoutes",
    "OwnedRules",
    "PrunedStore",
    "Symlink",
    "Sysctl",
    "Tree",
    "Unit",
    "User",
    "Wait",
    "foreign_script",
    "kept_objects",
    "live_objects",
    "quote",
    "ready_objects",
    "record_name",
    "removed_objects",
    "rollback_only",
    "wanted_objects",
    "with_images",
    "words",
]
