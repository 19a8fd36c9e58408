from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealer.kubefile.versions import Version, VersionRange, intersection

# As the tests and the documentation of Masterminds/semver 3 have it.
TABLE = [
    ("=1.2.3", "1.2.3", True),
    ("1.2.3", "1.2.4", False),
    ("=2.0", "2.0.7", True),
    ("=2", "2.9.1", True),
    ("=2.0", "2.1.0", False),
    ("!=1.2.3", "1.2.4", True),
    ("!=1.2.3", "1.2.3", False),
    ("!=1.2", "1.2.9", False),
    ("!=1.2", "1.3.0", True),
    (">1.1", "1.1.5", False),
    (">1.1", "1.2.0", True),
    (">11", "11.1.0", False),
    (">11", "12.0.0", True),
    (">1.2.3", "1.2.4", True),
    (">1.2.3", "1.2.3", False),
    (">=11.1", "11.1.0", True),
    (">=11.1", "11.0.9", False),
    ("=>1.1", "1.1.0", True),
    ("<1.24", "1.23.9", True),
    ("<1.24", "1.24.0", False),
    ("<=1.24", "1.24.9", True),
    ("<=1.24", "1.25.0", False),
    ("=<1", "1.9.9", True),
    ("~1.2.3", "1.2.9", True),
    ("~1.2.3", "1.3.0", False),
    ("~1.2", "1.2.0", True),
    ("~>1", "1.9.0", True),
    ("~1", "2.0.0", False),
    ("^1.2.3", "1.9.0", True),
    ("^1.2.3", "2.0.0", False),
    ("^0.2.3", "0.2.9", True),
    ("^0.2.3", "0.3.0", False),
    ("^0.0.3", "0.0.3", True),
    ("^0.0.3", "0.0.4", False),
    ("^0.0", "0.0.9", True),
    ("^0.0", "0.1.0", False),
    ("^0", "0.9.0", True),
    ("1.2.x", "1.2.7", True),
    ("1.2.X", "1.3.0", False),
    ("*", "9.9.9", True),
    (">=1.2.x", "1.2.0", True),
    ("1.22 - 1.24", "1.22.0", True),
    ("1.22 - 1.24", "1.24.9", True),
    ("1.22 - 1.24", "1.25.0", False),
    ("1.22.3 - 1.24.1", "1.24.2", False),
    (">= 1.24, < 1.30", "1.29.9", True),
    (">=1.24 <1.30", "1.30.0", False),
    ("<1.20 || >=1.24", "1.25.0", True),
    ("<1.20||>=1.24", "1.22.0", False),
    ("v1.22.x", "v1.22.15", True),
    (">=1.24", "1.25.0+k3s1", True),
    (">=1.24", "1.25.0-rc.1", False),
    (">=1.24-0", "1.25.0-rc.1", True),
    ("^1.2.3-beta.2", "1.2.3-beta.3", True),
    ("^1.2.3-beta.2", "1.2.3-beta.1", False),
    ("~1.2.3-beta", "1.3.0-alpha", False),
    (">1.2.3-beta", "1.2.3-beta", False),
    (">1.2.3-beta", "1.2.3", True),
    ("<=1.2.3-beta", "1.2.3-beta", True),
    ("<=1.2.3-beta", "1.2.3-beta.1", False),
    # A pre-release that one part of a group names is wanted by the whole group.
    (">=1.2.3-0, <2", "1.3.0-rc.1", True),
    (">=1.2.3-0, <2 || >=3", "3.1.0-rc.1", False),
    (">=1.2.3-0 <1.4.0", "1.4.0-rc.1", True),
    ("~0.0.0", "3.1.0", True),
    ("~*", "3.1.0", True),
    ("^1.2 ^1.4", "1.3.0", False),
    ("1.2.3 - 2", "2.9.9", True),
    ("v1.2 - v1.3", "1.3.9", True),
    ("=1.2.3+build", "1.2.3+other", True),
    ("!=1.x", "1.4.0", False),
    ("!=1.x || 1.4.x", "1.4.0", True),
    (">1.x", "1.9.0", False),
    ("<=1.x", "1.9.0", True),
    ("~1.x", "1.9.0", True),
    ("^1.x", "1.9.0", True),
    ("^0.0.0", "0.0.0", True),
    ("^0.0.0", "0.0.1", False),
    # Where a star stands with an operator, the library's own documentation counts: <=* is any version.
    ("<=*", "1.2.3", True),
]


@pytest.mark.parametrize(("versions", "version", "inside"), TABLE)
def test_ranges_mean_what_the_go_library_makes_of_them(versions: str, version: str, inside: bool) -> None:
    assert VersionRange.parse(versions).allows(version) is inside


@pytest.mark.parametrize(
    "text",
    [
        "",
        "||",
        "1.2 ||",
        "a",
        ">",
        "1.2.3.4",
        "1.2 -",
        "- 1.2",
        ">1 - 2",
        "1 - >2",
        ">>1",
        "~^1",
        "1.-2",
        "1,2,",
    ],
)
def test_malformed_ranges_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"version|range"):
        VersionRange.parse(text)


@pytest.mark.parametrize("text", ["", "x", "latest", "1.2.3.4", "1..2"])
def test_malformed_versions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no version"):
        Version.parse(text)


@given(st.text(alphabet="0123456789.vxX*-+|<>=!~^, ab"))
def test_any_text_is_a_range_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        VersionRange.parse(text).allows("1.2.3")


NUMBERS = st.tuples(*[st.integers(0, 3)] * 3)


@given(NUMBERS, NUMBERS)
def test_operators_agree_with_the_order_of_versions(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    text = ".".join(map(str, one))
    version = ".".join(map(str, other))
    for operator, expected in (
        (">", other > one),
        (">=", other >= one),
        ("<", other < one),
        ("<=", other <= one),
    ):
        assert VersionRange.parse(operator + text).allows(version) is expected


GROUPS = st.lists(
    st.builds(
        lambda operator, numbers, pre: (
            f"{operator}{'.'.join(map(str, numbers))}{pre if len(numbers) == 3 else ''}"
        ),
        st.sampled_from(["", "!=", ">", "<", ">=", "<=", "~", "^"]),
        st.lists(st.integers(0, 3), min_size=1, max_size=3),
        st.sampled_from(["", "", "", "-alpha", "-rc.1"]),
    ),
    min_size=1,
    max_size=4,
).map(" ".join)
RANGES = st.lists(GROUPS, min_size=1, max_size=2).map(" || ".join)
VERSIONS = [
    f"{a}.{b}.{c}{pre}" for a in range(5) for b in range(5) for c in range(5) for pre in ("", "-beta")
]


@given(RANGES, RANGES)
def test_an_intersection_has_what_both_ranges_have(one: str, other: str) -> None:
    ranges = [VersionRange.parse(one), VersionRange.parse(other)]
    both = {version for version in VERSIONS if all(each.allows(version) for each in ranges)}
    try:
        joined = intersection(ranges)
    except ValueError:
        # Only releases and this one pre-release are looked at: there may be no other.
        assert not both
        return
    assert both <= {version for version in VERSIONS if joined.allows(version)}
    assert VersionRange.parse(str(joined)) == joined


@given(RANGES)
def test_a_range_is_read_back_from_its_text(text: str) -> None:
    found = VersionRange.parse(text)
    assert VersionRange.parse(str(found)) == found


def test_ranges_may_not_be_without_end() -> None:
    with pytest.raises(ValueError, match="more than 64 parts"):
        VersionRange.parse(" ".join(["!=1.2.3"] * 65))
    wide = VersionRange.parse(" || ".join(f"1.{minor}.x" for minor in range(20)))
    with pytest.raises(ValueError, match="more than 64 parts"):
        intersection([wide, wide])
