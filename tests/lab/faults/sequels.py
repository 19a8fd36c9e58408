"""What comes behind a run, and what is launched in one: where hosts are, when something goes wrong then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sealer.image.store import ImageStore
from sealer.model import RUNTIME_TYPE_LABEL, RUNTIME_VERSION_LABEL, ImageType, Launch
from sealer.testing.images import make_image
from tests.lab.operator import Operator
from tests.lab.plain import IMAGE
from tests.lab.plain_runtime import COMMANDS

GATE = "/tmp/plain-gate"
"""A file that a script waits for until its host is in trouble; on hosts that are on again nobody waits."""

HALFWAY = "/tmp/plain-halfway"
"""A file that is there while a launch waits at the gate."""

KUBECTL = b"""\
#!/bin/sh
# Stands in for a cluster that is Ready when the gate is open, and never when it is asked for the first time.
ready() {
  [ "$PLAIN_GATE_AT" = ready ] || return 0
  if [ ! -e /var/lib/plain/asked ]; then : > /var/lib/plain/asked; return 1; fi
  [ -e "$PLAIN_GATE" ]
}
case $* in
  *" wait --for=condition=Ready node --all --timeout=1s") ready ;;
  *" get nodes -o jsonpath="*) echo "n1 False Waiting: for the gate" ;;
  *) echo "no such call: $*" >&2; exit 9 ;;
esac
"""

LAUNCH = Launch(
    cmds=(
        f"echo launched, first half >> {COMMANDS}",
        f"""\
[ "$PLAIN_GATE_AT" = launch ] || exit 0
: > {HALFWAY}
until [ -e {GATE} ]; do sleep 0.1; done
rm {HALFWAY}""",
        f"echo launched, second half >> {COMMANDS}",
    )
)
"""Must be done once each, whatever comes in between."""


@dataclass(frozen=True, kw_only=True)
class Sequel:
    """What comes behind a run.

    Attributes:
        commands: Their words.
        settled: The words of ``plan`` that describe the cluster then, or none for those of the run.
        leaving: The names of hosts that are no longer in the cluster then.
    """

    commands: tuple[tuple[str, ...], ...]
    settled: tuple[str, ...] = ()
    leaving: frozenset[str] = frozenset()


def put_application(operator: Operator, flags: tuple[str, ...]) -> Sequel:
    """Make an application image, which is put on the cluster."""
    del flags
    store = ImageStore(operator.sealer_home)
    make_image(store, "app:v1", layers=[{"etc/app": b"app"}], type=ImageType.APPLICATION, launch=LAUNCH)
    return Sequel(commands=(("run", "app:v1"),), settled=("app:v1",))


def upgrade(operator: Operator, flags: tuple[str, ...]) -> Sequel:
    """Make another cluster image, to which the cluster is upgraded."""
    labels = {RUNTIME_TYPE_LABEL: "plain", RUNTIME_VERSION_LABEL: "v2"}
    make_image(ImageStore(operator.sealer_home), "plain:v2", layers=[{"bin/tool": b"new"}], labels=labels)
    hosts = operator.host_flags(masters=["n1"], nodes=["n2"])
    return Sequel(commands=(("upgrade", "plain:v2", "--yes"),), settled=("plain:v2", *hosts, *flags))


def leave(operator: Operator, flags: tuple[str, ...]) -> Sequel:
    """Let the node leave the cluster."""
    assert operator.lab is not None
    words = ("delete", "-n", operator.lab.node("n2").address, "--yes")
    rest = (IMAGE, *operator.host_flags(masters=["n1"]), *flags)
    return Sequel(commands=(words,), settled=rest, leaving=frozenset({"n2"}))


MakeSequel = Callable[[Operator, tuple[str, ...]], Sequel]
"""Makes what the commands behind the run take, and returns them; it gets the flags of the run."""

SEQUELS: Mapping[str, MakeSequel] = {
    "power/app": put_application,
    "power/upgrade": upgrade,
    "power/forget": leave,
    "power/forgotten": leave,
    "power/leave": leave,
}
"""What comes behind the run where that is what is disturbed."""
