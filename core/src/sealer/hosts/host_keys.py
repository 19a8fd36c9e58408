"""The judgement of the key a host shows: pinned, recorded, new, changed or revoked."""

from __future__ import annotations

from sealer.errors import HostKeyRejected
from sealer.hosts.known_hosts import DEFAULT_PORT, HostKey, Known, host_name
from sealer.hosts.settings import HostKeyPolicy, SshSettings

# Algorithms by the key type they need, the best first. SHA-1 and DSA are not offered.
_ALGORITHMS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}


class HostKeyGuard:
    """Decides about the key of one host, and remembers why.

    Args:
        host: The host's name in messages.
        address: The name or IP address that is dialled, as the records have it.
        known: What the records say of it.

    Attributes:
        error: Set when a key was refused.
        new: The key that was accepted though it is in no record; it has to be recorded.
    """

    def __init__(self, host: str, address: str, known: Known, settings: SshSettings) -> None:
        self._host = host
        self._address = address
        self._known = known
        self._settings = settings
        self.error: HostKeyRejected | None = None
        self.new: HostKey | None = None

    def algorithms(self) -> tuple[str, ...]:
        """Return the host key algorithms to offer, those of recorded keys first: the host shows one of them.

        All others follow, so that a host with another key can be told apart from one that speaks no
        modern SSH.
        """
        recorded = [record.key.type for record in self._known.keys]
        types = [kind for kind in _ALGORITHMS if kind in recorded]
        types += [kind for kind in _ALGORITHMS if kind not in recorded]
        plain = [algorithm for kind in types for algorithm in _ALGORITHMS[kind]]
        if self._known.authorities and not self._settings.fingerprints:
            return (*(f"{algorithm}-cert-v01@openssh.com" for algorithm in plain), *plain)
        return tuple(plain)

    def accepts(self, key: HostKey) -> bool:
        """Judge a key; when it is refused ``error`` says why."""
        self.error = self._judge(key)
        return self.error is None

    def _judge(self, key: HostKey) -> HostKeyRejected | None:
        revoked = next((record for record in self._known.revoked if record.key == key), None)
        if revoked is not None:
            return self.refuse(
                f"the host shows a revoked key, {key}; {revoked.place} refuses it",
                hint="someone may be impersonating the host; give it a new host key before you go on",
            )
        if self._settings.fingerprints:
            return self._judge_pinned(key)
        if self._known.trusts(key):
            return None
        if self._known.keys:
            return self.changed(key, self._known)
        if self._settings.host_key_policy is HostKeyPolicy.ACCEPT_NEW:
            self.new = key
            return None
        return self.refuse(
            f"the host key is not known: {key}",
            hint="compare the fingerprint with that of the host, then add --accept-new, "
            f"or {self._recording()}",
        )

    def _recording(self) -> str:
        if self._settings.jump:
            # ssh-keyscan knows no jump hosts.
            return f"pin it in the Clusterfile: hostKeyFingerprints, for {self._address}"
        port = self._settings.port
        option = "" if port == DEFAULT_PORT else f"-p {port} "
        scan = f"ssh-keyscan {option}{self._address}"
        return f"record the key: {scan} >> {self._settings.known_hosts}"

    def _judge_pinned(self, key: HostKey) -> HostKeyRejected | None:
        if key.fingerprint in self._settings.fingerprints:
            return None
        return self.refuse(
            f"the host shows another key than the pinned one: {key}, "
            f"not {' or '.join(self._settings.fingerprints)}",
            hint="someone may be impersonating the host; if it got a new key, pin its fingerprint",
        )

    def changed(self, key: HostKey, known: Known) -> HostKeyRejected:
        """Return the error for a key that is not the recorded one."""
        # Of several records the one of the same type is what people want to compare with.
        same_type = [record for record in known.keys if record.key.type == key.type]
        record = (same_type or list(known.keys))[0]
        file = record.place.rpartition(":")[0]
        name = host_name(self._address, self._settings.port)
        return self.refuse(
            f"the host key has changed: the host shows {key}, but {record.place} has {record.key}",
            hint=f"someone may be impersonating the host; if it was installed anew, forget its old key: "
            f"ssh-keygen -R '{name}' -f {file}",
        )

    def refuse(self, message: str, *, hint: str) -> HostKeyRejected:
        """Return the error for this host."""
        return HostKeyRejected(message, host=self._host, hint=hint)
