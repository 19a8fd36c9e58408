"""Files of an image as one cluster needs them: templates rendered, and what Clusterfiles say put in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sealer.changes import File
from sealer.cluster.image_files import image_files, image_templates
from sealer.cluster.launch_choice import LaunchChoice
from sealer.clusterfile import Clusterfile, ConfigSpec, SecretReference
from sealer.clusterfile.processing import content_of
from sealer.clusterfile.settings import Processor
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage
from sealer.kubernetes.environment import computed_env, environment_on, said_env
from sealer.model import APPS_DIRECTORY, Application, Cluster, Host
from sealer.templates import SUFFIX, render

TEMPLATE_DIRECTORIES = ("etc", "charts", "manifests")
"""Where templates of an image are rendered, beside those of applications."""

ReadReference = Callable[[str], str]
NO_FILES: Mapping[str, tuple[File, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFiles:
    """Files that come over those of an image.

    Attributes:
        hosts: Below the image's root, on each host, by its name.
        apps: Below the root that an application is launched from, by the application's name.
    """

    hosts: Mapping[str, tuple[File, ...]] = field(default_factory=lambda: NO_FILES)
    apps: Mapping[str, tuple[File, ...]] = field(default_factory=lambda: NO_FILES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What files are made from.

    Attributes:
        store: Holds the image.
        image: The image.
        clusterfile: What the user says.
        cluster: The cluster as providers see it.
        choice: What is wanted of applications.
        read: Reads references to contents.
        owner: Who owns the files of applications.
    """

    store: ImageStore
    image: StoredImage
    clusterfile: Clusterfile
    cluster: Cluster
    choice: LaunchChoice
    read: ReadReference
    owner: str = "root:root"


def made_files(making: Making, *, root: str, on_hosts: bool) -> MadeFiles:
    """Return the files that are made for a cluster.

    Args:
        making: What they are made from.
        root: The directory that applications are launched from.
        on_hosts: Whether the image is that of the cluster, whose files are on every host.

    Raises:
        ImageError: A template can't be rendered.
        UsageError: What the Clusterfile says does not fit what is in the image.
        SealerError: A content that is kept elsewhere can't be had.
    """
    applications = making.image.metadata.applications
    hosts: Mapping[str, tuple[File, ...]] = NO_FILES
    if on_hosts:
        configs = [config for config in making.clusterfile.configs if not config.app_name]
        hosts = {host.name: _of_host(making, host, configs) for host in making.cluster.hosts}
    apps = {app.name: _of_application(making, app, root) for app in applications}
    return MadeFiles(hosts=hosts, apps={name: files for name, files in apps.items() if files})


def _of_host(making: Making, host: Host, configs: Iterable[ConfigSpec]) -> tuple[File, ...]:
    env = environment_on(making.cluster, host)
    texts = _rendered(making, TEMPLATE_DIRECTORIES, env)
    secrets = _configured(making, configs, texts, "")
    return _files(texts, making.cluster.rootfs, secrets, "root:root")


def _of_application(making: Making, app: Application, root: str) -> tuple[File, ...]:
    wanted = making.choice.of(app.name)
    first = making.cluster.first_master
    env = {
        **making.cluster.env_of(first),
        **making.image.metadata.env,
        **app.env,
        **said_env(making.cluster),
        **computed_env(making.cluster, first),
        **wanted.env,
    }
    directory = f"{APPS_DIRECTORY}/{app.name}"
    texts: dict[str, str] = {}
    secrets: set[str] = set()
    for spec in making.clusterfile.applications:
        for config in spec.configs:
            for file in config.files if config.name == app.name else ():
                path = f"{directory}/{file.path}"
                data = _data(making, file.data)
                if isinstance(file.data, SecretReference):
                    secrets.add(path)
                current = texts.get(path, _current(making, path))
                texts[path] = content_of(data, current, strategy=file.strategy, name=path)
    configs = [config for config in making.clusterfile.configs if config.app_name == app.name]
    secrets |= _configured(making, configs, texts, f"{directory}/")
    # A file of the Clusterfile may be a template itself.
    for path in [path for path in texts if path.endswith(SUFFIX)]:
        texts[path.removesuffix(SUFFIX)] = render(texts[path], env, path, strict=True)
    texts = {**_rendered(making, (directory,), env, without=texts), **texts}
    return _files(texts, root, secrets, making.owner)


def _rendered(
    making: Making, directories: tuple[str, ...], env: Mapping[str, str], without: Iterable[str] = ()
) -> dict[str, str]:
    found = image_templates(making.store, making.image)
    chosen = {
        path: text
        for path, text in found.items()
        if path not in without and any(path.startswith(f"{directory}/") for directory in directories)
    }
    return {path.removesuffix(SUFFIX): render(text, env, path, strict=True) for path, text in chosen.items()}


def _configured(
    making: Making, configs: Iterable[ConfigSpec], texts: dict[str, str], prefix: str
) -> set[str]:
    """Put what ``Config`` documents say into texts; return the paths of what may be secret."""
    secrets: set[str] = set()
    for config in configs:
        path = f"{prefix}{config.path}"
        current = texts.get(path, _current(making, path))
        data = _data(making, config.data)
        name = f"{path} ({config.name})"
        texts[path] = content_of(data, current, strategy=config.strategy, process=config.process, name=name)
        if isinstance(config.data, SecretReference) or Processor.TO_SECRET in config.process:
            secrets.add(path)
    return secrets


def _current(making: Making, path: str) -> str | None:
    return image_files(making.store, making.image, (path,)).get(path)


def _data(making: Making, data: str | SecretReference) -> str:
    return making.read(str(data)) if isinstance(data, SecretReference) else data


def _files(texts: Mapping[str, str], root: str, secrets: set[str], owner: str) -> tuple[File, ...]:
    return tuple(
        File(
            path=f"{root}/{path}",
            content=text,
            mode=0o600 if path in secrets else 0o644,
            owner=owner,
        )
        for path, text in sorted(texts.items())
    )
