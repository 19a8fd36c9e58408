"""What containers are connected by: network namespaces, and the kinds of network cards between them."""

from __future__ import annotations

from collections.abc import Iterable

from sealer.model import AnswerCheck, Cluster, Finding, Host, Probe, Severity

SUBJECT = "kernel"

# What modprobe could load is not loaded for it. What is built in can only be tried, in a namespace that goes
# with the trial.
NAMESPACES = Probe(
    name="core/namespaces",
    script="""\
command -v unshare >/dev/null && command -v ip >/dev/null || exit 1
if ! unshare -n true 2>/dev/null; then echo none; exit 0; fi
for card in veth bridge "vxlan id 1 dstport 4789"; do
  kind=${card%% *}
  modprobe -nq "$kind" 2>/dev/null && continue
  # The card is words.
  # shellcheck disable=SC2086
  unshare -n ip link add name trial type $card 2>/dev/null || echo "$kind"
done
echo end""",
)
"""Prints ``none``, or the kinds of network cards that can't be made, and ``end``."""

_OVERLAY = "vxlan"


class Namespaces(AnswerCheck):
    """Each pod has a network of its own, joined to that of the host by a pair of virtual cards."""

    id = "network-namespaces"
    title = "networks of pods can be made"
    subject = SUBJECT
    probe = NAMESPACES

    def judge(self, cluster: Cluster, host: Host, answer: str) -> Iterable[Finding]:
        """Return a finding if something of it does not work; that of one kind of overlay is a warning."""
        if answer == "none":
            yield self.finding(
                host.name,
                found="network namespaces can't be made",
                wanted="a kernel with CONFIG_NET_NS, and a host that may use it",
                mend="use another kernel; a container needs to be started as privileged",
            )
        elif missing := [kind for kind in ("veth", "bridge", _OVERLAY) if kind in answer.split()]:
            yield self.finding(
                host.name,
                found=f"network cards of these kinds can't be made: {', '.join(missing)}",
                wanted="virtual cards, bridges, and for most networks of pods vxlan",
                mend="install the kernel's package of further modules",
                severity=Severity.WARNING if missing == [_OVERLAY] else Severity.ERROR,
            )
