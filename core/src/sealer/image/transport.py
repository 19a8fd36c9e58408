"""Requests to registries: reading manifests, copying container images, logging in and out."""

from __future__ import annotations

from pathlib import Path

from sealer.errors import TransportError, VerificationError
from sealer.events import EventSink, discard
from sealer.image.access import Access, registry_domain
from sealer.image.digest import digest_of
from sealer.image.oci import parse_json
from sealer.image.reference import Reference, parse_reference
from sealer.image.skopeo import Skopeo, signature_policy
from sealer.model import Platform

# skopeo waits a second before the first retry, and twice as long before each further one.
RETRIES = "3"
INSPECT_RETRIES = "2"

_DOCKER = "docker://"
_LOCAL_TRANSPORTS = ("docker-archive:", "oci-archive:", "oci:", "dir:")


class Transport:
    """Talks to registries with the credentials and certificates of one home directory.

    Args:
        home: Sealer's home directory.
        skip_tls_verify: Whether to accept any certificate, and plain HTTP.
        authfile: A file with other credentials, or None for those of the home directory.
        sink: Is told about retries and warnings.
    """

    def __init__(
        self,
        home: Path,
        *,
        skip_tls_verify: bool = False,
        authfile: Path | None = None,
        sink: EventSink = discard,
    ) -> None:
        self.access = Access(home=home, skip_tls_verify=skip_tls_verify, authfile=authfile)
        self.skopeo = Skopeo(access=self.access, sink=sink)

    def with_credentials(self, authfile: Path) -> Transport:
        """Return one that talks to the same registries with other credentials."""
        access = self.access
        return Transport(
            access.home,
            skip_tls_verify=access.skip_tls_verify,
            authfile=authfile,
            sink=self.skopeo.sink,
        )

    async def inspect_raw(self, reference: Reference | str) -> bytes:
        """Return the bytes of a manifest or index as the registry has them.

        Raises:
            TransportError: The registry can't be asked, or has no such image.
            VerificationError: The reference has a digest, and the bytes have another.
        """
        wanted = _complete(reference)
        data = await self._inspect(wanted, "--raw")
        if wanted.digest is not None and digest_of(data) != wanted.digest:
            raise VerificationError(
                f"{wanted.domain} sent a manifest with digest {digest_of(data)} for {wanted}"
            )
        return data

    async def inspect_config(self, reference: Reference | str) -> bytes:
        """Return the bytes of the config of an image for one platform; the caller checks the digest.

        Raises:
            TransportError: The registry can't be asked, or has no such image.
        """
        return await self._inspect(_complete(reference), "--raw", "--config")

    async def copy_container_image(
        self, source: Reference | str, destination: Path, *, platform: Platform | None = None
    ) -> str:
        """Copy an image for one platform into a directory in skopeo's ``dir`` format, byte for byte.

        The directory gets ``manifest.json`` and every blob under the hexadecimal part of its digest.

        Args:
            source: A name, or ``docker-archive:FILE[:NAME]``, ``oci-archive:…``, ``oci:…``, ``dir:…``.
            destination: The directory; it is made, or has to be empty.
            platform: The platform, if the source is for several; None means this machine's.

        Returns:
            The digest of the manifest.

        Raises:
            TransportError: The source can't be read.
        """
        if isinstance(source, str) and source.startswith(_LOCAL_TRANSPORTS):
            words: tuple[str, ...] = (source,)
            domain, subject = "", source
        else:
            reference = _complete(source)
            words = (*self.access.flags(reference.domain, "src-"), _DOCKER + _unambiguous(reference))
            domain, subject = reference.domain, str(reference)
        _make(destination)
        await self.skopeo.run(
            (
                *signature_policy(),
                *_overrides(platform),
                "copy",
                "--quiet",
                "--preserve-digests",
                f"--retry-times={RETRIES}",
                *words,
                f"dir:{destination}",
            ),
            subject=subject,
            domain=domain,
        )
        return digest_of((destination / "manifest.json").read_bytes())

    async def copy_layers(self, reference: Reference, layout: Path, blobs: Path, *, rewrite: bool) -> None:
        """Copy the layers of one manifest below a directory of blobs; those that are there are not fetched.

        Args:
            reference: A name with the digest of a manifest for one platform.
            layout: A directory for an OCI layout, whose own files have no meaning afterwards.
            blobs: The directory that has, and gets, ``sha256/<hex>``.
            rewrite: Whether the layout may hold another manifest and config than the registry: skopeo can't
                write Docker's manifests into a layout. Layers are copied as they are in any case.

        Raises:
            TransportError: The registry can't be asked, or what it sends has another digest.
        """
        await self.skopeo.run(
            (
                *signature_policy(),
                "copy",
                "--quiet",
                *(() if rewrite else ("--preserve-digests",)),
                "--dest-oci-accept-uncompressed-layers",
                f"--retry-times={RETRIES}",
                *self.access.flags(reference.domain, "src-"),
                f"--dest-shared-blob-dir={blobs}",
                _DOCKER + _unambiguous(reference),
                f"oci:{layout}:image",
            ),
            subject=str(reference),
            domain=reference.domain,
        )

    async def list_tags(self, repository: Reference | str) -> tuple[str, ...]:
        """Return the tags of a repository, sorted.

        Raises:
            TransportError: The registry can't be asked, or has no such repository.
        """
        reference = _complete(repository)
        data = await self.skopeo.run(
            (
                *signature_policy(),
                "list-tags",
                f"--retry-times={INSPECT_RETRIES}",
                *self.access.flags(reference.domain),
                _DOCKER + reference.name,
            ),
            subject=reference.name,
            domain=reference.domain,
        )
        listed = parse_json(data, "the list of tags")
        tags = listed.get("Tags") if isinstance(listed, dict) else None
        if not isinstance(tags, list):
            raise TransportError(
                f"{reference.domain} sent no list of tags",
                place=reference.name,
                hint="check the name of the repository, and that a registry answers there",
            )
        return tuple(sorted(str(tag) for tag in tags))

    async def login(self, registry: str, username: str, password: str) -> None:
        """Check credentials with a registry and keep them in ``auth.json``, which only its owner can read.

        Raises:
            TransportError: The registry can't be asked, or does not accept them.
        """
        domain = registry_domain(registry)
        self.access.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = self.access.flags(domain)
        await self.skopeo.run(
            (
                "login",
                *flags,
                f"--username={username}",
                "--password-stdin",
                domain,
            ),
            subject=domain,
            domain=domain,
            stdin=password.encode(),
        )

    async def logout(self, registry: str) -> None:
        """Forget the credentials for a registry.

        Raises:
            TransportError: There are none.
        """
        domain = registry_domain(registry)
        try:
            await self.skopeo.run(
                ("logout", f"--authfile={self.access.credentials}", domain), subject=domain, domain=domain
            )
        except TransportError as error:
            if "not logged" not in error.message:
                raise
            raise TransportError(f"you are not logged in to {domain}") from error

    async def _inspect(self, reference: Reference, *what: str) -> bytes:
        return await self.skopeo.run(
            (
                *signature_policy(),
                "inspect",
                *what,
                f"--retry-times={INSPECT_RETRIES}",
                *self.access.flags(reference.domain),
                _DOCKER + _unambiguous(reference),
            ),
            subject=str(reference),
            domain=reference.domain,
        )


def _complete(reference: Reference | str) -> Reference:
    return parse_reference(reference) if isinstance(reference, str) else reference


def _make(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)


def _unambiguous(reference: Reference) -> str:
    """Return the name as skopeo takes it: it refuses a tag beside a digest, which says it all."""
    return str(reference if reference.digest is None else reference.with_digest(reference.digest))


def _overrides(platform: Platform | None) -> tuple[str, ...]:
    if platform is None:
        return ()
    variant = (f"--override-variant={platform.variant}",) if platform.variant else ()
    return (f"--override-os={platform.os}", f"--override-arch={platform.architecture}", *variant)
