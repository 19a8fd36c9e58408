"""Files of Debian packages, fetched with a configuration of apt's own kind but apart from the machine's."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from steps import BuildError, Steps

SUITE = "bookworm"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Debian:
    """A private apt: its own lists and cache, and a record that says nothing is installed.

    So ``download`` fetches every package that others need, whatever this machine has, and nothing is
    installed here.

    Args:
        steps: Runs the programs.
        directory: Where lists and packages are kept.
    """

    def __init__(self, steps: Steps, directory: Path) -> None:
        self._steps = steps
        self._directory = directory

    def update(self, fresh: Path) -> None:
        """Fill a directory with the package lists of the mirror that this machine's apt uses."""
        mirror = self._mirror()
        for name in ("lists/partial", "cache/archives/partial"):
            (fresh / name).mkdir(parents=True)
        (fresh / "status").write_text("")
        lines = [f"{kind} [signed-by={_KEYRING}] {mirror} {SUITE} main\n" for kind in ("deb", "deb-src")]
        (fresh / "sources.list").write_text("".join(lines))
        self._apt(fresh, "update", "-qq")

    def download(self, packages: Sequence[str], into: Path, *, dependencies: bool) -> None:
        """Extract packages, and if wanted those they depend on, into a directory with a merged /usr."""
        for name in ("bin", "sbin", "lib", "lib64"):
            (into / "usr" / name).mkdir(parents=True, exist_ok=True)
            if not (into / name).is_symlink():
                (into / name).symlink_to(f"usr/{name}")
        archives = into.with_name(f"{into.name}.packages")
        shutil.rmtree(archives, ignore_errors=True)
        (archives / "partial").mkdir(parents=True)
        if dependencies:
            where = ("-o", f"Dir::Cache::archives={archives}", "-o", "Debug::NoLocking=1")
            flags = ("-qq", "-y", "--no-install-recommends", "--download-only")
            self._fetch(*where, "install", *flags, *packages)
        else:
            self._fetch("download", "-qq", *packages, cwd=archives)
        for archive in sorted(archives.glob("*.deb")):
            with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as source:
                command = ["tar", "-x", "--keep-directory-symlink", "-C", str(into)]
                subprocess.run(command, stdin=source.stdout, check=True)
            if source.returncode != 0:
                raise BuildError(f"dpkg-deb could not unpack {archive.name}")
        shutil.rmtree(archives)

    def source(self, package: str, into: Path) -> Path:
        """Fetch a source package and return its upstream archive, the signature of its index checked."""
        self._fetch("source", "-qq", "--download-only", package, cwd=into)
        archives = sorted(into.glob(f"{package}_*.orig.tar.*"))
        if len(archives) != 1:
            raise BuildError(f"the source package {package} has {len(archives)} upstream archives")
        return archives[0]

    def _fetch(self, *arguments: str, cwd: Path | None = None) -> None:
        """Run apt; if it fails, once more with fresh lists, since a mirror drops what it has replaced."""
        try:
            self._apt(self._directory, *arguments, cwd=cwd)
        except BuildError:
            self._apt(self._directory, "update", "-qq")
            self._apt(self._directory, *arguments, cwd=cwd)

    def _apt(self, directory: Path, *arguments: str, cwd: Path | None = None) -> None:
        options = {
            "Dir::Etc::SourceList": directory / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State": directory,
            "Dir::State::Lists": directory / "lists",
            "Dir::State::status": directory / "status",
            "Dir::Cache": directory / "cache",
            # Otherwise apt gives up root for fetching, and cannot write below the cache.
            "APT::Sandbox::User": "root",
        }
        flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        self._steps.run(["apt-get", *flags, *arguments], cwd=cwd)

    def _mirror(self) -> str:
        template = "$(REPO_URI) $(SUITE) $(CODENAME)"
        for update in (False, True):
            if update:
                self._steps.run(["apt-get", "update", "-qq"])
            for line in self._steps.run(["apt-get", "indextargets", "--format", template]).splitlines():
                address, *names = line.split()
                if SUITE in names:
                    return address
        raise BuildError(f"apt is configured with no mirror of Debian {SUITE}")
