"""All commands of the program, found as help finds them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from sealer.cli.program import root


def commands(
    group: click.Group = root, context: click.Context | None = None, above: str = ""
) -> Iterator[tuple[str, click.Command]]:
    """Yield all commands there are, with their names."""
    context = context or click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, click.Context(command, parent=context), f"{above}{name} ")
        else:
            yield f"{above}{name}", command


ALL = dict(commands())
