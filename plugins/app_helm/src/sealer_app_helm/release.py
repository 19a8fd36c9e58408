"""A release of a chart on a cluster, as helm makes, compares and removes it on the host."""

from __future__ import annotations

from dataclasses import dataclass

from sealer.changes import Change, Command, quote, words
from sealer.providers import Comparison

DIRECTORY = "."
"""Stands for a chart whose content is at the top of the application's directory."""

TIMEOUT = 900.0
_REMOVAL_TIMEOUT = 300


_HELPERS = """\
# What is installed is what this would install if chart, values and cluster settings have the same digest.
chart_digest() {
  {
    if [ -d "$chart" ]; then
      (cd "$chart" && find . -type f | LC_ALL=C sort | while IFS= read -r file; do
        printf '%s ' "$file"
        sha256sum < "$file"
      done)
    else
      sha256sum < "$chart"
    fi
    for file; do sha256sum < "$file" || echo missing; done
  } | sha256sum | cut -c 1-64
}
# What helm keeps for itself goes when the script does: it is not to be left on a host.
have_helm() {
  if ! command -v helm > /dev/null; then
    echo "there is no helm: put one into bin/ of the image, or on the PATH" >&2
    return 1
  fi
  helm_home=$(mktemp -d) || return
  trap 'rm -rf "$helm_home"' EXIT
  HELM_CACHE_HOME=$helm_home HELM_CONFIG_HOME=$helm_home HELM_DATA_HOME=$helm_home
  export HELM_CACHE_HOME HELM_CONFIG_HOME HELM_DATA_HOME
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart(Change):
    """A chart is installed as a release, with these values.

    Attributes:
        release: The name of the release.
        namespace: Where it is, or "" for the default.
        path: The chart on the host, a directory or an archive.
        values: Files of values on the host, later ones over earlier ones.
    """

    release: str
    namespace: str
    path: str
    values: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"chart:{self.namespace}/{self.release}"

    def describe(self) -> str:
        return f"chart of {self.release}"

    @property
    def timeout(self) -> float | None:
        return TIMEOUT

    @property
    def flags(self) -> str:
        """The words for helm that say which release in which namespace, from which chart and values."""
        values = (f"--values={file}" for file in self.values)
        return words((self.release, self.path, *_within(self.namespace), *values))

    def _digest(self) -> str:
        return f"chart={quote(self.path)}\ndigest=$(chart_digest {words(self.values)})"

    def observe(self) -> str:
        status = words(("helm", "status", self.release, *_within(self.namespace), "-o", "json"))
        return (
            f"{_HELPERS}\nhave_helm 2>&1 || return 1\n{self._digest()}\n"
            f"found=$({status} 2>/dev/null) || {{ echo 'it is not installed'; return 1; }}\n"
            'case $found in *\'"status":"deployed"\'*) ;; *) echo "it is not deployed"; return 1 ;; esac\n'
            'case $found in *"sealer:$digest"*) ;; *) echo "chart or values differ"; return 1 ;; esac'
        )

    def apply(self) -> str:
        pending = words(("helm", "status", self.release, *_within(self.namespace), "-o", "json"))
        undo = words(("helm", "rollback", self.release, *_within(self.namespace)))
        remove = words(("helm", "uninstall", self.release, *_within(self.namespace)))
        return (
            f"{_HELPERS}\nhave_helm\n{self._digest()}\n"
            # A run that was cut off leaves a release pending, and helm refuses to go on from there.
            f"found=$({pending} 2>/dev/null) || found=\n"
            "case $found in\n"
            f'*\'"status":"pending-install"\'*) {remove} >&2 ;;\n'
            f'*\'"status":"pending-\'*) {undo} >&2 ;;\n'
            "esac\n"
            f'helm upgrade --install --description "sealer:$digest" {self.flags} >&2'
        )


def removed(release: str, namespace: str) -> Command:
    """Return the change after which there is no such release."""
    within = _within(namespace)
    remove = words(("helm", "uninstall", release, *within, "--wait", f"--timeout={_REMOVAL_TIMEOUT}s"))
    status = words(("helm", "status", release, *within))
    return Command(
        title=f"uninstall the chart of {release}",
        run=f"{_HELPERS}\nhave_helm\n{remove} >&2",
        unless=f"{_HELPERS}\nhave_helm || exit 1\nsaid=$({status} 2>&1 >/dev/null) && exit 1\n"
        'case $said in *"not found"*) ;; *) exit 1 ;; esac',
        limit=_REMOVAL_TIMEOUT + 60.0,
    )


def listed(release: str, namespace: str) -> str:
    """Return sh that lists the objects of a release."""
    within = _within(namespace)
    manifests = words(("helm", "get", "manifest", release, *within))
    return (
        f"manifests=$({manifests} 2>/dev/null) || manifests=\n"
        'if [ -n "$manifests" ]; then\n'
        "printf '%s\\n' \"$manifests\" | "
        f"kubectl get {words(_in_kubectl(namespace))} -f - --ignore-not-found "
        '-o go-template="$lines" | without_version\n'
        "fi"
    )


def compared(chart: Chart) -> Comparison:
    """Return what prints the manifests of the installed release, and those of the chart."""
    installed = words(("helm", "get", "manifest", chart.release, *_within(chart.namespace)))
    return Comparison(
        live=f"{_HELPERS}\nhave_helm\n{installed} 2>/dev/null || :",
        wanted=f"{_HELPERS}\nhave_helm\nhelm template --is-upgrade --dry-run=server {chart.flags}",
    )


def _within(namespace: str) -> tuple[str, ...]:
    return (f"--namespace={namespace}",) if namespace else ()


def _in_kubectl(namespace: str) -> tuple[str, ...]:
    return ("-n", namespace) if namespace else ()
