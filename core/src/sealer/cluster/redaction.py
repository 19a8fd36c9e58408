"""Takes out of texts and data what looks like a secret, for what leaves the operator's machine.

It takes out too much rather than too little.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any

from sealer.secret import MASK

_NAME = (
    r"(?:[\w.-]*(?:pass(?:w(?:or)?d|phrase)?(?![a-z])|secret|token|api[_-]?key|access[_-]?key|credentials?|htpasswd"
    r"|private[_-]?key|key[_-]data|certificate[_-]?key)[\w.-]*|auth|basic)"
)
"""What fields, variables and options are called whose values nobody should read."""

_VALUE = r"""(?:\\+"[^"\n]*"|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\[[^\]\n]*\]|\{[^}\n]*\}|[^\s,;}\]"']+)"""


def _unless_public(match: re.Match[str]) -> str:
    """Return base64 of a certificate as it is, and a mask for anything else."""
    text = match[0]
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return MASK
    return MASK if b"PRIVATE" in content else text


_Replacement = str | Callable[[re.Match[str]], str]

_BEHIND = rf"\1{MASK}"

_PATTERNS: tuple[tuple[str, _Replacement], ...] = (
    (r"(?s)-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.*?(?:-----END \1PRIVATE KEY-----|\Z)", MASK),
    (r"LS0tLS1CRUdJTi[A-Za-z0-9+/]*={0,2}", _unless_public),
    (r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?\s*(?:basic|bearer)\s+)[^\s\"',]+", _BEHIND),
    (r"(://[^/\s:@]*:)[^/\s@]+(?=@)", _BEHIND),
    (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?", MASK),  # a JSON web token
    (r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b", MASK),  # a bootstrap token
    (r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}", MASK),  # bcrypt
    (r"\bK10[0-9a-f]{40,}::\S+", MASK),  # a token with the hash of an authority
    (
        # A block of YAML.
        rf"(?im)^(\s*(?:- )?[\"']?{_NAME}[\"']?\s*:\s*)[|>][-+0-9]*[ ]*\n(?:[ \t]+\S.*(?:\n|\Z))+",
        rf"\1{MASK}\n",
    ),
    (rf"(?i)(?<!\S)(--?{_NAME}(?:=|\s+)){_VALUE}", _BEHIND),
    (rf"(?i)((?<![\w.-]){_NAME}\\*[\"']?\s*[:=]\s*){_VALUE}", _BEHIND),
)

_COMPILED = tuple((re.compile(pattern), replacement) for pattern, replacement in _PATTERNS)
_SECRET_NAME = re.compile(_NAME, re.IGNORECASE)


def without_secrets(text: str) -> str:
    """Return a text without keys, tokens, passwords, and values that are named like them."""
    for pattern, replacement in _COMPILED:
        text = pattern.sub(replacement, text)
    return text


def plain_without_secrets(data: Any) -> Any:
    """Return plain data without secrets in its texts, and without what stands under names of secrets."""
    if isinstance(data, str):
        return without_secrets(data)
    if isinstance(data, list | tuple):
        return [plain_without_secrets(item) for item in data]
    if isinstance(data, dict):
        return {
            without_secrets(str(key)): MASK
            if _SECRET_NAME.fullmatch(str(key)) and not _says_nothing(value)
            else plain_without_secrets(value)
            for key, value in data.items()
        }
    return data


def json_without_secrets(text: str) -> str:
    """Return JSON, or lines of it, without secrets; what can't be read as JSON is taken for text."""
    try:
        return json.dumps(plain_without_secrets(json.loads(text)), indent=2, ensure_ascii=False) + "\n"
    except ValueError:
        pass
    lines: list[str] = []
    read = 0
    for line in text.splitlines():
        try:
            lines.append(json.dumps(plain_without_secrets(json.loads(line)), ensure_ascii=False))
            read += 1
        except ValueError:
            lines.append(without_secrets(line))
    return "".join(f"{line}\n" for line in lines) if read else without_secrets(text)


def _says_nothing(value: Any) -> bool:
    return value is None or isinstance(value, bool) or value in ("", [], {})
