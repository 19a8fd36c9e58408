from __future__ import annotations

import pytest

from sealer.clusterfile import SecretReference, SecretScheme, parse_clusterfile, render_clusterfile
from sealer.clusterfile.settings import AppConfig, AppFile, ApplicationSpec, ConfigSpec, Processor, Strategy
from sealer.errors import SourceErrors

CLUSTER = "apiVersion: sealer.io/v2\nkind: Cluster\nmetadata: {name: c}\n---\n"

APPLICATION = """\
apiVersion: sealer.io/v2
kind: Application
metadata: {name: my-apps}
spec:
  launchApps: [web]
  configs:
  - name: web
    env: [COLOUR=blue]
    namespace: shop
    release: front
    values: {replicas: 2}
    launch: {cmds: ["kubectl apply -f a.yaml"]}
    files:
    - {path: a.yaml, strategy: merge, data: {spec: {x: 1}}}
    - {path: b.txt, dataFrom: "env:B"}
"""

CONFIG = """\
apiVersion: sealer.io/v1
kind: Config
metadata: {name: login}
spec:
  path: etc/secret.yaml
  process: value|toJson|toBase64|toSecret
  strategy: merge
  appName: web
  data: |
    login: {username: a}
"""


def test_an_application_says_what_is_wanted() -> None:
    (found,) = parse_clusterfile(CLUSTER + APPLICATION, "C", {}).settings
    assert found == ApplicationSpec(
        name="my-apps",
        launch_apps=("web",),
        configs=(
            AppConfig(
                name="web",
                env={"COLOUR": "blue"},
                files=(
                    AppFile(path="a.yaml", strategy=Strategy.MERGE, data="spec:\n  x: 1\n"),
                    AppFile(path="b.txt", data=SecretReference(scheme=SecretScheme.ENV, argument="B")),
                ),
                cmds=("kubectl apply -f a.yaml",),
                namespace="shop",
                release="front",
                values="replicas: 2\n",
            ),
        ),
    )


def test_a_config_says_what_becomes_of_a_file() -> None:
    (found,) = parse_clusterfile(CLUSTER + CONFIG, "C", {}).settings
    assert found == ConfigSpec(
        name="login",
        path="etc/secret.yaml",
        data="login: {username: a}\n",
        strategy=Strategy.MERGE,
        process=(Processor.VALUE, Processor.TO_JSON, Processor.TO_BASE64, Processor.TO_SECRET),
        app_name="web",
    )


def test_documents_that_are_written_down_mean_the_same() -> None:
    found = parse_clusterfile(f"{CLUSTER}{APPLICATION}---\n{CONFIG}", "C", {})
    assert parse_clusterfile(render_clusterfile(found), "D", {}) == found


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            APPLICATION.replace("release:", "relaese:"),
            "relaese is not a known field",
            "did you mean release?",
        ),
        (APPLICATION.replace("merge", "blend"), "'blend' is not known", "overwrite, merge"),
        (APPLICATION.replace("a.yaml, str", "/a.yaml, str"), "must be relative", None),
        (APPLICATION.replace("a.yaml, str", "../a.yaml, str"), "must be relative", None),
        (APPLICATION.replace(', dataFrom: "env:B"', ""), "files[1].data is missing", "write one of them"),
        (CONFIG.replace("toJson", "toJSON"), "'toJSON' is not known", "did you mean toJson?"),
        (CONFIG.replace("  path: etc/secret.yaml\n", ""), "spec.path is missing", None),
        (CONFIG.replace("v1", "v2"), "has version v2 for a Config", "write sealer.io/v1"),
    ],
)
def test_what_is_wrong_is_told_with_the_nearest_name(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(SourceErrors) as caught:
        parse_clusterfile(CLUSTER + text, "C", {})
    (problem,) = caught.value.problems
    assert message in problem.message
    assert hint is None or hint in (problem.hint or "")
    assert problem.place.line > 4


def test_everything_that_is_wrong_is_told_in_one_go() -> None:
    text = APPLICATION.replace("merge", "blend").replace("release:", "relaese:")
    with pytest.raises(SourceErrors) as caught:
        parse_clusterfile(f"{CLUSTER}{text}---\n{CONFIG.replace('toJson', 'x')}", "C", {})
    assert len(caught.value.problems) == 3


def test_what_an_application_says_comes_before_the_cluster() -> None:
    cluster = CLUSTER.replace("---\n", "spec: {appNames: [a], cmd: [b]}\n---\n")
    assert parse_clusterfile(cluster + CONFIG, "C", {}).launch_apps == ("a",)
    found = parse_clusterfile(cluster + APPLICATION, "C", {})
    assert (found.launch_apps, found.launch_cmds) == (("web",), ("b",))
