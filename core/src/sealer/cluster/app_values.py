"""The values that charts get from the user: which texts they are, and the files they become."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import yaml

from sealer.changes import File, record_name
from sealer.cluster.launch_choice import EVERY, AppChoice, LaunchChoice
from sealer.errors import UsageError
from sealer.model import Application
from sealer.providers import AppType

ReadReference = Callable[[str], str]
"""Returns the text that a reference such as ``env:NAME`` stands for."""


def require_takers(
    choice: LaunchChoice, apps: Sequence[Application], app_types: Mapping[str, AppType]
) -> None:
    """Refuse values that nobody takes.

    Raises:
        UsageError: There are some, for one application that takes none, or for all, and none takes any.
    """
    for app in apps:
        given = _are_given(choice.settings.get(app.name)) or _are_given(choice.defaults.get(app.name))
        if given and not _takes_values(app, app_types):
            raise UsageError(
                f"application {app.name} is of type {app.type or 'none'}, which takes no values",
                hint="leave the values out, or give them to another application: APP:K=V",
            )
    if _are_given(choice.settings.get(EVERY)) and not any(_takes_values(app, app_types) for app in apps):
        raise UsageError(
            "values are given, but no application that is launched takes any",
            hint="leave them out; charts take values",
        )


def value_texts(
    choice: LaunchChoice, app: Application, app_types: Mapping[str, AppType], read: ReadReference
) -> tuple[str, ...]:
    """Return the texts of an application's values; those for all pass by what takes none.

    Args:
        choice: What the user wants.
        app: The application.
        app_types: By name.
        read: Reads references to values.

    Raises:
        UsageError: One is no YAML, or no mapping.
        SealerError: A reference can't be read.
    """
    if not _takes_values(app, app_types):
        return ()
    wanted = choice.of(app.name)
    texts = (*wanted.values, *(read(reference) for reference in wanted.values_from))
    for text in texts:
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(
                f"the values for {app.name} are no YAML",
                hint="write a file of lines NAME: VALUE",
            ) from error
        if content is not None and not isinstance(content, dict):
            raise UsageError(
                f"the values for {app.name} are no mapping",
                hint="write a file of lines NAME: VALUE",
            )
    return texts


def values_directory(data: str, app: Application) -> str:
    """Return the directory of an application's values in a cluster's directory."""
    return f"{data}/values/{record_name(app.release)}"


def value_files(texts: Sequence[str], directory: str, *, owner: str) -> tuple[File, ...]:
    """Return the files of values, which only their owner reads."""
    return tuple(
        File(path=f"{directory}/{number}.yaml", content=text, mode=0o600, owner=owner)
        for number, text in enumerate(texts, start=1)
    )


def _takes_values(app: Application, app_types: Mapping[str, AppType]) -> bool:
    return app.type in app_types and app_types[app.type].takes_values()


def _are_given(wanted: AppChoice | None) -> bool:
    return wanted is not None and bool(wanted.values or wanted.values_from)
