"""A command, for what no fact can be stated about."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sealer.changes.base import Change, Output
from sealer.changes.quoting import quote

# The connection may have been lost because the host went down. What was begun there is not begun again
# unasked; whoever resumes the operation asks.
_ONCE = """\
if [ -n "${again:-}" ] && [ -e "$entry/attempted" ]; then
  echo "it was cut off, and may have been done in part: go on with sealer resume if it can be run again" >&2
  false
fi &&
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Change):
    """A command with its own guard and its own undo.

    With neither ``unless`` nor ``creates`` it runs once for each wording: the host journal remembers that
    it succeeded. An attempt that failed or was cut off is undone before it is made again.

    Attributes:
        title: A short phrase, unique on the host; also its identity.
        run: sh that does it; several lines are run under ``set -e``.
        unless: sh that succeeds when there is nothing to do.
        creates: A path whose existence means that there is nothing to do.
        revert: sh that takes it back, also after an attempt that was cut off; it must hold no secret.
        yields: Values to read once it is done.
        limit: Seconds it may take.
        repeatable: Whether it may be run again by itself after it failed or took too long, as often as the
            step has ``retries``: because it waits for something, say, and half of it does no harm.
    """

    title: str
    run: str
    unless: str = ""
    creates: str = ""
    revert: str = ""
    yields: tuple[Output, ...] = ()
    limit: float | None = None
    repeatable: bool = False

    @property
    def key(self) -> str:
        return f"command:{self.title}"

    def describe(self) -> str:
        return self.title

    @property
    def foreseeable(self) -> bool:
        return not self.unless  # it may take long

    @property
    def plain(self) -> bool:
        return not self.revert

    def observe(self) -> str:
        if self.unless:
            return f"( {self.unless}\n) >/dev/null 2>&1 || {{ echo 'it is not done'; return 1; }}"
        if self.creates:
            return f"[ -e {quote(self.creates)} ] || {{ echo 'it was not done yet'; return 1; }}"
        return "is_done"

    def apply(self) -> str:
        again = f"if was_attempted; then\n( {self.revert}\n)\nfi\n" if self.revert else ""
        if not self.repeatable and not self.revert:
            again = _ONCE
        attempt = "printf '' > \"$entry/attempted\""
        within = "" if self.limit is None else f"within {self.limit:.0f} "
        # The text may hold a secret, and anyone on the host can read arguments: it goes to sh on standard
        # input, as a group that sh reads to its end before the first command can read from there.
        end = "END"
        while end in self.run:
            end += "_"
        script = f"set -e\n{{\n{self.run}\n}} </dev/null"
        return f"{again}{attempt} &&\n{within}sh -s <<'{end}'\n{script}\n{end}"

    def undo(self) -> str | None:
        return self.revert or None

    def fingerprint(self) -> str:
        if self.unless or self.creates:
            # The guard decides whether it is done; the wording may hold a password that each plan makes anew.
            return Change.fingerprint(replace(self, run=""))
        return Change.fingerprint(self)

    @property
    def outputs(self) -> tuple[Output, ...]:
        return self.yields

    @property
    def timeout(self) -> float | None:
        return self.limit
