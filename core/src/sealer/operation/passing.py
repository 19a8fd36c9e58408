"""Image layers passed on from host to host, so that they cross the operator's link once, not for each host.

Among hosts that lack the same layers the first gets them from the operator. While they arrive it offers each
that is whole to a few others, and these to more. What can't be had that way the operator sends after all.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

import asyncssh

from sealer.changes import Blob
from sealer.changes.passing import PassingKeys, fetch_script, offer_script
from sealer.changes.script import Setting
from sealer.errors import HostError
from sealer.events import EventSink, Message
from sealer.hosts.connection import Connection
from sealer.hosts.facts import OWN_ADDRESS
from sealer.model import OPERATOR, Step
from sealer.secret import Secret

FAN_OUT = 2
"""To how many others a host passes layers on."""

SMALLEST = 32 * 2**20
"""Bytes that a host must lack before it is worth it: fewer are sent while others get ready to offer them."""

_PORTS = range(20000, 30000)  # below those that systems give away by themselves
_TRIES = 5
_READY_SECONDS = 20.0
_ENDING_SECONDS = 10.0

Wanting = Mapping[str, Mapping[str, int]]
"""The sizes, by digest, of the layers that the steps of each host may need."""


class _Offer:
    """What a host offers to others.

    Attributes:
        host: Its name.
        digests: Of the layers that it has, or is to get.
        place: Address and port, or None when it could not begin or has ended.
        whole: Is set when the host has all that it will get.
        over: Is set when nobody needs it any more.
        taken: How many hosts fetch from it.
    """

    def __init__(self, host: str, digests: Iterable[str]) -> None:
        self.host = host
        self.digests = frozenset(digests)
        self.place: asyncio.Future[tuple[str, int] | None] = asyncio.get_running_loop().create_future()
        self.whole = asyncio.Event()
        self.over = asyncio.Event()
        self.taken = 0

    def answer(self, place: tuple[str, int] | None) -> None:
        """Tell where it is, unless that was told before."""
        if not self.place.done():
            self.place.set_result(place)

    def end(self) -> None:
        """Let nobody begin to fetch from it, and have the host stop."""
        self.answer(None)
        self.whole.set()
        self.over.set()


class Passing:
    """Arranges for the hosts of one plan who passes layers on to whom. Ends all of it with its context.

    Args:
        steps: The steps of the plan.
        fan_out: To how many others each host passes on; with 0 all get everything from the operator.
        events: Gets what did not work; the hosts get their layers all the same.
        smallest: Bytes that must be lacking to make it worth it.
    """

    def __init__(
        self, steps: Iterable[Step], *, fan_out: int, events: EventSink, smallest: int = SMALLEST
    ) -> None:
        self._wanting = _wanting(steps)
        self._settled: dict[str, set[str]] = {host: set() for host in self._wanting}
        self._fan_out = fan_out
        self._smallest = smallest
        self._events = events
        self._offers: list[_Offer] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._made_keys: PassingKeys | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for offer in self._offers:
            offer.end()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_ENDING_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def take(
        self,
        connection: Connection,
        setting: Setting,
        missing: tuple[Blob, ...],
        on_progress: Callable[[int], None],
    ) -> tuple[Blob, ...]:
        """Have a host fetch what it lacks from others, and offer it to more.

        Args:
            connection: To the host.
            setting: Where its layers are.
            missing: What it lacks.
            on_progress: Gets the bytes of all blobs that it fetched so far.

        Returns:
            What is still to be sent from here: all of it for the first host, or where nothing is gained.

        Raises:
            HostUnreachable: The connection to the host was lost.
        """
        peers = self._peers(missing)
        if self._fan_out == 0 or len(peers - {connection.host}) == 0:
            return missing
        others = [offer for offer in self._offers if self._gain(offer.digests, missing)]
        # Chosen before anything is waited for: who comes later counts on this host being provided for.
        source = self._choose(others)
        if self._fan_out * len(others) < len(peers) - 1:
            own = self._begin(connection, setting, missing)
            # What arrives before it offers anything would not be offered.
            await asyncio.wait([own.place], timeout=_READY_SECONDS)
        got: set[str] = set()
        sizes = {blob.digest: blob.size for blob in missing}

        def on_output(line: str) -> None:
            digest = f"sha256:{line.strip()}"
            if digest in sizes:
                got.add(digest)
                on_progress(sum(sizes[one] for one in got))

        while source is not None and self._gain(sizes.keys() - got, missing):
            others.remove(source)
            wanted = [blob for blob in missing if blob.digest in source.digests - got]
            said = await self._fetch(connection, setting, source, wanted, on_output)
            if any(blob.digest not in got for blob in wanted):
                self._say(connection.host, f"not all layers came from {source.host}{said}")
            source = self._choose(others)
        return tuple(blob for blob in missing if blob.digest not in got)

    def _choose(self, offers: Sequence[_Offer]) -> _Offer | None:
        """Return the least asked of the offers that one more host may take, which counts as taken then."""
        free = [offer for offer in offers if offer.taken < self._fan_out and not offer.over.is_set()]
        if not free:
            return None
        chosen = min(free, key=lambda offer: offer.taken)
        chosen.taken += 1
        return chosen

    def settle(self, host: str, blobs: Iterable[Blob], *, whole: bool) -> None:
        """Take that a host has layers now, or that it failed to get them. Offers that nobody needs end."""
        if whole:
            self._settled.get(host, set()).update(blob.digest for blob in blobs)
        for offer in self._offers:
            if offer.host == host:
                offer.whole.set()
            if (offer.host == host and not whole) or not self._needed(offer):
                offer.end()

    def _peers(self, missing: Sequence[Blob]) -> set[str]:
        """Return the hosts that may lack enough of these layers to have them passed on."""
        return {host for host, wanted in self._wanting.items() if self._gain(wanted.keys(), missing)}

    def _gain(self, digests: Iterable[str], missing: Sequence[Blob]) -> bool:
        found = frozenset(digests)
        return sum(blob.size for blob in missing if blob.digest in found) >= self._smallest

    def _needed(self, offer: _Offer) -> bool:
        return any(
            offer.digests & (wanted.keys() - self._settled[host]) for host, wanted in self._wanting.items()
        )

    def _begin(self, connection: Connection, setting: Setting, missing: Sequence[Blob]) -> _Offer:
        offer = _Offer(connection.host, (blob.digest for blob in missing))
        self._offers.append(offer)
        task = asyncio.create_task(self._offer(connection, setting, offer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return offer

    async def _offer(self, connection: Connection, setting: Setting, offer: _Offer) -> None:
        """Have a host offer its layers until that is over."""
        ports = random.sample(_PORTS, _TRIES)
        script = offer_script(setting, self._keys(), ports, OWN_ADDRESS)

        def on_output(line: str) -> None:
            address, _, port = line.rpartition(" ")
            if address and port.isdigit():
                offer.answer((address, int(port)))

        async def words() -> AsyncIterator[bytes]:
            await offer.whole.wait()
            yield b"all\n"
            await offer.over.wait()

        try:
            result = await connection.send(script, words(), on_output=on_output, apart=True)
        except HostError as error:
            self._say(offer.host, f"it passes no layers on: {error}")
        else:
            if not result.succeeded:
                self._say(offer.host, f"it passes no layers on: {' '.join(result.stderr[-1:])}")
        finally:
            offer.end()

    async def _fetch(
        self,
        connection: Connection,
        setting: Setting,
        offer: _Offer,
        wanted: Sequence[Blob],
        on_output: Callable[[str], None],
    ) -> str:
        """Have a host fetch layers from another one; return what went wrong, as the end of a sentence."""
        await asyncio.wait([offer.place], timeout=_READY_SECONDS)
        place = offer.place.result() if offer.place.done() else None
        if place is None:
            return ", which offers none"
        script = fetch_script(setting, self._keys(), *place, wanted)
        result = await connection.run_script(script, on_output=on_output)
        return f": {result.stderr[0]}" if result.stderr else ""

    def _say(self, host: str, text: str) -> None:
        self._events(Message(text=text, host=host))

    def _keys(self) -> PassingKeys:
        if self._made_keys is None:
            # A kind that hosts take whose rules for cryptography leave out Ed25519 (FIPS 140).
            host, user = (asyncssh.generate_private_key("ecdsa-sha2-nistp256") for _ in range(2))
            self._made_keys = PassingKeys(
                host=Secret(host.export_private_key("openssh").decode()),
                host_public=host.export_public_key("openssh").decode().strip(),
                user=Secret(user.export_private_key("openssh").decode()),
                user_public=user.export_public_key("openssh").decode().strip(),
            )
        return self._made_keys


def _wanting(steps: Iterable[Step]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for step in steps:
        blobs = {blob.digest: blob.size for change in step.changes for blob in change.blobs}
        if blobs and step.host != OPERATOR:
            found.setdefault(step.host, {}).update(blobs)
    return found
