"""Manifests that are applications."""

from sealer.testing.conformance import AppSample

POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec: {{containers: [{{name: x, image: {}}}]}}\n"

TOOLS = ("kubectl",)

KUSTOMIZE_SAMPLES = (
    AppSample(
        sources={
            "web/kustomization.yaml": "resources: [pod.yaml]\n",
            "web/pod.yaml": POD.format("r.example/four:4"),
        },
        files=("kustomization.yaml",),
        images=("r.example/four:4",),
    ),
)

OAM_SAMPLES = (
    AppSample(
        sources={
            "app.yaml": "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: x}\n",
            "pod.yaml": POD.format("r.example/five:5"),
        },
        files=("app.yaml", "pod.yaml"),
        images=("r.example/five:5",),
    ),
)

SAMPLES = (
    AppSample(
        sources={"pod.yaml": POD.format("r.example/one:1")}, files=("pod.yaml",), images=("r.example/one:1",)
    ),
    AppSample(
        sources={
            "manifests/b.yml": POD.format("r.example/two:2"),
            "manifests/a/c.yaml": POD.format("r.example/three:3"),
        },
        files=("a/c.yaml", "b.yml"),
        images=("r.example/two:2", "r.example/three:3"),
    ),
)
