"""The table of commands: name, the module and attribute that hold it, its group and its summary.

The table is all that ``sealer --help`` reads, so that help starts fast however heavy a command is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is found and how help lists it."""

    module: str
    attribute: str
    group: str
    summary: str


BUILD_AND_SHARE = "Build and share"
RUN = "Run"
OTHER = "Other"

COMMANDS: dict[str, Entry] = {
    # Build and share
    "build": Entry("sealer.cli.build", "build", BUILD_AND_SHARE, "Build an image from a Kubefile."),
    "images": Entry("sealer.cli.images", "images", BUILD_AND_SHARE, "List the images in the local store."),
    "inspect": Entry("sealer.cli.images", "inspect", BUILD_AND_SHARE, "Show what an image holds."),
    "tag": Entry("sealer.cli.images", "tag", BUILD_AND_SHARE, "Give an image further names."),
    "rmi": Entry("sealer.cli.images", "rmi", BUILD_AND_SHARE, "Remove images from the local store."),
    "push": Entry("sealer.cli.share", "push", BUILD_AND_SHARE, "Push an image to a registry."),
    "pull": Entry("sealer.cli.share", "pull", BUILD_AND_SHARE, "Pull an image from a registry."),
    "save": Entry("sealer.cli.share", "save", BUILD_AND_SHARE, "Save images as one file."),
    "load": Entry("sealer.cli.share", "load", BUILD_AND_SHARE, "Load images from one file."),
    "manifest": Entry("sealer.cli.manifest", "manifest", BUILD_AND_SHARE, "Images for several platforms."),
    "merge": Entry("sealer.cli.merge", "merge", BUILD_AND_SHARE, "Make one image of several."),
    "mount": Entry("sealer.cli.mount", "mount", BUILD_AND_SHARE, "Unpack an image, to look into it."),
    "umount": Entry("sealer.cli.mount", "umount", BUILD_AND_SHARE, "Remove what mount unpacked."),
    "search": Entry("sealer.cli.search", "search", BUILD_AND_SHARE, "List the tags that a registry has."),
    "prune": Entry("sealer.cli.prune", "prune", BUILD_AND_SHARE, "Remove what nothing needs any more."),
    "login": Entry("sealer.cli.share", "login", BUILD_AND_SHARE, "Log in to a registry."),
    "logout": Entry("sealer.cli.share", "logout", BUILD_AND_SHARE, "Forget the password for a registry."),
    "base": Entry("sealer.cli.base", "base", BUILD_AND_SHARE, "Build base images from upstream's releases."),
    # Run
    "run": Entry("sealer.cli.run", "run", RUN, "Make a cluster from an image, or put an application on one."),
    "apply": Entry("sealer.cli.run", "apply", RUN, "Make a cluster what its Clusterfile says."),
    "plan": Entry("sealer.cli.run", "plan", RUN, "Show what run would do, and why."),
    "gen": Entry("sealer.cli.gen", "gen", RUN, "Print a Clusterfile, from flags or a cluster that exists."),
    "check": Entry("sealer.cli.check", "check", RUN, "Check whether hosts are fit for a cluster."),
    "resume": Entry("sealer.cli.cluster", "resume", RUN, "Go on with an operation that was cut off."),
    "app": Entry("sealer.cli.app", "app", RUN, "Applications on a cluster: list, compare, upgrade, remove."),
    "status": Entry("sealer.cli.status", "status", RUN, "Show a cluster as it is."),
    "exec": Entry("sealer.cli.exec", "execute", RUN, "Run a command on hosts of a cluster."),
    "debug": Entry("sealer.cli.debug", "debug", RUN, "Look into nodes and pods of a cluster."),
    "registry": Entry("sealer.cli.registry", "registry", RUN, "Look after the registry inside a cluster."),
    "host-alias": Entry("sealer.cli.host_alias", "host_alias", RUN, "Names in /etc/hosts of all hosts."),
    "kubeconfig": Entry("sealer.cli.cluster", "kubeconfig", RUN, "Print the administrator's kubeconfig."),
    "scale-up": Entry("sealer.cli.scale", "scale_up", RUN, "Add masters and nodes to a cluster."),
    "join": Entry("sealer.cli.scale", "join", RUN, "The same as scale-up, by its old name."),
    "cert": Entry("sealer.cli.cert", "cert", RUN, "List certificates, or make them anew."),
    "upgrade": Entry("sealer.cli.upgrade", "upgrade", RUN, "Take a cluster over to another image."),
    "rollback": Entry("sealer.cli.operations", "rollback", RUN, "Take the newest operation back."),
    "delete": Entry("sealer.cli.cluster", "delete", RUN, "Take a cluster away from its hosts."),
    "reset": Entry("sealer.cli.operations", "reset", RUN, "Take back what Sealer left on hosts."),
    "operations": Entry("sealer.cli.operations", "operations", RUN, "See, give up or take back operations."),
    "doctor": Entry("sealer.cli.doctor", "doctor", RUN, "Say what is wrong here, or make a support bundle."),
    # Other
    "schema": Entry("sealer.cli.schema", "schema", OTHER, "Print the JSON Schema of Clusterfiles."),
    "plugin": Entry("sealer.cli.plugin", "plugin", OTHER, "Look at the plugins that are installed."),
    "version": Entry("sealer.cli.version", "version", OTHER, "Show the version of Sealer."),
}
