"""Notify: deliver to a receiver on this machine, and pass events that nobody wants to hear of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx2

from benchmarks.bench import NAME, Bench
from benchmarks.generated import write_log
from benchmarks.measure import Against, Contestant, Figure, Line, alternate
from benchmarks.receiver import receiving
from dnadesign.notify.contract.destinations import Destination, Provider
from dnadesign.notify.contract.outcomes import DeliveryPolicy
from dnadesign.notify.contract.secrets import Secret
from dnadesign.notify.operations.fold import FoldPolicy
from dnadesign.notify.operations.watch import WatchOptions
from dnadesign.notify.watching import From, OnTruncation, WatchPlan, watch_log
from dnadesign.usr import EventFollower

_NOBODY = frozenset({"nobody"})


def measure(bench: Bench) -> list[Line]:
    """Messages against bare posts of the same size, and events that are filtered out against reading their lines."""
    count, messages = bench.sizes.events, max(100, bench.sizes.events // 200)
    long = bench.generated(f"events-{count}.log", lambda path: write_log(path, count))
    short = bench.generated(f"events-{messages}.log", lambda path: write_log(path, messages))
    with ExitStack() as stack:
        root = stack.enter_context(bench.scratch("watched"))
        address = stack.enter_context(receiving())
        logs = {name: _placed(root / name, log) for name, log in (("long", long), ("short", short))}
        everything, nothing = FoldPolicy(), FoldPolicy(only_tools=_NOBODY)
        contestants = [
            Contestant("deliver", lambda: _watch(logs["short"], root, address, everything), _forget(root)),
            Contestant("post", lambda: _post(address, messages)),
            Contestant("filter", lambda: _watch(logs["long"], root, address, nothing), _forget(root)),
            Contestant("read", lambda: _read(logs["long"])),
        ]
        found = alternate(contestants, bench.sizes.rounds, flush=False)
    rate = messages / found["deliver"].median
    return [
        Line(
            f"notify: deliver {messages:,} messages, one connection",
            found["deliver"],
            Against(Figure("post as many bodies with httpx2", found["post"].samples), 3.0),
            note=f"{rate:,.0f} messages a second, each in the cursor file before more than 64 others are sent",
        ),
        Line(
            f"notify: pass {count:,} events that are filtered out",
            found["filter"],
            Against(Figure("read the lines (EventFollower)", found["read"].samples), 4.0),
        ),
    ]


def _placed(folder: Path, made: Path) -> Path:
    (folder / NAME).mkdir(parents=True)
    return Path(shutil.copy(made, folder / NAME / ".events.log"))


def _forget(root: Path) -> Callable[[], None]:
    return lambda: shutil.rmtree(root / "state", ignore_errors=True)


def _watch(log: Path, root: Path, address: str, policy: FoldPolicy) -> None:
    plan = WatchPlan(
        destination=Destination("bench", Provider.GENERIC),
        address=Secret(address),
        log=log,
        state_folder=root / "state",
        options=WatchOptions(policy=policy),
        start=From.START,
        on_truncation=OnTruncation.ERROR,
        policy=DeliveryPolicy(),
    )
    watch_log(plan, report=lambda _: None)


def _post(address: str, count: int) -> None:
    body = b'{"data":"' + b"x" * 900 + b'"}'
    with httpx2.Client() as client:
        for _ in range(count):
            client.post(address, content=body).raise_for_status()


def _read(log: Path) -> int:
    count = 0
    with EventFollower(log, parse=False) as follower:
        while lines := follower.poll(1000):
            count += len(lines)
    return count
