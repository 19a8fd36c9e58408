"""How hosts are logged in to: the mapping ``ssh`` of a cluster or a host."""

from __future__ import annotations

import re

from sealer.clusterfile.fields import Fields
from sealer.clusterfile.model import PROMPT, SecretReference, SecretScheme, SshSpec
from sealer.secret import Secret

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def read_ssh(fields: Fields) -> SshSpec:
    """Return what a mapping ``ssh`` says; without the mapping, settings that say nothing."""
    encrypted = fields.text("encrypted")
    if encrypted not in (None, "false"):
        fields.problem("encrypted", "is not supported", "keep secrets elsewhere: passwdFrom: file:PATH")
    for print_, position, _ in fields.reader.texts(
        fields.node("hostKeyFingerprints"), fields.path_of("hostKeyFingerprints")
    ):
        if not _FINGERPRINT.fullmatch(print_):
            hint = "write what `ssh-keygen -lf` prints: SHA256: and 43 characters"
            fields.reader.problems.add(position, "this is no fingerprint of a host key", hint)
    ssh = SshSpec(
        user=fields.line("user"),
        password=_secret(fields, "passwd"),
        private_key=fields.line("pk"),
        passphrase=_secret(fields, "pkPasswd"),
        sudo_password=_secret(fields, "sudoPasswd"),
        port=fields.number("port", least=1, most=65535),
        fingerprints=fields.texts("hostKeyFingerprints") or (),
        known_hosts=fields.line("knownHosts"),
    )
    fields.finish()
    return ssh


def _secret(fields: Fields, name: str) -> Secret | SecretReference | None:
    inline = fields.text(name)
    reference = fields.text(f"{name}From")
    if inline is not None and reference is not None:
        fields.problem(f"{name}From", f"stands beside {name}", "keep one of them")
    if inline is not None:
        return Secret(inline)
    if reference is None:
        return None
    parsed = parse_reference(reference)
    if parsed is None:
        # A secret put here by mistake must not be shown, so the message does not repeat the text.
        hint = "write env:NAME, file:PATH, cmd:COMMAND or prompt"
        fields.problem(f"{name}From", "does not say where the secret is", hint)
    return parsed


def parse_reference(text: str) -> SecretReference | None:
    """Return the place of a secret that ``env:…``, ``file:…``, ``cmd:…`` or ``prompt`` names, or None."""
    if text == SecretScheme.PROMPT:
        return PROMPT
    scheme, _, argument = text.partition(":")
    argument = argument.strip()
    if scheme not in (SecretScheme.ENV, SecretScheme.FILE, SecretScheme.CMD) or not argument:
        return None
    return SecretReference(scheme=SecretScheme(scheme), argument=argument)
