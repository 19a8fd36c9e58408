"""Rendering: what is written says the same when it is read, and holds no secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sealer.clusterfile import (
    PROMPT,
    CachedRegistry,
    Clusterfile,
    ClusterSpec,
    Document,
    ExternalRegistry,
    HostAlias,
    HostSpec,
    JumpSpec,
    LocalRegistry,
    SecretReference,
    SecretScheme,
    SshSpec,
    parse_clusterfile,
    render_clusterfile,
    without_secrets,
)
from sealer.secret import Secret
from tests.core.clusterfile.helpers import cluster, parse

# YAML can't carry these; they are refused when they are read.
characters = st.characters(codec="utf-8", exclude_characters="\0")
texts = st.text(characters, min_size=1, max_size=12) | st.sampled_from(
    [
        "no",
        "1e3",
        "0644",
        "~",
        "2024-01-02",
        "<<",
        "=",
        "${A}",
        "$$",
        "a: b",
        "- a",
        "\u2028",
        "\x85",
        "\ufeff",
        "a\r\nb",
    ]
)
one_line = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1
)
lines = one_line.filter(lambda text: text == text.strip())
names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
words = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,5}", fullmatch=True)
variables = st.dictionaries(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True), texts | st.just(""), max_size=3
)
references = st.just(PROMPT) | st.builds(
    SecretReference,
    scheme=st.sampled_from([SecretScheme.ENV, SecretScheme.FILE, SecretScheme.CMD]),
    argument=texts.map(str.strip).filter(bool),
)
ports = st.none() | st.integers(min_value=1, max_value=65535)


def ssh(secrets: st.SearchStrategy[Secret | SecretReference]) -> st.SearchStrategy[SshSpec]:
    jumps = st.builds(
        JumpSpec,
        address=st.sampled_from(["bastion", "192.0.2.200", "2001:db8::1"]),
        ssh=st.just(SshSpec()) | login(secrets, st.none()),
    )
    return login(secrets, st.none() | st.lists(jumps, max_size=2).map(tuple))


def login(
    secrets: st.SearchStrategy[Secret | SecretReference],
    jump: st.SearchStrategy[tuple[JumpSpec, ...] | None],
) -> st.SearchStrategy[SshSpec]:
    return st.builds(
        SshSpec,
        user=st.none() | lines,
        password=st.none() | secrets,
        private_key=st.none() | lines,
        passphrase=st.none() | secrets,
        sudo_password=st.none() | secrets,
        port=ports,
        fingerprints=st.lists(st.just("SHA256:" + "A" * 43), max_size=2).map(tuple),
        known_hosts=st.none() | lines,
        identities_only=st.none() | st.booleans(),
        jump=jump,
    )


def host(number: int, secrets: st.SearchStrategy[Secret | SecretReference]) -> st.SearchStrategy[HostSpec]:
    return st.builds(
        HostSpec,
        address=st.sampled_from([f"192.0.2.{number}", f"host-{number}"]),
        roles=st.sampled_from([("master",), ("node",), ("master", "node"), ("node", "gpu")]),
        ssh=st.just(SshSpec()) | ssh(secrets),
        env=variables,
        labels=st.dictionaries(words, words | st.just(""), max_size=2),
        taints=st.lists(st.sampled_from(["a=b:NoSchedule", "a:NoExecute", "a-"]), max_size=2).map(tuple),
    )


def accounts(secrets: st.SearchStrategy[Secret | SecretReference]) -> st.SearchStrategy[Any]:
    return st.tuples(lines.filter(lambda text: ":" not in text), secrets) | st.just((None, None))


def cached(secrets: st.SearchStrategy[Secret | SecretReference]) -> st.SearchStrategy[CachedRegistry]:
    return accounts(secrets).flatmap(
        lambda account: st.builds(
            CachedRegistry,
            domain=st.sampled_from(["docker.io", "registry.example.org:5000", "192.0.2.9"]),
            url=st.sampled_from(["https://mirror.example.org/a", "https://[2001:db8::1]:5000"]),
            username=st.just(account[0]),
            password=st.just(account[1]),
            ca_file=st.none() | lines,
        )
    )


def externals(
    secrets: st.SearchStrategy[Secret | SecretReference],
) -> st.SearchStrategy[ExternalRegistry | None]:
    return st.none() | accounts(secrets).flatmap(
        lambda account: st.builds(
            ExternalRegistry,
            domain=st.sampled_from(["registry.example.org", "192.0.2.9"]),
            port=st.integers(min_value=1, max_value=65535),
            path=st.sampled_from(["", "team/images"]),
            username=st.just(account[0]),
            password=st.just(account[1]),
            ca_file=st.none() | lines,
        )
    )


def clusters(secrets: st.SearchStrategy[Secret | SecretReference]) -> st.SearchStrategy[ClusterSpec]:
    return st.builds(_with_registry, inside(secrets), externals(secrets))


def _with_registry(spec: ClusterSpec, external: ExternalRegistry | None) -> ClusterSpec:
    return spec if external is None else replace(spec, registry=LocalRegistry(), external=external)


def inside(secrets: st.SearchStrategy[Secret | SecretReference]) -> st.SearchStrategy[ClusterSpec]:
    return st.integers(min_value=0, max_value=4).flatmap(
        lambda count: st.builds(
            ClusterSpec,
            name=names,
            image=st.none() | lines,
            hosts=st.tuples(*(host(number, secrets) for number in range(1, count + 1))),
            ssh=ssh(secrets),
            env=variables,
            app_names=st.none() | st.lists(texts, max_size=2).map(tuple),
            cmds=st.none() | st.lists(texts, max_size=2).map(tuple),
            data_root=st.sampled_from(["/var/lib/sealer", "/data/${A}", "/a b"]),
            container_runtime=st.none() | names,
            registry=st.builds(
                LocalRegistry,
                domain=st.none() | st.just("sea.hub"),
                port=ports,
                caches=st.lists(cached(secrets), max_size=2, unique_by=lambda one: one.domain).map(tuple),
            ),
            host_aliases=st.lists(st.just(HostAlias(ip="192.0.2.1", hostnames=("a", "b"))), max_size=2).map(
                tuple
            ),
        )
    )


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.just(""),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
documents = st.dictionaries(texts, plain, max_size=3).map(
    lambda data: Document(
        api_version="example.org/v1",
        kind="Kind",
        data={**data, "apiVersion": "example.org/v1", "kind": "Kind"},
    )
)


def clusterfiles(secrets: st.SearchStrategy[Secret | SecretReference]) -> st.SearchStrategy[Clusterfile]:
    return st.builds(
        Clusterfile, cluster=clusters(secrets), documents=st.lists(documents, max_size=2).map(tuple)
    )


@given(clusterfiles(references))
def test_what_is_rendered_is_read_as_the_same(clusterfile: Clusterfile) -> None:
    assert parse_clusterfile(render_clusterfile(clusterfile), "", {"A": "x"}) == clusterfile


@given(clusterfiles(st.just(Secret("hunter2-hunter2")) | references))
def test_no_secret_is_rendered(clusterfile: Clusterfile) -> None:
    text = render_clusterfile(clusterfile)
    assert "hunter2" not in text
    expected = Clusterfile(cluster=without_secrets(clusterfile.cluster), documents=clusterfile.documents)
    assert parse_clusterfile(text, "", {}) == expected


def test_the_form_is_what_a_person_would_write() -> None:
    spec = cluster("""
        image: example.org/kubernetes:v1.30
        ssh: {user: root, passwd: hunter2}
        env: {PodCIDR: 10.244.0.0/16}
        hosts:
        - {ips: [192.0.2.1], roles: [master]}
        - {ips: [192.0.2.2-192.0.2.3], roles: [node], labels: {zone: "1"}}
    """)
    assert render_clusterfile(Clusterfile(cluster=spec)) == (
        "apiVersion: sealer.io/v2\n"
        "kind: Cluster\n"
        "metadata:\n"
        "  name: c\n"
        "spec:\n"
        "  image: example.org/kubernetes:v1.30\n"
        "  env:\n"
        "    - PodCIDR=10.244.0.0/16\n"
        "  ssh:\n"
        "    user: root\n"
        "    passwdFrom: prompt\n"
        "  hosts:\n"
        "    - ips:\n"
        "        - 192.0.2.1\n"
        "      roles:\n"
        "        - master\n"
        "    - ips:\n"
        "        - 192.0.2.2\n"
        "        - 192.0.2.3\n"
        "      roles:\n"
        "        - node\n"
        "      labels:\n"
        '        zone: "1"\n'
    )


def test_repeated_parts_of_a_document_are_written_out() -> None:
    text = render_clusterfile(Clusterfile(cluster=ClusterSpec()))
    anchored = f"{text}---\napiVersion: v1\nkind: A\na: &x [1]\nb: *x\n"
    assert "&" not in render_clusterfile(parse(anchored))
