"""Charts that are applications."""

from sealer.testing.conformance import AppSample

TOOLS = ("helm",)
"""The programs that finding their images takes."""

POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n"
    "spec:\n  containers:\n  - {name: x, image: 'r.example/app:{{ .Values.tag }}'}\n"
)
CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: sample\nversion: 0.1.0\n",
    "chart/values.yaml": "tag: one\n",
    "chart/templates/pod.yaml": POD,
}

SAMPLES = (
    AppSample(sources=CHART, files=(".",), images=("r.example/app:one",)),
    AppSample(
        sources={**CHART, "ours.yaml": "tag: two\n"}, files=(".", "ours.yaml"), images=("r.example/app:two",)
    ),
)
