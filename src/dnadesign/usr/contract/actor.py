"""Who makes a change: a tool, its run, and the process it runs in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from dnadesign.usr.contract.errors import ValidationError

TOOL_VARIABLE = "USR_ACTOR_TOOL"
RUN_ID_VARIABLE = "USR_ACTOR_RUN_ID"
DEFAULT_TOOL = "usr"

_MAX_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Actor:
    """Who made a change; what is None is filled in when the change is made, see :func:`resolve_actor`.

    Attributes:
        tool: Name of the program, such as ``densegen``.
        run_id: Name of its run, or None outside any run.
        host: Name of the machine.
        pid: Process id on that machine.
    """

    tool: str | None = None
    run_id: str | None = None
    host: str | None = None
    pid: int | None = None

    def to_dict(self) -> dict[str, str | int | None]:
        """The actor as it stands in an event."""
        return {"tool": self.tool, "run_id": self.run_id, "host": self.host, "pid": self.pid}


_current: ContextVar[Actor | None] = ContextVar("dnadesign_usr_actor", default=None)


@contextlib.contextmanager
def use_actor(*, tool: str | None = None, run_id: str | None = None) -> Iterator[Actor]:
    """Name the actor of all changes made inside the block.

    A context variable holds it, so threads and tasks keep their own: an asyncio task starts with its creator's
    actor, a thread with none (unless the interpreter is told to hand contexts on). A field left out keeps its
    value from the surrounding block.

    Raises:
        ValidationError: A name is empty, longer than 256 characters or not printable.
    """
    outer = _current.get() or Actor()
    actor = Actor(
        tool=check_actor_name("tool", tool) if tool is not None else outer.tool,
        run_id=check_actor_name("run_id", run_id) if run_id is not None else outer.run_id,
    )
    token = _current.set(actor)
    try:
        yield actor
    finally:
        _current.reset(token)


def resolve_actor(actor: Actor | None = None, *, environ: Mapping[str, str] | None = None) -> Actor:
    """The actor of a change made now, with no field but ``run_id`` left None.

    Each field is the first that is given of: ``actor``, the surrounding :func:`use_actor`, the environment
    (``USR_ACTOR_TOOL``, ``USR_ACTOR_RUN_ID``; empty counts as not given), and for the tool ``usr``.

    Args:
        actor: The actor given with the change, if any.
        environ: Environment to read instead of the process's own.

    Raises:
        ValidationError: A name is empty, longer than 256 characters or not printable, or the pid is no number: no
            event may be written that cannot be read back.
    """
    if actor is not None and not isinstance(actor, Actor):
        raise ValidationError(
            f"actor: expected an Actor, found {type(actor).__name__}",
            mend="pass Actor(tool='densegen', run_id='r7')",
        )
    given, current = actor or Actor(), _current.get() or Actor()
    environment = os.environ if environ is None else environ
    tool = _first("tool", given.tool, current.tool, environment, TOOL_VARIABLE)
    return Actor(
        tool=tool if tool is not None else DEFAULT_TOOL,
        run_id=_first("run_id", given.run_id, current.run_id, environment, RUN_ID_VARIABLE),
        host=check_actor_name("host", given.host) if given.host is not None else os.uname().nodename,
        pid=_check_pid(given.pid)
        if given.pid is not None
        else os.getpid(),  # asked each time: a fork has another
    )


def _check_pid(pid: object) -> int:
    if type(pid) is not int or not 0 <= pid < 1 << 63:
        raise ValidationError(
            f"actor pid {pid!r:.80}: expected a process id", mend="leave it out: it is filled in"
        )
    return pid


def _first(
    field: str, given: str | None, current: str | None, environment: Mapping[str, str], variable: str
) -> str | None:
    if given is not None:
        return check_actor_name(field, given)
    if current is not None:
        return current
    found = environment.get(variable)
    return check_actor_name(variable, found) if found else None


def check_actor_name(field: str, name: object) -> str:
    """Return ``name`` if it can stand in an event: 1 to 256 printable characters.

    Args:
        field: What it is the name of, for the message.
        name: The candidate.

    Raises:
        ValidationError: The name is empty, too long or not printable.
    """
    if not isinstance(name, str) or not 1 <= len(name) <= _MAX_LENGTH or not name.isprintable():
        raise ValidationError(
            f"actor {field} {name!r:.80}: expected 1 to {_MAX_LENGTH} printable characters",
            mend="give the tool and its run short names, such as tool 'densegen' and run_id 'r7'",
        )
    return name
