from __future__ import annotations

import pytest

from sealer.kubefile.instructions import (
    App,
    AppCommands,
    AppEnv,
    AppKind,
    Commands,
    Copy,
    Env,
    From,
    KubeVersion,
    Label,
    LaunchApps,
    LocalSource,
    Owner,
    RemoteSource,
)

from .helpers import instruction, kubefile, problem


def test_from() -> None:
    assert kubefile("FROM scratch").base.image is None
    base = kubefile("from --platform=linux/arm64/v8 registry:5000/base:1").base
    assert (str(base.image), str(base.platform)) == ("registry:5000/base:1", "linux/arm64/v8")
    assert isinstance(base, From)


def copy(line: str) -> Copy:
    found = instruction(line)
    assert isinstance(found, Copy)
    return found


def test_copy_takes_many_sources_and_flags() -> None:
    found = copy("COPY --chown=1:2 --chmod=0640 a *.b c/ /d/")
    assert [str(source) for source in found.sources] == ["a", "*.b", "c/"]
    assert (str(found.destination), found.owner, found.mode) == ("/d/", Owner(user=1, group=2), 0o640)


def test_copy_without_flags() -> None:
    found = copy("COPY a b")
    assert (found.owner, found.mode) == (None, None)


def test_copy_of_one_owner_means_the_group_too() -> None:
    assert copy("COPY --chown=7 a b").owner == Owner(user=7, group=7)


def test_copy_as_json_may_have_blanks() -> None:
    found = copy('COPY ["a b", "c d/"]')
    assert (str(found.sources[0]), str(found.destination)) == ("a b", "c d/")


@pytest.mark.parametrize("glob", ["[ab].yaml", "[a-c]*"])
def test_copy_of_a_glob_that_starts_with_a_bracket(glob: str) -> None:
    assert str(copy(f"COPY {glob} d/").sources[0]) == glob


def test_a_double_dash_ends_the_flags() -> None:
    assert str(copy("COPY -- --a b").sources[0]) == "--a"


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        ("COPY a", "COPY needs a source and a destination", 7),
        ("COPY", "COPY needs a source and a destination", 5),
        ("COPY ../a b", "../a leaves the build context", 6),
        ("COPY a ../../b", "../../b leaves the image", 8),
        ("COPY --chown=me a b", "'me' is no owner", 6),
        ("COPY --chown=4294967295 a b", "'4294967295' is no owner", 6),
        ("COPY --chmod=u+x a b", "'u+x' is no mode", 6),
        ("COPY --chmod a b", "--chmod needs a value", 6),
        ("COPY --from=x a b", "COPY of a Kubefile has no --from", 6),
        ("COPY --color=x a b", "COPY has no flag --color", 6),
        ("COPY --chmod=644 --chmod=755 a b", "--chmod is given twice", 18),
        ('COPY ["a", ""]', "the path is empty", 12),
        ("COPY [a, b]", "the array must hold strings in double quotes", 7),
        ("FROM", "FROM needs an image", 5),
        ("FROM a AS b", "'AS' has no meaning here", 8),
        ("FROM --platform=arm64 a", "'arm64' is no platform", 6),
    ],
)
def test_wrong_files_and_images(line: str, message: str, column: int) -> None:
    found, at = problem(line) if not line.startswith("FROM") else from_problem(line)
    assert (found, at) == (message, column)


def from_problem(line: str) -> tuple[str, int]:
    from .helpers import problems

    (found,) = problems(line)
    return found.message, found.place.column


def pairs(line: str) -> dict[str, str]:
    found = instruction(line)
    assert isinstance(found, Label | Env)
    return {pair.name: pair.value for pair in found.pairs}


@pytest.mark.parametrize("word", ["LABEL", "ENV"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1 b=2", {"a": "1", "b": "2"}),
        ('"a"="b c" d=\'e "f"\'', {"a": "b c", "d": 'e "f"'}),
        ("a=b\\ c", {"a": "b c"}),
        ('a="b\\"c\\d"', {"a": 'b"c\\d'}),
        ("a='b\\'", {"a": "b\\"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=", {"a": ""}),
        ('a=x"y z"w', {"a": "xy zw"}),
        ('"a=b"=c', {"a=b": "c"}),
        ("a b c", {"a": "b c"}),
        ('a "b" c', {"a": "b c"}),
    ],
)
def test_names_and_values_with_the_quoting_of_a_shell(word: str, text: str, expected: dict[str, str]) -> None:
    assert pairs(f"{word} {text}") == expected


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        ("LABEL", "LABEL needs a label", 6),
        ("ENV", "ENV needs a variable", 4),
        ("ENV a", "a has no value", 5),
        ("LABEL a=1 b", "'b' is no name=value pair", 11),
        ("LABEL a=1 =b", "'=b' is no name=value pair", 11),
        ('ENV a="b', "the quote is not closed", 7),
        ("ENV a=1 b='c", "the quote is not closed", 11),
    ],
)
def test_wrong_pairs(line: str, message: str, column: int) -> None:
    assert problem(line) == (message, column)


def test_applications() -> None:
    digest = "0" * 64
    found = instruction(
        f"CNI calico local://./a//b.sh https://x.org/d/c%2B.yaml?token=1 http://y/z.sh#sha256={digest}"
    )
    assert isinstance(found, App)
    assert (found.kind, str(found.name), found.kind.label) == (
        AppKind.CNI,
        "calico",
        "cluster.alpha.sealer.io/kube-cni-",
    )
    local, remote, pinned = found.sources
    assert isinstance(local, LocalSource)
    assert local.path == "a/b.sh"
    assert isinstance(remote, RemoteSource)
    assert (remote.url, remote.file_name, remote.digest) == (
        "https://x.org/d/c%2B.yaml?token=1",
        "c+.yaml",
        None,
    )
    assert isinstance(pinned, RemoteSource)
    assert (pinned.url, pinned.digest) == ("http://y/z.sh", f"sha256:{digest}")
    assert pinned.place.column == 64


def test_an_artifact_of_a_registry_is_a_file() -> None:
    found = instruction(f"APP web oci://r.example:5000/charts/web:1.0_x#sha256={'0' * 64}")
    assert isinstance(found, App)
    [source] = found.sources
    assert isinstance(source, RemoteSource)
    assert (source.url, source.file_name, source.digest) == (
        "oci://r.example:5000/charts/web:1.0_x",
        "web-1.0_x.tgz",
        f"sha256:{'0' * 64}",
    )


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        ("APP a", "APP needs a name and sources", 6),
        ("CSI", "CSI needs a name and sources", 4),
        ("APP ../a local://b", "'../a' is no application name", 5),
        ("APP -a local://b", "'-a' is no application name", 5),
        ("APP a b.yaml", "'b.yaml' has no scheme", 7),
        ("APP a ftp://b/c", "the scheme 'ftp' is unknown", 7),
        ("APP a local://../b", "../b leaves the build context", 7),
        ("APP a local://.", "the source is the whole build context", 7),
        ("APP a https://b/", "the URL does not end in a file name", 7),
        ("APP a https://b/..", "the URL does not end in a file name", 7),
        ("APP a https://b/%2e%2e%2fc", "the URL does not end in a file name", 7),
        ("APP a https://b/.wh.c", "the URL does not end in a file name", 7),
        ("APP a https://[b/c", "the URL is malformed: Invalid IPv6 URL", 7),
        ("APP a https:///c", "the URL is malformed", 7),
        ("APP a https://u:p@b/c", "a URL must not hold credentials", 7),
        ("APP a https://b/c#sha256=12", "the fragment 'sha256=12' is unknown", 7),
        ("APP a oci://b/c", "'oci://b/c' names no artifact with a version", 7),
        ("APP a oci://b:5000/c", "'oci://b:5000/c' names no artifact with a version", 7),
        ("APP a oci://b/c:1#x", "the fragment 'x' is unknown", 7),
    ],
)
def test_wrong_applications(line: str, message: str, column: int) -> None:
    assert problem(line) == (message, column)


def test_environment_of_an_application() -> None:
    found = instruction('APPENV web a=1 b="2 3"')
    assert isinstance(found, AppEnv)
    assert (str(found.app), [(pair.name, pair.value) for pair in found.pairs]) == (
        "web",
        [("a", "1"), ("b", "2 3")],
    )


def test_environment_of_an_application_as_json() -> None:
    found = instruction('APPENV ["web", "a=1 2"]')
    assert isinstance(found, AppEnv)
    assert [(pair.name, pair.value) for pair in found.pairs] == [("a", "1 2")]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ('["kubectl apply -f nginx.yaml"]', "kubectl apply -f nginx.yaml"),
        (
            '["helm install mysql .", "-f values.yaml", "--set k=v"]',
            "helm install mysql . -f values.yaml --set k=v",
        ),
        ("kubectl apply -f 'a b'", "kubectl apply -f 'a b'"),
    ],
)
def test_commands_of_an_application_are_one_command_line(text: str, command: str) -> None:
    found = instruction(f"APPCMDS web {text}")
    assert isinstance(found, AppCommands)
    assert (str(found.app), found.command) == ("web", command)


@pytest.mark.parametrize("text", ['["a", "b c"]', "a b"])
def test_launch_names_applications(text: str) -> None:
    found = instruction(f"LAUNCH {text}")
    assert isinstance(found, LaunchApps)
    assert len(found.names) == 2
    assert str(found.names[0]) == "a"


@pytest.mark.parametrize(
    ("text", "commands"),
    [('["a b", "c"]', ("a b", "c")), ("a b c", ("a b c",))],
)
def test_commands(text: str, commands: tuple[str, ...]) -> None:
    found = instruction(f"CMDS {text}")
    assert isinstance(found, Commands)
    assert found.commands == commands


def test_kube_version() -> None:
    found = instruction("KUBEVERSION  1.22 - 1.24 ")
    assert isinstance(found, KubeVersion)
    assert str(found.versions) == "1.22 - 1.24"


@pytest.mark.parametrize(
    ("line", "message", "column"),
    [
        ("APPENV web", "APPENV needs an application and variables", 11),
        ('APPENV ["web", "a"]', "'a' is no name=value pair", 16),
        ("APPCMDS", "APPCMDS needs an application and a command", 8),
        ("APPCMDS web", "APPCMDS needs a command", 12),
        ("APPCMDS web []", "APPCMDS needs a command", 15),
        ('APPCMDS ["web", "a"]', "the application's name must come before the array", 9),
        ('APPCMDS web ["a", 1]', "the array must hold strings in double quotes", 19),
        ("LAUNCH", "LAUNCH needs an application", 7),
        ("LAUNCH []", "LAUNCH needs an application", 10),
        ('LAUNCH ["a" "b"]', "a , or ] is missing", 13),
        ('LAUNCH ["a", "b"', "the closing ] is missing", 17),
        ('LAUNCH ["a",', "the closing ] is missing", 13),
        ('LAUNCH ["a",]', "a string is missing after the comma", 13),
        ('LAUNCH ["a"] b', "there is text after the closing ]", 14),
        ('LAUNCH ["a', "the string has no closing quote", 9),
        ('LAUNCH ["\\x"]', "bad JSON: Invalid \\escape", 10),
        ('LAUNCH ["\\ud800"]', "the string holds a character that text can't hold", 9),
        ('LAUNCH ["a\\u0000"]', "the string holds a character that text can't hold", 9),
        ("LAUNCH a b a", "a is launched twice", 12),
        ("CMDS", "CMDS needs a command", 5),
        ('CMDS ["a", " "]', "the command is empty", 12),
        ("KUBEVERSION", "KUBEVERSION needs a range of versions", 12),
        ("KUBEVERSION >=one", "'>=one' is no version or range", 13),
    ],
)
def test_wrong_launches_and_versions(line: str, message: str, column: int) -> None:
    assert problem(line) == (message, column)
