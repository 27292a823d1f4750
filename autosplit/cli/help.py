"""What ``--help`` prints: one panel for each group of options.

typer's own panels take twice as long to import as all that the command line needs.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

WIDTH = 100
"""Characters of a line at most."""
FIRST_PANEL = "Arguments"
LAST_PANEL = "Help"


class PanelCommand(TyperCommand):
    """A command whose ``--help`` has panels."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write usage, what the command does, and the options that are not hidden."""
        panels: dict[str, list[tuple[str, str, str]]] = {FIRST_PANEL: []}
        for parameter in self.get_params(ctx):
            if not getattr(parameter, "hidden", False):
                panels.setdefault(_panel(parameter), []).append(_row(parameter))
        panels[LAST_PANEL] = panels.pop(LAST_PANEL)
        formatter.write(_render(_usage(self, ctx), self.help or "", panels.items()))


class PanelGroup(TyperGroup):
    """Several commands whose ``--help`` has panels."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write usage, what the program does, and its commands."""
        commands = [(name, "", one.get_short_help_str(200)) for name, one in self.commands.items()]
        options = [_row(parameter) for parameter in self.get_params(ctx)]
        panels = (("Commands", commands), ("Options", options))
        formatter.write(_render(_usage(self, ctx), self.help or "", panels))


def _panel(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return FIRST_PANEL
    return getattr(parameter, "rich_help_panel", None) or LAST_PANEL


def _usage(command: Any, ctx: Any) -> str:
    pieces = [
        piece.replace("{", "").replace("}", "") for piece in command.collect_usage_pieces(ctx)
    ]
    return " ".join([f"Usage: {ctx.command_path}", *map(str.upper, pieces)])


def _row(parameter: Any) -> tuple[str, str, str]:
    """Spelling of a parameter, its values, and what it is."""
    if parameter.param_type_name == "argument":
        return parameter.name.upper(), "", parameter.help or ""
    value = "" if parameter.is_flag else parameter.metavar or ""
    needed = " Required." if parameter.required else ""
    return parameter.opts[0], value, f"{parameter.help}{needed}"


def _render(
    usage: str, about: str, panels: Iterable[tuple[str, list[tuple[str, str, str]]]]
) -> str:
    from rich.box import ROUNDED
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = Console(file=out, force_terminal=sys.stdout.isatty(), highlight=False)
    console.width = min(console.width, WIDTH)
    console.print(Text(usage, "bold"), Text(f"\n{about}\n"), sep="\n")
    for name, rows in panels:
        if not rows:
            continue
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(max_width=30, overflow="fold")
        table.add_column(ratio=1)
        for spelling, value, help_text in rows:
            table.add_row(Text(spelling, "bold cyan"), Text(value, "yellow"), Text(help_text))
        console.print(Panel(table, title=name, title_align="left", box=ROUNDED, expand=True))
    return out.getvalue()
