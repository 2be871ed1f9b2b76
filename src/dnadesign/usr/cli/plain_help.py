"""Help as plain text: arguments as they are typed, examples as they can be copied."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup

from dnadesign.usr.cli.errors import UsageProblem


class PlainCommand(TyperCommand):
    """A command whose help shows its arguments without types, and its examples last, flush left."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What the usage line has behind the command's name."""
        return ["[OPTIONS]", *(str(argument.metavar or argument.name) for argument in self._arguments())]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The arguments, then the options."""
        arguments = [
            (argument.metavar or argument.name, argument.help or "") for argument in self._arguments()
        ]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        options = [p.get_help_record(ctx) for p in self.get_params(ctx) if not isinstance(p, TyperArgument)]
        with formatter.section("Options"):
            formatter.write_dl([record for record in options if record is not None])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, line by line."""
        write_examples(self, formatter)

    def _arguments(self) -> list[TyperArgument]:
        return [param for param in self.params if isinstance(param, TyperArgument) and not param.hidden]


class PlainGroup(TyperGroup):
    """A group whose help ends with its examples, and that tells the nearest names of a mistyped command."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, line by line."""
        write_examples(self, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names.

        Raises:
            UsageProblem: There is none of that name.
        """
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            near = get_close_matches(args[0], known)
            raise UsageProblem(
                f"{ctx.command_path} has no command {args[0]!r}",
                mend=f"did you mean {' or '.join(near)}?" if near else f"see {ctx.command_path} --help",
            )
        return super().resolve_command(ctx, args)


def write_examples(command: Any, formatter: Any) -> None:
    """The examples of a command or group at the end of its help, not rewrapped."""
    formatter.write(f"\n{command.epilog}\n")


def examples(*lines: str) -> str:
    """Examples for the end of a command's help."""
    return "\n".join(["Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])
