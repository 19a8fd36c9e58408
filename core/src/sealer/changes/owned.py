"""Claims on what programs we start will make: paths, links, routes, netfilter chains and rules; their ends.

A claim changes nothing when it is applied. It saves what is there now, so that undoing it removes what has
come since, and nothing else. Claims stand before the change that starts the program; undone newest first,
they are released after the program has been stopped.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from sealer.changes.base import Change
from sealer.changes.quoting import quote


class Claim(Change):
    """Base of claims: they hold as soon as they stand in the host journal."""

    def observe(self) -> str:
        return "[ -n \"$entry\" ] || { echo 'it is not claimed'; return 1; }"

    @abstractmethod
    def capture(self) -> str:
        """Return sh that saves in ``$entry`` what is there now."""

    def apply(self) -> str:
        return ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedPath(Claim):
    """A path that a program will fill. What it adds goes, mounts below it first; what was there stays.

    Attributes:
        path: An absolute path.
        shared: Whether others may write there too: where it is already, it stays with all that is in it.
    """

    path: str
    shared: bool = False

    @property
    def key(self) -> str:
        return f"owned-path:{self.path}"

    def describe(self) -> str:
        return f"claim on {self.path}"

    def capture(self) -> str:
        path = quote(self.path)
        if not self.shared:
            return f"save_tree {path}"
        return f'if [ -e {path} ] || [ -L {path} ]; then : > "$entry/stays"; else save_tree {path}; fi'

    def undo(self) -> str:
        restore = f"restore_tree {quote(self.path)}"
        return f'[ -e "$entry/stays" ] || {restore}' if self.shared else restore


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedLinks(Claim):
    """Network links whose names match one of these sh patterns, such as ``cni0`` or ``veth*``."""

    patterns: tuple[str, ...]

    @property
    def key(self) -> str:
        return "owned-links:" + ",".join(self.patterns)

    def describe(self) -> str:
        return "claim on network links " + ", ".join(self.patterns)

    def capture(self) -> str:
        return 'ls /sys/class/net > "$entry/links"'

    def undo(self) -> str:
        return "remove_new_links " + " ".join(quote(pattern) for pattern in self.patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedRoutes(Claim):
    """Routes to destinations within these networks, in CIDR notation."""

    networks: tuple[str, ...]

    @property
    def key(self) -> str:
        return "owned-routes:" + ",".join(self.networks)

    def describe(self) -> str:
        return "claim on routes within " + ", ".join(self.networks)

    def capture(self) -> str:
        return f'list_routes {" ".join(quote(n) for n in self.networks)} > "$entry/routes"'

    def undo(self) -> str:
        return "remove_new_routes " + " ".join(quote(network) for network in self.networks)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedChains(Claim):
    """Netfilter chains whose names begin with one of these prefixes, and the rules that jump to them.

    Rules of other chains are left alone, whatever they are; so an administrator's own rules and the
    connection we came by survive.
    """

    prefixes: tuple[str, ...]

    @property
    def key(self) -> str:
        return "owned-chains:" + ",".join(self.prefixes)

    def describe(self) -> str:
        return "claim on netfilter chains " + ", ".join(f"{prefix}*" for prefix in self.prefixes)

    def capture(self) -> str:
        return "save_netfilter " + " ".join(quote(prefix) for prefix in self.prefixes)

    def undo(self) -> str:
        return "remove_new_chains " + " ".join(quote(prefix) for prefix in self.prefixes)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedRules(Claim):
    """Netfilter rules of built-in chains that name one of these networks, in CIDR notation.

    It stands behind the claim on chains: those that are empty without these rules go with it.
    """

    networks: tuple[str, ...]

    @property
    def key(self) -> str:
        return "owned-rules:" + ",".join(self.networks)

    def describe(self) -> str:
        return "claim on netfilter rules of " + ", ".join(self.networks)

    @property
    def _words(self) -> str:
        return " ".join(quote(network) for network in self.networks)

    def capture(self) -> str:
        return f'list_rules {self._words} > "$entry/rules"'

    def undo(self) -> str:
        return f"remove_new_rules {self._words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleanup(Claim):
    """Something to do when things are taken back, and nothing until then.

    It is done after what stands behind it was taken back, and before what stands ahead of it is.

    Attributes:
        title: A short phrase, unique on the host; also its identity, so another wording does not count.
        run: sh that does it; it must bear being run again, and hold no secret.
    """

    title: str
    run: str

    @property
    def key(self) -> str:
        return f"cleanup:{self.title}"

    def describe(self) -> str:
        return self.title

    def observe(self) -> str:
        # Its entry may have been made ahead, and goes again unless it is marked as done.
        return '[ -n "$entry" ] && [ -e "$entry/done" ] || { echo \'it is not on record\'; return 1; }'

    @property
    def foreseeable(self) -> bool:
        return True

    @property
    def contained(self) -> bool:
        return True

    @property
    def plain(self) -> bool:
        return True

    def capture(self) -> str:
        return Change.capture(self)

    def undo(self) -> str:
        return self.run
