"""Where flags take their defaults from: ``SEALER_<VERB>_<FLAG>``, then ``config.yaml``."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from sealer.errors import Place, SourceError, SourceErrors, UsageError


def name_variables(command: click.Command, prefix: str) -> None:
    """Let every option of a command be set by ``<prefix>_<FLAG>``, unless it names a variable itself.

    click can derive such names too, but from the names of Python parameters, which no user knows.
    """
    for flag, option in _flags(command):
        if option.envvar is None:
            option.envvar = f"{prefix}_{_shouted(flag)}"
    if isinstance(command, click.Group):
        for name, member in command.commands.items():
            name_variables(member, f"{prefix}_{_shouted(name)}")


def read_defaults(file: Path) -> dict[str, Any]:
    """Return the document of ``config.yaml``: flags and their values, by command.

    For example, ``push: {skip-tls-verify: true}`` makes ``sealer push`` behave as with that flag.

    Raises:
        UsageError: The file can't be read, or is no mapping.
        SourceErrors: The file is no YAML.
    """
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8: {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        excerpt = dict(enumerate(text.splitlines())).get(line)
        place = Place(file=str(file), line=line + 1, column=column + 1, text=excerpt)
        raise SourceErrors([SourceError(error.problem or "this is no YAML", place=place)]) from error
    except yaml.YAMLError as error:
        raise UsageError(f"{file} is no YAML: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(
            f"{file} is no mapping of commands to flags", hint="write as in: push: {skip-tls-verify: true}"
        )
    return {str(name): section for name, section in document.items()}


def check_name(file: Path, name: str, known: Mapping[str, object], what: str) -> None:
    """Refuse a name that is not known, with the nearest one as the hint.

    Raises:
        UsageError: It is not known.
    """
    if name not in known:
        near = difflib.get_close_matches(name, list(known), n=1)
        raise UsageError(
            f"{file}: there is no {what} {name!r}", hint=f"did you mean {near[0]}?" if near else None
        )


def defaults_for(file: Path, command: click.Command, name: str, section: object) -> dict[str, Any]:
    """Return a command's section with click's names of parameters for the names of flags.

    Raises:
        UsageError: The section is no mapping, or names a flag or command that does not exist.
    """
    if not isinstance(section, dict):
        raise UsageError(
            f"{file}: {name} is no mapping of flags", hint=f"write as in: {name}: {{flag: value}}"
        )
    flags = dict(_flags(command))
    members = command.commands if isinstance(command, click.Group) else {}
    defaults: dict[str, Any] = {}
    for key, value in section.items():
        if key in members:
            defaults[key] = defaults_for(file, members[key], f"{name} {key}", value)
        else:
            check_name(file, str(key), {**flags, **members}, f"flag of `{name}` named")
            defaults[str(flags[key].name)] = value
    return defaults


def _flags(command: click.Command) -> Iterator[tuple[str, click.Option]]:
    """Yield the long flags of a command that can have a default, without their dashes."""
    for option in command.params:
        if isinstance(option, click.Option) and not option.is_eager:
            yield from ((flag[2:], option) for flag in option.opts if flag.startswith("--"))


def _shouted(name: str) -> str:
    return name.replace("-", "_").upper()
