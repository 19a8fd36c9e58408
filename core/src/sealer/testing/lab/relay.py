"""Delays and loses the packets between two network devices, for kernels without netem.

Run as ``python -m sealer.testing.lab.relay LAB HOME NODE PORT RELAY DELAY LOSS``. It copies every frame that
arrives at one device to the other, with the offload header the kernel gives it, so that large segments stay
whole and checksums stay right.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import json
import os
import random
import selectors
import socket
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

from sealer.testing.lab import cgroups
from sealer.testing.lab.network import in_network
from sealer.testing.lab.processes import Process
from sealer.testing.lab.state import Places, write_atomically

_SOL_PACKET = 263
_PACKET_VNET_HDR = 15
_PACKET_IGNORE_OUTGOING = 23
_ETH_P_ALL = 0x0003
_BUFFER = 32 * 2**20
_FRAME = 70_000
_PENDING = 20_000
"""Frames held back at most; what comes on top is lost, as in a real queue."""


def open_port(device: str) -> socket.socket:
    """Return a socket for all frames that arrive at a device of this thread's network."""
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    port.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    port.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    # SO_RCVBUFFORCE and SO_SNDBUFFORCE, which pass the machine's ordinary limits
    port.setsockopt(socket.SOL_SOCKET, 33, _BUFFER)
    port.setsockopt(socket.SOL_SOCKET, 32, _BUFFER)
    port.bind((device, _ETH_P_ALL))
    port.setblocking(False)
    return port


def relay(left: socket.socket, right: socket.socket, *, delay: float, loss: float) -> None:
    """Copy frames between two ports until one of the devices is removed.

    Args:
        left: One port.
        right: The other.
        delay: Seconds each frame is held back.
        loss: The share of frames that is dropped, from 0 to 1.
    """
    waiting: list[tuple[float, int, socket.socket, bytes]] = []
    count = itertools.count()
    chance = random.Random()
    selector = selectors.DefaultSelector()
    selector.register(left, selectors.EVENT_READ, right)
    selector.register(right, selectors.EVENT_READ, left)
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for key, _ in selector.select(pause):
            for frame in _arrived(key.fileobj):  # type: ignore[arg-type]  # only sockets are registered
                if len(waiting) < _PENDING and chance.random() >= loss:
                    heapq.heappush(waiting, (time.monotonic() + delay, next(count), key.data, frame))
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, target, frame = heapq.heappop(waiting)
            _send(target, frame)


def _arrived(port: socket.socket) -> list[bytes]:
    """Return the frames that wait at a port, some hundreds at most."""
    frames: list[bytes] = []
    while len(frames) < 256:
        try:
            frames.append(port.recv(_FRAME))
        except BlockingIOError:
            break
        except OSError as error:
            if error.errno != errno.ENETDOWN:
                raise
            # The cable is cut: frames stay away until it is mended.
            time.sleep(0.05)
            break
    return frames


def _send(port: socket.socket, frame: bytes) -> None:
    try:
        port.send(frame)
    except OSError as error:
        if error.errno in {errno.ENXIO, errno.ENODEV}:
            raise


def main() -> None:
    """Relay between the two devices named on the command line."""
    lab, home, name, left, right, delay, loss = sys.argv[1:]
    places = Places(lab=lab, home=Path(home))
    cgroups.join(cgroups.create(lab, "power"))
    ports = [in_network(places.operator, partial(open_port, device)) for device in (left, right)]
    me = Process(os.getpid(), 0) if (found := Process.find(os.getpid())) is None else found
    write_atomically(places.node(name) / "relay.json", json.dumps(asdict(me)))
    try:
        relay(ports[0], ports[1], delay=float(delay), loss=float(loss))
    except OSError as error:
        print(f"{name}: relay ended: {error}")


if __name__ == "__main__":
    main()
