"""From a request to a plan: images and providers looked up, files made, steps tied together."""

from __future__ import annotations

from dataclasses import replace

from sealer.cluster.app_removal import removal_plan
from sealer.cluster.application_plan import application_plan, application_root
from sealer.cluster.document_kinds import require_known_documents
from sealer.cluster.foreign import foreign_parts, image_imports
from sealer.cluster.image_files import planned_image
from sealer.cluster.image_plugins import all_plugins
from sealer.cluster.images import HostImages, images_again
from sealer.cluster.launch_choice import AppChoice, LaunchChoice
from sealer.cluster.made_files import MadeFiles, Making, made_files
from sealer.cluster.parts import Parts, choose_parts
from sealer.cluster.pipeline import installation_plan, launch_site, read_reference
from sealer.cluster.registry_access import Layers
from sealer.cluster.request import Foreign, Request
from sealer.cluster.session import Context
from sealer.cluster.view import bare_view, cluster_view
from sealer.clusterfile import Clusterfile
from sealer.model import Cluster, ImageMetadata
from sealer.operation.plan import Plan

Planned = tuple[Cluster, Parts, Plan]


def plan_on_hosts(context: Context, request: Request, images: HostImages) -> Planned:
    """Plan for a cluster that Sealer makes, or has made.

    Args:
        context: What a verb needs from outside.
        request: What was asked for.
        images: Those of the cluster.

    Raises:
        SourceErrors: The Clusterfile has documents that the cluster runtime does not take.
        SealerError: What was asked for can't be planned.
    """
    spec = request.clusterfile.cluster
    parts = choose_parts(images.metadata, context.plugins, spec, context.home)
    require_known_documents(request.clusterfile, parts.runtime)
    image = planned_image(context.store, images, parts)
    plugins = all_plugins(context.store, images.main, request.clusterfile)
    cluster = cluster_view(request.clusterfile, image, request.facts, parts, plugins)
    if request.removals:
        return cluster, parts, removal_plan(cluster, parts, request.removals, request.choice)
    if request.application is not None:
        return _application(
            context, request, cluster, parts, images_again(context.store, request.application)
        )
    choice, made = made_for(context, request, cluster, images, parts)
    stored = _stored_layers(context, request, cluster, parts)
    plan = installation_plan(
        cluster,
        images.layers,
        parts,
        choice,
        made=made,
        plugins=plugins,
        stored=stored,
        served=request.stored_images,
        growth=request.growth,
    )
    return cluster, parts, plan


def _stored_layers(context: Context, request: Request, cluster: Cluster, parts: Parts) -> dict[str, Layers]:
    """Return the layers of application images that some hosts are to serve, but did not when they came.

    Raises:
        ImageError: The store has lost one of the images.
    """
    serving = parts.registry.hosts(cluster) if parts.registry is not None else ()
    result: dict[str, Layers] = {}
    for choice in request.stored:
        if any(host.name not in choice.digests for host in serving):
            short = next(iter(choice.digests.values())).removeprefix("sha256:")[:12]
            result[short] = images_again(context.store, choice).layers
    return result


def made_for(
    context: Context, request: Request, cluster: Cluster, images: HostImages, parts: Parts
) -> tuple[LaunchChoice, MadeFiles]:
    """Return what is launched of the cluster's image, and the files that are made for it.

    Raises:
        SealerError: A file can't be made.
    """
    choice = combined(request.choice, request.clusterfile, cluster.image)
    made = _made(context, request, cluster, images, choice, parts, root=cluster.rootfs, on_hosts=True)
    return choice, made


def plan_elsewhere(context: Context, request: Request, foreign: Foreign) -> Planned:
    """Plan for a cluster that Sealer did not make: everything is done on the operator's machine.

    Raises:
        SealerError: What was asked for can't be planned.
    """
    spec = request.clusterfile.cluster
    parts = foreign_parts(spec.data, foreign, context.plugins)
    if request.removals or request.application is None:
        cluster = bare_view(request.clusterfile, request.facts)
        return cluster, parts, removal_plan(cluster, parts, request.removals, request.choice)
    images = images_again(context.store, request.application)
    cluster = cluster_view(request.clusterfile, images.metadata, request.facts, parts)
    return _application(context, request, cluster, parts, images)


def _application(
    context: Context, request: Request, cluster: Cluster, parts: Parts, images: HostImages
) -> Planned:
    choice = combined(request.choice, request.clusterfile, images.metadata)
    root = application_root(cluster, images.metadata.digest)
    made = _made(context, request, cluster, images, choice, parts, root=root, on_hosts=False)
    plan = application_plan(
        cluster,
        images.metadata,
        images.layers,
        parts,
        choice,
        made=made,
        served=request.stored_images,
        delivery=request.delivery,
        home=context.home,
        imports=image_imports(context.plugins) if request.delivery.nodes else (),
        carried=images.carried,
    )
    return cluster, parts, plan


def _made(  # noqa: PLR0917 - what files are made from, in one place
    context: Context,
    request: Request,
    cluster: Cluster,
    images: HostImages,
    choice: LaunchChoice,
    parts: Parts,
    *,
    root: str,
    on_hosts: bool,
) -> MadeFiles:
    making = Making(
        store=context.store,
        image=images.main,
        clusterfile=request.clusterfile,
        cluster=cluster,
        choice=choice,
        read=read_reference,
        owner=launch_site(cluster, parts, root).owner,
    )
    return made_files(making, root=root, on_hosts=on_hosts)


def combined(choice: LaunchChoice, clusterfile: Clusterfile, image: ImageMetadata) -> LaunchChoice:
    """Return what flags want of applications over what the Clusterfile wants of those that the image has.

    Of several documents the last one counts.
    """
    settings, defaults = dict(choice.settings), dict(choice.defaults)
    known = {app.name for app in image.applications}
    own_env: dict[str, dict[str, str]] = {}
    for document in clusterfile.applications:
        for config in document.configs:
            if config.name in known:
                said = AppChoice(
                    namespace=config.namespace,
                    release=config.release,
                    values=(config.values,) if config.values else (),
                    cmds=config.cmds,
                )
                defaults[config.name] = said.over(defaults.get(config.name, AppChoice()))
                own_env.setdefault(config.name, {}).update(config.env)
    # Environment for all of them is the cluster's: what is said for one comes over it.
    for name, env in own_env.items():
        settings[name] = settings.get(name, AppChoice()).over(AppChoice(env=env))
    return replace(choice, settings=settings, defaults=defaults)
