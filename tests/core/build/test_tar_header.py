"""Headers of tar entries are those that the standard library writes."""

from __future__ import annotations

import tarfile
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from sealer.build.tar_header import header

_KINDS = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)
_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=130)


def by_the_library(values: dict[str, Any]) -> bytes:
    entry = tarfile.TarInfo(values["path"])
    entry.type, entry.mode, entry.size = values["kind"], values["mode"], values["size"]
    entry.uid, entry.gid, entry.mtime = values["user"], values["group"], values["time"]
    entry.linkname, entry.pax_headers = values["target"], dict(values["records"])
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def values(**given: Any) -> dict[str, Any]:
    usual = {"path": "etc/a", "kind": tarfile.REGTYPE, "mode": 0o644, "user": 0, "group": 0, "size": 3}
    return {**usual, "time": 0, "target": "", "records": {}, **given}


@given(
    st.fixed_dictionaries(
        {
            "path": _NAMES,
            "kind": st.sampled_from(_KINDS),
            "mode": st.integers(0, 0o7777),
            "user": st.integers(0, 2**32),
            "group": st.integers(0, 2**32),
            "size": st.integers(0, 2**40),
            "time": st.integers(0, 8**11 - 1),
            "target": st.just("") | _NAMES,
            "records": st.just({}) | st.just({"SCHILY.xattr.user.a": "b"}),
        }
    )
)
@example(values(path="n" * 100))
@example(values(path="n" * 101))
@example(values(path="n" * 99, kind=tarfile.DIRTYPE))
@example(values(path="n" * 100, kind=tarfile.DIRTYPE))
@example(values(kind=tarfile.SYMTYPE, target="l" * 100))
@example(values(kind=tarfile.SYMTYPE, target="l" * 101))
@example(values(user=8**7 - 1, group=8**7))
@example(values(size=8**11 - 1))
@example(values(size=8**11))
def test_a_header_is_that_of_the_standard_library(found: dict[str, Any]) -> None:
    assert header(**found) == by_the_library(found)
