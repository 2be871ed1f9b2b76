"""Options of ``watch``: which log, from where, what of it, and how patiently."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dnadesign.notify.watching import From, OnTruncation

EventsOption = Annotated[
    Path | None,
    typer.Option("--events", metavar="PATH", help="The event log (.events.log), or its dataset's folder."),
]
DatasetOption = Annotated[
    str | None, typer.Option("--dataset", metavar="NAME", help="The dataset, with --root.")
]
RootOption = Annotated[
    Path | None,
    typer.Option("--root", metavar="DIR", help="The root that the dataset is in.", envvar="USR_ROOT"),
]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on watching when the end is reached.")]
FromOption = Annotated[
    From,
    typer.Option("--from", help="Where to begin; cursor: where the last watch ended, else at the start."),
]
OnTruncationOption = Annotated[OnTruncation, typer.Option(help="If the log was cut short or replaced.")]
OnlyActionsOption = Annotated[
    list[str] | None,
    typer.Option(metavar="A,B", help="Tell these actions only (list with commas, or repeat)."),
]
OnlyToolsOption = Annotated[
    list[str] | None, typer.Option(metavar="A,B", help="Tell only what these tools did.")
]
ProgressEveryOption = Annotated[
    float | None,
    typer.Option(
        metavar="MINUTES",
        min=0,
        help="Least time between progress messages of a run [default: 10; 0, each event, for generic]",
    ),
]
SilenceOption = Annotated[
    float | None,
    typer.Option(metavar="MINUTES", min=0.01, help="Alert when a run has not been heard of for so long."),
]
IncludeArgsOption = Annotated[
    bool, typer.Option("--include-args", help="Tell the arguments of each event too.")
]
IncludeContextOption = Annotated[
    bool, typer.Option("--include-context", help="Tell host, root, transaction and hashes too.")
]
IncludeRawEventOption = Annotated[
    bool, typer.Option("--include-raw-event", help="Send the whole event too (generic only).")
]
AllowUnknownVersionOption = Annotated[
    bool, typer.Option("--allow-unknown-version", help="Read events of later versions as far as possible.")
]
PollOption = Annotated[
    float, typer.Option(metavar="SECONDS", min=0.01, max=3600, help="Time between two looks at a quiet log.")
]
TriesOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, max=20, help="Tries before a message is spooled [default: 5]"),
]
BackoffOption = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", min=0.001, max=60, help="Wait after the first try; doubles [default: 0.5]"
    ),
]
TimeoutOption = Annotated[
    float | None, typer.Option(metavar="SECONDS", min=0.1, max=120, help="Seconds for one try [default: 15]")
]
