"""Scripts that are applications."""

from sealer.testing.conformance import AppSample

SAMPLES = (
    AppSample(sources={"install.sh": "echo hello\n"}, files=("install.sh",)),
    AppSample(
        sources={"z.sh": "echo last\n", "steps/b.sh": "echo b\n", "steps/a.sh": "echo a\n"},
        files=("z.sh", "a.sh", "b.sh"),
    ),
)
