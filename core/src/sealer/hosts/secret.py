"""Secrets: values that don't show themselves, where they are kept, and taking them out of texts."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote, quote_plus

from sealer.errors import SealerError, UsageError
from sealer.secret import MASK, Secret

__all__ = [
    "COMMAND_TIMEOUT",
    "MASK",
    "FetchSecret",
    "Redactor",
    "Secret",
    "fetch_secret",
    "resolve_secret",
]

COMMAND_TIMEOUT = 60.0
"""Seconds that a program which prints a secret may take."""

_LONG_ENOUGH = 6


def resolve_secret(reference: str) -> Secret:
    """Fetch the secret that a reference names: ``env:NAME``, ``file:PATH`` or ``cmd:PROGRAM ARGUMENT…``.

    A final newline of a file or of a program's output is dropped. The program is run by ``sh`` and has the
    terminal, so it may ask.

    Raises:
        UsageError: The reference has none of the three forms.
        SealerError: There is no such variable or file, or the program failed; the message has no secret.
    """
    kind, _, rest = reference.partition(":")
    if kind not in {"env", "file", "cmd"} or not rest:
        # A secret written in place of a reference must not be shown: the message doesn't repeat it.
        raise UsageError(
            "a reference to a secret has none of the known forms",
            hint="write env:NAME, file:PATH or cmd:PROGRAM",
        )
    match kind:
        case "env":
            value = _from_environment(rest)
        case "file":
            value = _from_file(rest)
        case _:
            value = _from_command(rest)
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise SealerError(
            "the secret is empty",
            place=reference,
            hint="see what stands there; an empty secret is never meant",
        )
    return Secret(value)


FetchSecret = Callable[[Secret | str], Secret]
"""Returns the secret that a step has, or that is where the step says.

Raises:
    SealerError: It can't be had.
"""


def fetch_secret(where: Secret | str) -> Secret:
    """Return a secret, or the one that a reference names.

    Raises:
        UsageError: The reference has none of the known forms.
        SealerError: There is no such secret.
    """
    return where if isinstance(where, Secret) else resolve_secret(where)


class Redactor:
    """Takes known secrets out of lines of text.

    It finds a secret also as base64, JSON, a URL and sh quoting write it, and each line of one that has
    several. Every secret counts, however short.

    Args:
        secrets: Those known so far.
    """

    def __init__(self, secrets: Iterable[Secret | str] = ()) -> None:
        self._texts: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.add(secret)

    def add(self, secret: Secret | str) -> None:
        """Learn one more secret."""
        value = secret.reveal() if isinstance(secret, Secret) else secret
        self._texts.update(_forms(value))
        # The longest first: one secret may be the beginning of another.
        alternatives = sorted(self._texts, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, alternatives))) if alternatives else None

    def redact(self, text: str) -> str:
        """Return the text with ``***`` in place of every known secret."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)


def _forms(value: str) -> set[str]:
    """Return the ways in which a secret may be written in a line."""
    forms = {value, value.strip()}
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        forms.update(line for line in lines if len(line) >= _LONG_ENOUGH)
    if len(value) >= _LONG_ENOUGH:
        forms.update(
            (
                base64.b64encode(value.encode(errors="surrogatepass")).decode(),
                base64.b64encode((value + "\n").encode(errors="surrogatepass")).decode(),
                json.dumps(value)[1:-1],
                json.dumps(value, ensure_ascii=False)[1:-1],
                quote(value, safe="", errors="surrogatepass"),
                quote_plus(value, errors="surrogatepass"),
                value.replace("'", "'\\''"),
                value.replace("'", "'\"'\"'"),
            )
        )
    forms.discard("")
    return forms


def _from_environment(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise SealerError(
            f"the environment variable {name} is not set", hint=f"set {name} to the secret"
        ) from None


def _from_file(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise SealerError(
            f"the secret can't be read: {error.strerror}",
            place=path,
            hint="check the path, and that you may read the file",
        ) from error
    except UnicodeDecodeError as error:
        raise SealerError(
            "the secret is no UTF-8 text", place=path, hint="a secret is one line of text"
        ) from error


def _from_command(command: str) -> str:
    try:
        done = subprocess.run(
            ["sh", "-c", command], stdout=subprocess.PIPE, timeout=COMMAND_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise SealerError(
            f"the program that prints the secret took longer than {COMMAND_TIMEOUT:g} seconds",
            place=f"cmd:{command}",
            hint="run the program by hand: it must not wait for anything",
        ) from None
    if done.returncode != 0:
        raise SealerError(
            f"the program that prints the secret failed with status {done.returncode}",
            place=f"cmd:{command}",
            hint="run the program by hand to see why",
        )
    try:
        return done.stdout.decode()
    except UnicodeDecodeError as error:
        raise SealerError(
            "the secret is no UTF-8 text", place=f"cmd:{command}", hint="a secret is one line of text"
        ) from error
