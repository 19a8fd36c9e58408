"""Whether the registry of a running cluster runs, and answers every host with TLS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sealer.changes import quote
from sealer.kubernetes import UnitRuns, brings_script
from sealer.model import Check, Cluster, Finding, Host, Probe, Severity
from sealer_registry_distribution import cache_fragments
from sealer_registry_distribution.caches import Instance
from sealer_registry_distribution.config import CACHE_UNIT_PREFIX, UNIT
from sealer_registry_distribution.script import SCRIPT

_AUTHORITY = Probe(name="registry/authority", script="")
_ANSWERED = Probe(name="registry/answered", script="")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


class Runs(UnitRuns):
    """The registry runs on each master."""

    id = "registry-runs"
    title = "the registry runs"

    def unit(self, cluster: Cluster, host: Host) -> str | None:
        if brings_script(cluster.image, SCRIPT):
            return None  # in a container, see Answers
        return UNIT if host.is_master and cluster.registry is not None else None


class CachesRun(Check):
    """The caches run on each master, and reach what they fetch from."""

    id = "registry-caches"
    title = "the caches of registries run, and reach them"
    subject = "services"

    def __init__(self, caches: Sequence[Instance]) -> None:
        self._caches = caches

    def probes_for(self, cluster: Cluster, host: Host) -> tuple[Probe, ...]:
        """Return the question what each cache does."""
        return tuple(self._probe(cache) for cache in self._caches) if host.is_master else ()

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each cache that does not run, or that can fetch nothing."""
        for host in cluster.masters:
            for cache in self._caches:
                yield from self._judge(host, cache, host.facts.answers.get(self._probe(cache).name, ""))

    def _judge(self, host: Host, cache: Instance, said: str) -> Iterable[Finding]:
        unit, upstream = cache.unit, cache.upstream
        if not said.strip():
            yield self.not_checked(host.name, "the host could not answer")
        elif said.strip() == cache_fragments.KEPT:
            yield self.finding(
                host.name,
                found=f"the cache of {upstream.domain} has only what it fetched before: "
                f"{upstream.url} does not answer",
                wanted="a cache that can fetch what it lacks",
                mend=f"see why {host.name} can't reach it: journalctl -u {unit}; it tries again by itself",
                severity=Severity.WARNING,
            )
        elif said.strip() != cache_fragments.FETCHES:
            yield self.finding(
                host.name,
                found=f"the cache of {upstream.domain} does not run",
                wanted="a cache that runs",
                mend=f"systemctl restart {unit}; what it says: journalctl -u {unit}",
            )

    @staticmethod
    def _probe(cache: Instance) -> Probe:
        return Probe(name=f"registry/cache-{cache.name}", script=cache_fragments.what_it_does(cache.unit))


class Answers(Check):
    """Every host reaches registry and caches by their names, and certificates hold; masters log in as well.

    kubectl asks, the one program with TLS that hosts of a cluster have for sure.

    Args:
        addresses: Of the registry and its caches, with https.
        directory: Where masters keep the registry's credentials.
        programs: A directory that comes first in PATH.
    """

    id = "registry-answers"
    title = "the registry answers with TLS"
    subject = "services"

    def __init__(self, *, addresses: Sequence[str], directory: str, programs: str) -> None:
        self._addresses = addresses
        self._directory = directory
        self._programs = programs

    def probes(self) -> tuple[Probe, ...]:
        """Return the question for the authority that masters verify the registry by."""
        script = f"cat {quote(f'{self._directory}/ca.crt')} 2>/dev/null || echo none"
        return (Probe(name=_AUTHORITY.name, script=script),)

    def probes_for(self, cluster: Cluster, host: Host) -> tuple[Probe, ...]:
        """Return the question to the registry, once a master has told the authority."""
        authority = self._authority(cluster)
        if authority is None or cluster.registry is None:
            return ()
        return (Probe(name=_ANSWERED.name, script=self._asking(authority, cluster.registry.username)),)

    def evaluate(self, cluster: Cluster) -> Iterable[Finding]:
        """Return a finding for each host that the registry does not answer."""
        if cluster.registry is None:
            return
        if self._authority(cluster) is None:
            yield self.not_checked(
                cluster.first_master.name, "no master tells the authority of the registry's certificate"
            )
            return
        for host in cluster.hosts:
            said = " ".join(host.facts.answers.get(_ANSWERED.name, "").split())
            if not said:
                yield self.not_checked(host.name, "the host could not answer")
            elif said != "yes":
                yield self.finding(
                    host.name,
                    found=f"no answer as it should be from {said.removeprefix('no ')}",
                    wanted="a registry that answers, with a certificate of the cluster's authority",
                    mend=f"on masters: journalctl -u {UNIT} -u '{CACHE_UNIT_PREFIX}*'; "
                    "sealer cert shows when certificates end",
                )

    def _authority(self, cluster: Cluster) -> str | None:
        for host in cluster.masters:
            found = _PEM.search(host.facts.answers.get(_AUTHORITY.name, ""))
            if found is not None:
                return found[0]
        return None

    def _asking(self, authority: str, username: str) -> str:
        """Return sh that prints ``yes``, or ``no`` and why.

        The password is read on the host, and is nowhere but in a file of root's for as long as that lasts.
        Hosts without it are content when the registry asks for one: then TLS holds.
        """
        password = quote(f"{self._directory}/password")
        addresses = " ".join(quote(address) for address in self._addresses)
        return f"""\
PATH={quote(self._programs)}:$PATH
command -v kubectl >/dev/null || exit 1
umask 077
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
printf '%s\\n' {quote(authority)} > "$work/ca.crt"
for address in {addresses}; do {{
  printf '%s\\n' 'apiVersion: v1' 'kind: Config' 'current-context: r' 'clusters:' '- name: r' '  cluster:'
  printf '    server: %s\\n    certificate-authority: %s\\n' "$address" "$work/ca.crt"
  printf '%s\\n' 'contexts:' '- {{name: r, context: {{cluster: r, user: r}}}}' 'users:' '- name: r' '  user:'
  if [ -r {password} ]; then
    printf '    username: %s\\n    password: "%s"\\n' {quote(username)} "$(cat {password})"
  else echo '    token: none'; fi  # kubectl would ask for a name otherwise
}} > "$work/config"
if said=$(kubectl --kubeconfig "$work/config" --request-timeout=20s get --raw /v2/ 2>&1); then continue; fi
if [ ! -r {password} ]; then
  case $said in *nauthorized*|*"provide credentials"*|*"logged in"*) continue ;; esac
fi
printf 'no %s: %s\\n' "$address" "$said"
exit 0
done
echo yes
"""
