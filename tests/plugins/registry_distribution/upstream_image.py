"""An image in a registry that a cache fetches from."""

from __future__ import annotations

import hashlib
import json
import ssl

import httpx

from sealer.testing.registry import RegistryServer

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"


def push_image(server: RegistryServer, repository: str, tag: str, *, size: int = 100_000) -> None:
    """Put an image of one layer there; nobody has to be able to run it."""
    context = ssl.create_default_context(cafile=str(server.authority)) if server.tls else False
    with httpx.Client(base_url=f"{server.url}/v2/{repository}", verify=context, trust_env=False) as client:

        def push(content: bytes, media_type: str) -> dict[str, object]:
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            place = client.post("/blobs/uploads/").raise_for_status().headers["Location"]
            client.put(f"{place}&digest={digest}", content=content).raise_for_status()
            return {"mediaType": media_type, "digest": digest, "size": len(content)}

        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": push(json.dumps({"rootfs": {"type": "layers"}}).encode(), _CONFIG_TYPE),
            "layers": [push(b"layer" * (size // 5), _LAYER_TYPE)],
        }
        sent = client.put(
            f"/manifests/{tag}", content=json.dumps(manifest), headers={"Content-Type": MANIFEST_TYPE}
        )
        sent.raise_for_status()
