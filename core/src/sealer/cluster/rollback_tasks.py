"""What images and Clusterfiles have done when an operation was rolled back."""

from __future__ import annotations

from sealer.cluster.image_plugins import all_plugins
from sealer.cluster.images import images_again
from sealer.cluster.install import prepare_again
from sealer.cluster.pipeline import launch_site
from sealer.cluster.request import Request
from sealer.cluster.session import Context
from sealer.cluster.tasks import plan_rollback_tasks
from sealer.errors import SealerError
from sealer.events import Message
from sealer.model import Phase, Step
from sealer.operation.plan import Plan


def rollback_tasks(context: Context, again: Request | None, taking: Plan, *, stamp: str) -> tuple[Step, ...]:
    """Return the steps of tasks at the phase ``rollback``; none where no cluster is left.

    Tasks that can't be planned, because the image is gone from the store for example, are told of and left
    out: they must not stand in the way of taking things back.

    Args:
        context: What a verb needs from outside.
        again: The cluster as it is again, or None.
        taking: The plan that takes things back.
        stamp: Different for each rollback.
    """
    if again is None or not again.is_installed:
        return ()
    try:
        image = images_again(context.store, again.image).main
        plugins = all_plugins(context.store, image, again.clusterfile)
        if not any(Phase.ROLLBACK in one.phases for one in plugins):
            return ()
        prepared = prepare_again(context, again)
        return plan_rollback_tasks(
            prepared.cluster,
            plugins,
            prepared.parts.task_types,
            launch_site(prepared.cluster, prepared.parts, prepared.cluster.rootfs),
            stamp=stamp,
            requires=tuple(name for step in taking.steps for name in step.provides),
        )
    except SealerError as error:
        text = f"tasks of the phase rollback are not done: {error}"
        context.events(Message(text=text, warning=True))
        return ()
