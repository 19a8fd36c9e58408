"""Compare packing container images with `skopeo copy` of the same blobs, each blob once.

A registry on this machine has 20 images of 50 MB, which all share one layer. In turns: `skopeo copy` of one
image after the other into an OCI layout that has the blobs of all, and `sealer build` of a context that names
the images, with an empty home. What counts is the ratio of the medians.

    python bench/build_packing.py --repetitions 5

needs skopeo and docker-registry, and Sealer importable by the Python that runs this.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from build_measuring import Measured, environment, run

from sealer.image.store import ImageStore
from sealer.testing.images import make_image
from sealer.testing.registry import RegistryServer

IMAGES = 20
SHARED = 20 << 20
OWN = 30 << 20


def fill(registry: RegistryServer, scratch: Path) -> list[str]:
    """Push the images to the registry, and return their names."""
    store = ImageStore(scratch / "source")
    chance = random.Random(0)
    shared = chance.randbytes(SHARED)
    names = []
    for number in range(IMAGES):
        own = chance.randbytes(OWN)
        make_image(store, f"image:{number}", layers=[{"shared": shared}, {"own": own}], type=None)
        name = f"{registry.address}/image:{number}"
        source = f"oci:{store.layout.root}:docker.io/library/image:{number}"
        words = [
            "skopeo",
            "--insecure-policy",
            "copy",
            "-q",
            "--dest-tls-verify=false",
            source,
            f"docker://{name}",
        ]
        subprocess.run(words, check=True)
        names.append(name)
    shutil.rmtree(scratch / "source")
    return names


def copy_with_skopeo(names: list[str], scratch: Path) -> Measured:
    script = "\n".join(
        "skopeo --insecure-policy copy -q --preserve-digests --src-tls-verify=false "
        f"--dest-shared-blob-dir={scratch}/blobs docker://{name} oci:{scratch}/layout:{number}"
        for number, name in enumerate(names)
    )
    return run(["sh", "-e", "-c", script], environment(scratch / "home"))


def pack_with_sealer(names: list[str], scratch: Path) -> Measured:
    context = scratch / "context"
    context.mkdir()
    (context / "imageList").write_text("\n".join(names))
    (context / "Kubefile").write_text("FROM scratch\nCOPY imageList manifests/\n")
    words = [
        sys.executable,
        "-m",
        "sealer",
        "build",
        "-q",
        "--skip-tls-verify",
        "-t",
        "bench:1",
        str(context),
    ]
    return run(words, environment(scratch / "home"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=5)
    given = parser.parse_args()
    ways = {"skopeo": copy_with_skopeo, "sealer": pack_with_sealer}
    found: dict[str, list[Measured]] = {name: [] for name in ways}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory,
        RegistryServer(Path(directory) / "registry") as registry,
    ):
        names = fill(registry, Path(directory))
        for _ in range(given.repetitions):
            for name, way in ways.items():
                scratch = Path(directory) / "scratch"
                scratch.mkdir()
                subprocess.run(["sync"], check=True)  # what one has left to write is not to slow the other
                found[name].append(way(names, scratch))
                shutil.rmtree(scratch, ignore_errors=True)
    medians = {name: statistics.median(each.seconds for each in results) for name, results in found.items()}
    for name, results in found.items():
        seconds = ", ".join(f"{each.seconds:.2f}" for each in results)
        print(f"{name:8} {medians[name]:6.2f} s   processor {results[0].processor:.1f} s   ({seconds})")
    print(f"ratio    {medians['sealer'] / medians['skopeo']:6.2f}")


if __name__ == "__main__":
    main()
