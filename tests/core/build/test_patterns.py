from __future__ import annotations

import pytest

from sealer.build.patterns import compile_glob

# As Go's tests of filepath.Match have it.
TABLE = [
    ("abc", "abc", True),
    ("*", "abc", True),
    ("*c", "abc", True),
    ("a*", "a", True),
    ("a*", "ab/c", False),
    ("a*/b", "abc/b", True),
    ("a*/b", "a/c/b", False),
    ("a*b*c*d*e*/f", "axbxcxdxe/f", True),
    ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
    ("ab[c]", "abc", True),
    ("ab[b-d]", "abc", True),
    ("ab[e-g]", "abc", False),
    ("ab[^c]", "abc", False),
    ("ab[^e-g]", "abc", True),
    ("a\\*b", "a*b", True),
    ("a\\*b", "ab", False),
    ("a?b", "a\u263ab", True),
    ("a[^a]b", "a\u263ab", True),
    ("a???b", "a\u263ab", False),
    ("[a-\u03b6]*", "\u03b1", True),
    ("*[a-\u03b6]", "A", False),
    ("a?b", "a/b", False),
    ("a*b", "a/b", False),
    ("a[^b]c", "a/c", False),
    ("[\\]a]", "]", True),
    ("[\\-]", "-", True),
    ("[x\\-]", "x", True),
    ("[x\\-]", "z", False),
    ("[\\-x]", "a", False),
    ("*x", "xxx", True),
    ("a.b", "axb", False),
    ("**", "abc", True),
]


@pytest.mark.parametrize(("pattern", "name", "matches"), TABLE)
def test_patterns_match_what_they_match_in_go(pattern: str, name: str, matches: bool) -> None:
    assert (compile_glob(pattern).fullmatch(name) is not None) is matches


@pytest.mark.parametrize(
    "pattern", ["[", "[a", "[]a]", "[-]", "[x-]", "[-x]", "[a-", "[^", "a\\", "[z-a]", "[\\"]
)
def test_malformed_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        compile_glob(pattern)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("**", "a/b/c", True),
        ("**/b", "b", True),
        ("**/b", "a/x/b", True),
        ("**/b", "ab", False),
        ("a/**", "a/b/c", True),
        ("a/**", "b/a/c", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "a/xb", False),
        ("**/*.go", "x/y/z.go", True),
        ("a*", "ab/c", False),
    ],
)
def test_two_stars_stand_for_directories_in_ignore_files(pattern: str, name: str, matches: bool) -> None:
    assert (compile_glob(pattern, deep=True).fullmatch(name) is not None) is matches
