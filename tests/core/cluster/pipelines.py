"""Plans of whole installations for tests."""

from __future__ import annotations

from sealer.changes import Command
from sealer.cluster.launch_choice import LaunchChoice
from sealer.cluster.pipeline import installation_plan
from sealer.operation.plan import Plan

from .examples import LAYERS, PARTS, cluster, image

EVERYWHERE = {f"10.0.0.{number}": LAYERS for number in (1, 2, 3)}

IMAGE_CHOICE = LaunchChoice()


def install(choice: LaunchChoice = IMAGE_CHOICE, **changes: object) -> Plan:
    return installation_plan(cluster(metadata=image(**changes)), EVERYWHERE, PARTS, choice)


def commands(plan: Plan, prefix: str) -> list[str]:
    return [
        change.run.partition("\n# of image sha256:")[0]
        for step in plan.steps
        if prefix in step.id
        for change in step.changes
        if isinstance(change, Command) and not change.title.startswith("note that ")
    ]


def launched(plan: Plan) -> list[str]:
    return [step.id.split("/", 1)[1] for step in plan.steps if step.id.startswith("a" * 12)]
