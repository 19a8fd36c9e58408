"""Throw random Kubefiles at the parser: nothing but its own errors may come out, each with its place.

    python bench/fuzz_kubefile.py [--inputs 1000000] [--seed 1] [--start 0]

No network, no files. Inputs are made of pieces of the language in any order, of whole Kubefiles that are cut,
doubled and overwritten, and of bytes. Every input is one number, so that a failure can be made again: it is
told with ``--start N --inputs 1``. Ignore files, and manifests that name container images, get the same.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "core" / "src"))

from sealer.build.ignore import parse_ignore
from sealer.errors import ImageError, SourceError, SourceErrors
from sealer.kubefile import Variables, define, parse
from sealer.manifests import images_in
from sealer.model import Platform

WORDS = (
    *("FROM", "COPY", "ADD", "RUN", "ARG", "ENV", "LABEL", "MAINTAINER", "APP", "APPCMDS", "APPENV"),
    *("CNI", "CSI", "KUBEVERSION", "LAUNCH", "CMDS", "CMD", "WORKDIR", "copy", "x", "......"),
)
PIECES = (
    *(" ", " ", " ", "\n", "\t", "\\\n", "`\n", "\r\n", "#", "# escape=`\n", "# escape=", "\0", "\ufeff"),
    *("$a", "${a}", "${a:-", "${a:+", "${a:?", "${", "}", "$", "$$", "$ARCH", "\\$", "$$a$a$a$a$a$a"),
    *('"', "'", "\\", "`", "[", "]", ",", '"a"', '["a", "b"]', "[\"a\" 'b']", "[]", "{", "=", "a=", "=b"),
    *("a", "b/c", "../d", "/", "*", "?", "[a-z]", "a=1", "b='2 3'", "scratch", "base:1", "a@sha256:1"),
    *("--chown=1:2", "--chmod=0644", "--platform=linux/amd64", "--mount=type=secret,id=a", "--network=host"),
    *("--checksum=sha256:", "0" * 64, "--unpack", "--", "--x=y", "--mount=", "type=bind,target=/a,"),
    *("<<A", "<<-A", "<<'A'", '<<"A"', "\nA\n", "\n\tA\n", "<<<", "1<<2", "<<", "3<<A"),
    *("local://a", "local://", "http://h/a", "https://h/a#sha256=", "ftp://", "://", "git@h:a.git"),
    *(">=1.2", "1.2 - 1.3", "||", "~1", "^0.0", "1.x", "*", "!=1-a", "<", "v1.2.3-rc.1+b"),
    *("sealer.io/x=1", "cluster.alpha.sealer.io/kube-cni-x=true", "...", "\u00e4", "\U0001f600", "\ud7ff"),
    *("containers: [{image: a}]", "kind: List", "items:", "- ", "&a", "*a", "!!x", "---\n", "{{ .a }}"),
)
WHOLE = """# escape=\\
ARG tag=1
FROM --platform=linux/amd64 base:${tag:-2}
ENV a=1 b="$a c"
LABEL "created-by"="sealer.io" x=y \\
  z=w
COPY --chown=1 <<conf src/*.yaml /etc/
key: $a
conf
ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 https://h/f /f
RUN --mount=type=secret,id=k <<EOF
echo $a
EOF
CNI calico local://calico.yaml
APP web local://web/ https://h/x.yaml
APPENV web k=$b
APPCMDS web ["kubectl apply -f x", "-n y"]
KUBEVERSION 1.22 - 1.24 || >=1.30
LAUNCH ["calico", "web"]
"""
VARIABLES = (
    Variables(platform=Platform(architecture="amd64"), inherited={"p": "1"}),
    Variables(platform=Platform(architecture="arm64", variant="v8"), arguments={"a": "given $a"}),
)


def made(number: int, seed: int) -> bytes:
    """Return the input of a number."""
    chance = random.Random(seed << 40 | number)
    kind = number % 8
    if kind < 4:
        lines = (
            f"{chance.choice(WORDS)} {''.join(chance.choices(PIECES, k=chance.randrange(8)))}\n"
            for _ in range(chance.randrange(1, 6))
        )
        text = ("FROM scratch\n" if kind else "") + "".join(lines)
        return text.encode("utf-8", "surrogatepass")
    return overwritten(chance) if kind < 7 else chance.randbytes(chance.randrange(200))


def overwritten(chance: random.Random) -> bytes:
    """Return a whole Kubefile with some damage."""
    data = bytearray(WHOLE.encode())
    for _ in range(chance.randrange(1, 5)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.randrange(20))
        match chance.randrange(4):
            case 0:
                del data[start:end]
            case 1:
                data[start:start] = data[start:end] * chance.randrange(1, 4)
            case 2:
                data[start:end] = chance.choice(PIECES).encode("utf-8", "surrogatepass")
            case _:
                data[start:end] = chance.randbytes(chance.randrange(4))
    return bytes(data)


def check(data: bytes, number: int) -> str:
    """Parse one input, and return what came of it; whatever else is raised ends the run."""
    with suppress(SourceErrors):
        parse_ignore(data, "ignore")
    if not number % 10:
        with suppress(ImageError):
            images_in(data, "manifest")
    try:
        define(parse(data, VARIABLES[number % 2]))
    except SourceErrors as errors:
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        for problem in errors.problems:
            place = problem.place
            assert isinstance(problem, SourceError)
            assert 1 <= place.line <= len(lines), place
            assert 1 <= place.column <= len(lines[place.line - 1]) + 1, place
        return "refused"
    return "accepted"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0)
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    slowest = (0.0, 0)
    began = time.perf_counter()
    for number in range(options.start, options.start + options.inputs):
        data = made(number, options.seed)
        before = time.process_time()
        try:
            counts[check(data, number)] += 1
        except BaseException:
            print(f"input {number} of seed {options.seed}: {data!r}", file=sys.stderr)
            raise
        slowest = max(slowest, (time.process_time() - before, number))
    seconds = time.perf_counter() - began
    print(
        f"{options.inputs} inputs of seed {options.seed} in {seconds:.0f} s: {counts['accepted']} accepted, "
        f"{counts['refused']} refused with places; the slowest took {slowest[0] * 1000:.0f} ms "
        f"(input {slowest[1]})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
