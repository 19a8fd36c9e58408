"""Manifests that are applications."""

from sealer.testing.conformance import AppSample

POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec: {{containers: [{{name: x, image: {}}}]}}\n"

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
