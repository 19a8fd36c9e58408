"""How hosts are logged in to: the mapping ``ssh`` of a cluster or a host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sealer.clusterfile.fields import Fields
from sealer.clusterfile.jumps import one_address, parse_jump
from sealer.clusterfile.model import PROMPT, JumpSpec, SecretReference, SecretScheme, SshSpec
from sealer.clusterfile.tree import Mapping, Sequence
from sealer.secret import Secret

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def read_ssh(fields: Fields) -> SshSpec:
    """Return what a mapping ``ssh`` says; without the mapping, settings that say nothing."""
    jump = tuple(_jump_hosts(fields)) if fields.has("jump") else None
    ssh = replace(_read_login(fields), jump=jump)
    fields.finish()
    return ssh


def _read_login(fields: Fields) -> SshSpec:
    encrypted = fields.text("encrypted")
    if encrypted not in (None, "false"):
        fields.problem("encrypted", "is not supported", "keep secrets elsewhere: passwdFrom: file:PATH")
    for print_, position, _ in fields.reader.texts(
        fields.node("hostKeyFingerprints"), fields.path_of("hostKeyFingerprints")
    ):
        if not _FINGERPRINT.fullmatch(print_):
            hint = "write what `ssh-keygen -lf` prints: SHA256: and 43 characters"
            fields.reader.problems.add(position, "this is no fingerprint of a host key", hint)
    return SshSpec(
        user=fields.line("user"),
        password=read_secret(fields, "passwd"),
        private_key=fields.line("pk"),
        passphrase=read_secret(fields, "pkPasswd"),
        sudo_password=read_secret(fields, "sudoPasswd"),
        port=fields.number("port", least=1, most=65535),
        fingerprints=fields.texts("hostKeyFingerprints") or (),
        known_hosts=fields.line("knownHosts"),
        identities_only=_boolean(fields, "identitiesOnly"),
    )


def _jump_hosts(fields: Fields) -> Iterator[JumpSpec]:
    """Read a text, a mapping, or a list of them."""
    node = fields.node("jump")
    path = fields.path_of("jump")
    several = fields.reader.items(node, path) if isinstance(node, Sequence) else ((node, path),)
    for item, item_path in several:
        if isinstance(item, Mapping):
            yield _jump_host(Fields(fields.reader, item, item_path))
        elif item is not None and (text := fields.reader.text_of(item, item_path)) is not None:
            try:
                yield from parse_jump(text)
            except ValueError as error:
                fields.reader.problems.add(item.position, f"{item_path}: {error}")


def _jump_host(fields: Fields) -> JumpSpec:
    host = fields.line("host")
    address = ""
    if host is None:
        fields.problem("host", "is missing", "write as: {host: bastion.example.org, user: ops}")
    else:
        try:
            address = one_address(host)
        except ValueError as error:
            fields.problem("host", f"is not right: {error}")
    ssh = _read_login(fields)
    fields.finish()
    return JumpSpec(address=address, ssh=ssh)


def _boolean(fields: Fields, name: str) -> bool | None:
    text = fields.text(name)
    fields.note(name, enum=[True, False, "true", "false"])
    if text not in {None, "true", "false"}:
        fields.problem(name, "must be true or false")
    return None if text is None else text == "true"


def read_secret(fields: Fields, name: str) -> Secret | SecretReference | None:
    """Return the secret of a field, or where it is by the field whose name ends in ``From``."""
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
