"""The documents Application and Config: nodes to values, and values back to plain data."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, TypeVar

import yaml

from sealer.clusterfile.environment import read_environment
from sealer.clusterfile.fields import Fields, Reader, nearest
from sealer.clusterfile.login import parse_reference
from sealer.clusterfile.model import CLUSTER_API_VERSION, SecretReference, SecretScheme
from sealer.clusterfile.plugin_documents import PluginSpec, render_plugin
from sealer.clusterfile.settings import (
    AppConfig,
    AppFile,
    ApplicationSpec,
    ConfigSpec,
    Processor,
    Settings,
    Strategy,
)
from sealer.clusterfile.tree import Mapping, Node

Choice = TypeVar("Choice", bound=StrEnum)

CONFIG_API_VERSION = "sealer.io/v1"


def read_application(reader: Reader, node: Node) -> ApplicationSpec:
    """Return what an ``Application`` document says; problems go to the reader's."""
    document, name = _begin(reader, node)
    spec = document.fields("spec")
    configs = tuple(_app_configs(spec))
    names: set[str] = set()
    for config in configs:
        if config.name in names:
            spec.problem("configs", f"has {config.name} twice", "put what is said of an application together")
        names.add(config.name)
    application = ApplicationSpec(
        name=name,
        cmds=spec.texts("cmds"),
        launch_apps=spec.texts("launchApps"),
        configs=configs,
        place=reader.problems.source.place(node.position),
    )
    spec.finish()
    document.finish()
    return application


def read_config(reader: Reader, node: Node) -> ConfigSpec:
    """Return what a ``Config`` document says; problems go to the reader's."""
    document, name = _begin(reader, node)
    spec = document.fields("spec")
    config = ConfigSpec(
        name=name,
        path=_path(spec),
        data=_data(spec),
        strategy=_choice(spec, "strategy", Strategy) or Strategy.OVERWRITE,
        process=tuple(_processors(spec)),
        app_name=spec.line("appName") or "",
        place=reader.problems.source.place(node.position),
    )
    spec.finish()
    document.finish()
    return config


def _begin(reader: Reader, node: Node) -> tuple[Fields, str]:
    document = Fields(reader, node, "")
    document.ignore("apiVersion", "kind")
    metadata = document.fields("metadata")
    name = metadata.line("name")
    if name is None:
        document.problem("metadata", "must have a name", "write as: metadata: {name: my-settings}")
    metadata.finish()
    return document, name or ""


def _app_configs(spec: Fields) -> Iterator[AppConfig]:
    for item, path in spec.reader.items(spec.node("configs"), spec.path_of("configs")):
        fields = Fields(spec.reader, item, path)
        name = fields.line("name")
        if name is None:
            fields.problem("name", "is missing", "name the application")
        launch = fields.fields("launch")
        cmds = launch.texts("cmds")
        launch.finish()
        config = AppConfig(
            name=name or "",
            env=read_environment(fields),
            files=tuple(_files(fields)),
            cmds=cmds,
            namespace=fields.line("namespace") or "",
            release=fields.line("release") or "",
            values=_values(fields),
        )
        fields.finish()
        yield config


def _values(fields: Fields) -> str:
    node = fields.node("values")
    if node is None:
        return ""
    if not isinstance(node, Mapping):
        fields.problem("values", "must be a mapping")
        return ""
    return yaml.safe_dump(fields.reader.plain(node), sort_keys=False, allow_unicode=True)


def _files(fields: Fields) -> Iterator[AppFile]:
    for item, path in fields.reader.items(fields.node("files"), fields.path_of("files")):
        file = Fields(fields.reader, item, path)
        strategy = _choice(file, "strategy", Strategy) or Strategy.OVERWRITE
        yield AppFile(path=_path(file), strategy=strategy, data=_data(file))
        file.finish()


def _path(fields: Fields) -> str:
    path = fields.line("path")
    if path is None:
        fields.problem("path", "is missing", "write as: path: etc/settings.yaml")
        return ""
    normal = posixpath.normpath(path)
    if path.startswith("/") or normal in {"", "."} or normal.startswith(".."):
        fields.problem("path", "must be relative, without ..")
    return normal


def _data(fields: Fields) -> str | SecretReference:
    """Return the content: a text, or a mapping, which stands for itself as YAML."""
    node = fields.node("data")
    reference = fields.line("dataFrom")
    if (node is None) == (reference is None):
        fields.problem(
            "data", "is missing" if node is None else "stands beside dataFrom", "write one of them"
        )
        return ""
    if node is None:
        parsed = parse_reference(reference or "")
        if parsed is None or parsed.scheme is SecretScheme.PROMPT:
            fields.problem(
                "dataFrom", "does not say where the content is", "write env:NAME, file:PATH or cmd:COMMAND"
            )
        return parsed or ""
    plain = fields.reader.plain(node)
    if isinstance(plain, dict | list):
        return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    return fields.reader.text_of(node, fields.path_of("data")) or ""


def _choice(fields: Fields, name: str, kind: type[Choice]) -> Choice | None:
    text = fields.line(name)
    known = tuple(str(member) for member in kind)
    fields.note(name, enum=list(known))
    if text is not None and text not in known:
        fields.problem(name, f"{text!r} is not known", nearest(text, known))
        return None
    return None if text is None else kind(text)


def _processors(spec: Fields) -> Iterator[Processor]:
    known = tuple(str(member) for member in Processor)
    text = spec.line("process")
    for word in text.split("|") if text else ():
        if word.strip() in known:
            yield Processor(word.strip())
        else:
            spec.problem("process", f"{word.strip()!r} is not known", nearest(word.strip(), known))


def render_settings(settings: Settings) -> dict[str, Any]:
    """Return a document as plain data; what is kept elsewhere stays there."""
    if isinstance(settings, PluginSpec):
        return render_plugin(settings)
    if isinstance(settings, ApplicationSpec):
        spec = _said(
            cmds=None if settings.cmds is None else list(settings.cmds),
            launchApps=None if settings.launch_apps is None else list(settings.launch_apps),
            configs=[_app_config(config) for config in settings.configs] or None,
        )
        return _document(CLUSTER_API_VERSION, "Application", settings.name, spec)
    spec = _said(
        path=settings.path,
        **_content(settings.data),
        strategy=str(settings.strategy),
        process="|".join(settings.process) or None,
        appName=settings.app_name or None,
    )
    return _document(CONFIG_API_VERSION, "Config", settings.name, spec)


def _document(api_version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _app_config(config: AppConfig) -> dict[str, Any]:
    files = [
        {"path": file.path, "strategy": str(file.strategy), **_content(file.data)} for file in config.files
    ]
    return _said(
        name=config.name,
        env=[f"{name}={value}" for name, value in config.env.items()] or None,
        files=files or None,
        launch=None if config.cmds is None else {"cmds": list(config.cmds)},
        namespace=config.namespace or None,
        release=config.release or None,
        values=yaml.safe_load(config.values) if config.values else None,
    )


def _content(data: str | SecretReference) -> dict[str, str]:
    return {"dataFrom": str(data)} if isinstance(data, SecretReference) else {"data": data}


def _said(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
