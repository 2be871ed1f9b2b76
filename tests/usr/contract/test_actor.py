from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

import pytest

from dnadesign.usr.contract.actor import Actor, resolve_actor, use_actor
from dnadesign.usr.contract.errors import ValidationError

NOTHING: dict[str, str] = {}


def test_an_actor_without_any_hint_is_usr_on_this_host_and_in_this_process() -> None:
    assert resolve_actor(environ=NOTHING) == Actor("usr", None, os.uname().nodename, os.getpid())


def test_the_environment_names_the_actor_and_an_empty_variable_does_not() -> None:
    found = resolve_actor(environ={"USR_ACTOR_TOOL": "nightly", "USR_ACTOR_RUN_ID": ""})
    assert (found.tool, found.run_id) == ("nightly", None)


def test_what_is_nearer_wins_field_by_field() -> None:
    environ = {"USR_ACTOR_TOOL": "from-env", "USR_ACTOR_RUN_ID": "run-env"}
    with use_actor(tool="from-context"):
        assert resolve_actor(environ=environ).tool == "from-context"
        assert resolve_actor(environ=environ).run_id == "run-env"
        given = resolve_actor(Actor(run_id="given", host="elsewhere", pid=7), environ=environ)
        assert given == Actor("from-context", "given", "elsewhere", 7)
    assert resolve_actor(environ=environ).tool == "from-env"


def test_an_inner_block_keeps_what_it_does_not_name() -> None:
    with use_actor(tool="densegen"), use_actor(run_id="r7") as inner:
        assert inner == Actor("densegen", "r7")


def test_a_block_that_fails_gives_the_outer_actor_back() -> None:
    with use_actor(tool="outer"):
        with pytest.raises(KeyError), use_actor(tool="inner"):
            raise KeyError
        assert resolve_actor(environ=NOTHING).tool == "outer"


def test_threads_keep_their_own_actors() -> None:
    seen: dict[str, str | None] = {}
    barrier = threading.Barrier(4)

    def work(name: str) -> None:
        with use_actor(tool=name):
            barrier.wait()  # all of them are inside their blocks now
            seen[name] = resolve_actor(environ=NOTHING).tool
            barrier.wait()

    threads = [threading.Thread(target=work, args=(f"tool-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {f"tool-{n}": f"tool-{n}" for n in range(4)}
    assert resolve_actor(environ=NOTHING).tool == "usr"


def test_tasks_keep_their_own_actors_and_begin_with_their_creators() -> None:
    async def work(name: str | None) -> str | None:
        if name is None:
            await asyncio.sleep(0)
            return resolve_actor(environ=NOTHING).tool
        with use_actor(tool=name):
            await asyncio.sleep(0)
            return resolve_actor(environ=NOTHING).tool

    async def main() -> list[str | None]:
        with use_actor(tool="creator"):
            return list(await asyncio.gather(work("a"), work("b"), work(None)))

    assert asyncio.run(main()) == ["a", "b", "creator"]


def test_a_forked_child_signs_with_its_own_pid() -> None:
    resolve_actor(environ=NOTHING)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(resolve_actor(environ=NOTHING).pid).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as answer:
        assert int(answer.read()) == child


@pytest.mark.parametrize("name", ["", "x" * 257, "two\nlines", "bell\a", "lone \udc80"])
def test_a_name_that_would_spoil_the_log_is_refused_where_it_is_given(name: str) -> None:
    with pytest.raises(ValidationError, match="actor tool"), use_actor(tool=name):
        pass
    with pytest.raises(ValidationError, match="actor run_id"):
        resolve_actor(Actor(run_id=name), environ=NOTHING)
    if name:
        with pytest.raises(ValidationError, match="USR_ACTOR_TOOL"):
            resolve_actor(environ={"USR_ACTOR_TOOL": name})


@pytest.mark.parametrize(
    "given", [{"host": "a\nb"}, {"host": 5}, {"pid": "12"}, {"pid": -1}, {"pid": 1 << 63}, {"pid": True}]
)
def test_an_actor_that_could_not_be_read_back_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="actor"):
        resolve_actor(Actor(**given), environ=NOTHING)


def test_an_actor_given_as_text_is_refused() -> None:
    actor: Any = "densegen"
    with pytest.raises(ValidationError, match="expected an Actor"):
        resolve_actor(actor, environ=NOTHING)
