"""The tests for crashes, faults and races fail when any single step of the protocol is left out or swapped."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from random import Random
from typing import cast

import pytest

from dnadesign.usr.contract.errors import CorruptFileError, SequencesError
from dnadesign.usr.contract.layout import EVENTS, INTENT, INTENT_SYNCED
from dnadesign.usr.operations import _files, init
from dnadesign.usr.storage import filesystem, intent, journal, staging, version, visibility
from tests.faults.changes import repeatable_ids
from tests.faults.damage import LOSABLE, committed_and_lost
from tests.faults.enumeration import (
    Effort,
    Search,
    Tally,
    TooManyViolations,
    World,
    new_world,
    prepared,
    recover_now,
)
from tests.faults.interleavings import Recording, look_at_all, problems_of_follower
from tests.faults.mutants import STAGED, Step, leaving_out, rewritten
from tests.faults.test_readers import (
    fail_then_write,
    two_failures,
    write_one_after_the_other,
)

Mutation = Callable[[], AbstractContextManager[None]]

PENDING, SYNCED = INTENT.rsplit("/", 1)[-1], INTENT_SYNCED.rsplit("/", 1)[-1]
EFFORT = Effort(crashes=24, nested_every=6, nested_crashes=6, after_faults=4)
IN_EACH_RECOVERY = Effort(crashes=64, nested_every=1, nested_crashes=24, after_faults=16)
FOLDERS = ("_derived", "alpha", "single", "set", "_registry", "_snapshots", "_events", "_archived")


shows = cast(property, vars(intent.Intent)["shows"]).fget


def skip(which: Callable[[Step], bool]) -> Mutation:
    return lambda: leaving_out(which)


def code(function: object, old: str, new: str, times: int = 1) -> Mutation:
    return lambda: rewritten(function, (old, new), times=times)


# What is left out -> how, and changes whose search finds it: the last one is searched, on a dataset after the others.
IN_COMMITS: dict[str, tuple[Mutation, tuple[str, ...]]] = {
    "sync of staged files": (
        skip(lambda s: s.kind == "sync" and STAGED.fullmatch(s.name) is not None),
        ("write_part",),
    ),
    "sync of the intent": (skip(lambda s: s.kind == "sync" and s.name.startswith(".intent-")), ("append",)),
    "sync of the folder of staged files and the intent": (
        skip(lambda s: s.kind == "sync_dir" and s.last_target == PENDING),
        ("append",),
    ),
    "sync of the log": (
        skip(lambda s: s.kind == "sync" and s.name == EVENTS and s.last_kind == "write"),
        ("append",),
    ),
    "sync of the intent's synced name": (
        skip(lambda s: s.kind == "sync_dir" and s.last_target == SYNCED),
        ("log_event",),
    ),
    "the same where files are set aside": (
        skip(lambda s: s.kind == "sync_dir" and s.last_target == SYNCED),
        ("write_part", "compact"),
    ),
    "the same where files are removed": (
        code(shows, " and not self.removes", ""),
        ("write_part", "materialize_dropping"),
    ),
    "the same where files are set aside beside others": (
        code(shows, " and not self.moves", ""),
        ("write_part", "materialize"),
    ),
    "telling by a file that has its name that an event counts": (
        code(intent.read_intent_as_counted, "_is_begun(fs, dataset, intent)", "False"),
        ("append",),
    ),
    "looking for the event of a file that has its name": (
        code(
            intent._is_begun,
            "return log.read_at(intent.log_offset, len(intent.event_bytes)) == intent.event_bytes",
            "return True",
        ),
        ("write_part",),
    ),
    "sync of a parent after mkdir": (
        skip(lambda s: s.kind == "sync_dir" and s.last_kind == "mkdir"),
        ("first_part",),
    ),
    "sync of the folders that files get their names in": (
        skip(lambda s: s.kind == "sync_dir" and s.last_kind != "mkdir" and s.name in FOLDERS),
        ("append",),
    ),
    "cutting the log back after a failed write": (
        code(journal._take_back, "log.truncate(intent.log_offset)", "pass"),
        ("append",),
    ),
    "sync of the log after cutting it back": (
        code(journal._take_back, "log.sync()", "pass"),
        ("append",),
    ),
    "keeping staged files that an intent names": (
        code(journal.commit, "staging.keep(intent.publishes)", "pass"),
        ("append",),
    ),
    "files get their names before the event is written": (
        code(
            journal.commit,
            "_write_events(fs, dataset, intent)",
            "apply(fs, dataset, intent, again=False); _write_events(fs, dataset, intent)",
        ),
        ("append",),
    ),
    "the intent goes before files have their names": (
        code(
            journal.commit,
            "apply(fs, dataset, intent, again=False)\n        fs.unlink(dataset / INTENT_SYNCED)",
            "fs.unlink(dataset / INTENT_SYNCED)\n        apply(fs, dataset, intent, again=False)",
        ),
        ("transaction",),
    ),
    "the event is written before the intent": (
        code(
            journal.commit,
            "_write_intent(fs, dataset, intent)",
            "_write_events(fs, dataset, intent); _write_intent(fs, dataset, intent)",
        ),
        ("append",),
    ),
    "readers are told before the event is on the disk": (
        code(
            journal.commit,
            "_write_events(fs, dataset, intent)\n    _tell_readers(fs, dataset, intent)",
            "_tell_readers(fs, dataset, intent)\n    _write_events(fs, dataset, intent)",
        ),
        ("append",),
    ),
    "a commit that readers may not count is taken for a success": (
        code(journal._tell_readers, "        raise _not_told", "        if False: raise _not_told"),
        ("log_event",),
    ),
    "the same where no file of it has its name yet": (
        code(journal._keep_told, "        raise _not_told", "        if False: raise _not_told"),
        ("append",),
    ),
    "readers are told in full where files cannot get their names": (
        code(journal.commit, "_keep_told(fs, dataset, intent)", "pass"),
        ("append",),
    ),
    "a killed init's folders are trusted": (
        code(init.prepare_folder, ", sure_below=store.root", ""),
        ("init",),
    ),
    "a killed init's log is trusted": (
        code(
            init.prepare_folder,
            "store.fs.sync_dir(store.dir)",
            "store.fs.list(store.dir)",
        ),
        ("init",),
    ),
    "a write that takes less than all is not continued": (
        code(filesystem.write_all, "while done < len(data):", "if done < len(data):"),
        ("append",),
    ),
}
IN_ORDER: dict[str, tuple[Mutation, tuple[str, ...]]] = {
    "the log is cut back before the intent goes": (
        code(
            journal._write_events,
            "        if log is not None and begun:",
            "        fs.unlink(dataset / INTENT)\n        if log is not None and begun:",
        ),
        ("append",),
    ),
    "files are set aside before others get their names": (
        lambda: rewritten(
            journal.apply,
            (
                "    touched: dict[Path, None] = {}\n",
                "    touched = {}\n"
                "    for publish in () if again else intent.publishes:\n"
                "        make_dirs(fs, (dataset / publish.target).parent)\n"
                "        fs.rename(dataset / publish.staged, dataset / publish.target)\n",
            ),
            (
                "if not again or fs.stat(dataset / publish.staged) is not None:",
                "if fs.stat(dataset / publish.staged) is not None:",
            ),
        ),
        ("attach", "dedupe"),
    ),
    "files are removed before others get their names": (
        lambda: rewritten(
            journal.apply,
            ("for remove in intent.removes:", "for remove in ():"),
            (
                "    for folder in touched:\n",
                "    for remove in intent.removes:\n"
                "        with contextlib.suppress(FileNotFoundError):\n"
                "            fs.unlink(dataset / remove.target)\n"
                "        touched[(dataset / remove.target).parent] = None\n"
                "    for folder in touched:\n",
            ),
        ),
        ("write_part", "materialize_dropping"),
    ),
    "the base gets its name before overlays get theirs": (
        code(journal.apply, "sorted(intent.publishes, key=_base_first)", "intent.publishes"),
        ("transaction",),
    ),
    "recovery gives the base its name first": (
        code(journal.apply, "key=_base_first", "key=_base_first, reverse=again"),
        ("transaction",),
    ),
    "the folder that a file gets its name in is synced": (
        code(journal.apply, "        touched[target.parent] = None\n", ""),
        ("write_part",),
    ),
    "the folder that a file is removed from is synced": (
        code(journal.apply, "        touched[(dataset / remove.target).parent] = None\n", ""),
        ("attach", "remove"),
    ),
    "what dead writers staged goes after the intent was settled": (
        code(
            journal.recover,
            "    done: list[str] = []\n",
            "    done: list[str] = []\n    remove_dead_staging(fs, dataset, fs.names(dataset / PRIVATE))\n",
        ),
        ("append",),
    ),
}
IN_RECOVERY: dict[str, tuple[Mutation, tuple[str, ...]]] = {
    "writing the event's bytes again": (
        code(
            journal._landed,
            "write_all(log, intent.log_offset, intent.event_bytes)",
            "()",
        ),
        ("append",),
    ),
    "syncing the log": (
        code(journal._landed, "log.sync()\n        elif", "pass\n        elif"),
        ("append",),
    ),
    "cutting off an event that did not land": (
        code(journal._landed, "log.truncate(intent.log_offset)", "pass"),
        ("append",),
    ),
    "syncing the intent's synced name": (
        code(journal._settle, "fs.sync_dir(dataset / PRIVATE)", "pass"),
        ("write_part", "compact"),
    ),
    "syncing folders that a killed writer made": (
        code(journal.apply, "sure_below=dataset if again else None", "sure_below=None", times=2),
        ("first_part",),
    ),
    "syncing such folders before anything is moved into them": (
        lambda: rewritten(
            journal.apply,
            ("for move in intent.moves:", "for move in intent.moves and []:"),
            (
                "        make_dirs(fs, target.parent, sure_below=dataset if again else None)\n        if not again or "
                "fs.stat(dataset / publish",
                "        make_dirs(fs, target.parent)\n        if not again or fs.stat(dataset / publish",
            ),
            (
                "    for folder in touched:\n",
                "    for folder in touched:\n"
                "        make_dirs(fs, folder, sure_below=dataset if again else None)\n",
            ),
        ),
        ("first_part",),
    ),
    "syncing the log after cutting it": (
        code(
            journal._landed,
            "log.truncate(intent.log_offset)\n            log.sync()",
            "log.truncate(intent.log_offset)",
        ),
        ("append",),
    ),
    "syncing the folders that files get their names in": (
        code(journal.apply, "fs.sync_dir(folder)", "_ = again or fs.sync_dir(folder)"),
        ("append",),
    ),
    "seeing that a file has its name already": (
        code(journal.apply, "if not again or fs.stat(dataset / publish.staged) is not None:", "if True:"),
        ("write_part",),
    ),
    "seeing that a file was moved already": (
        code(journal.apply, "if not again or fs.stat(target) is None:", "if True:"),
        ("write_part", "compact"),
    ),
    "seeing that a file was removed already": (
        code(journal.apply, "with contextlib.suppress(FileNotFoundError):", "with contextlib.nullcontext():"),
        ("attach", "remove"),
    ),
    "seeing that the log was archived already": (
        code(journal._log_was_moved, "return any(", "return False and any("),
        ("archive_log",),
    ),
    "removing half an intent": (
        code(journal.recover, 'name.startswith(".intent-")', "False"),
        ("append",),
    ),
    "removing what dead writers staged": (
        code(journal.recover, "dead = remove_dead_staging(fs, dataset, private)", "dead = 0"),
        ("append",),
    ),
    "sparing what live writers staged": (
        code(
            staging._remove_if_dead,
            "lease is not None and not lease.try_lock()",
            "lease is not None and False",
        ),
        ("append",),
    ),
    "noticing that a lease was removed before it was locked": (
        code(
            staging._take_lease,
            "there is not None and (there.device, there.inode) == (here.device, here.inode)",
            "here or there",
        ),
        ("append",),
    ),
}
RECORDED: dict[str, Callable[[World], Recording]] = {
    "base rewritten": lambda world: write_one_after_the_other(("materialize", "dedupe"), world),
    "log archived": lambda world: write_one_after_the_other(("archive_log", "append"), world),
    "failed write": lambda world: fail_then_write("transaction", "sync", world),
}
# What is left out -> how, the writers beside whom a reader does wrong without it, and which reader.
IN_READERS: dict[str, tuple[Mutation, str, str]] = {
    "looking at the pending intent first": (
        code(
            intent.read_intent,
            "((INTENT, False), (INTENT_SYNCED, True))",
            "((INTENT_SYNCED, True), (INTENT, False))",
        ),
        "base rewritten",
        "version",
    ),
    "looking at the log again after opening": (
        code(version.open_version, "_same(log, committed_log_end(fs, dataset))", "True"),
        "base rewritten",
        "version",
    ),
    "counting a synced intent as done": (
        code(
            version._try_pin, "log.intent if log.intent is not None and log.intent.synced else None", "None"
        ),
        "base rewritten",
        "version",
    ),
    "taking a file that is gone meanwhile for a change": (
        code(version._open, "with contextlib.suppress(FileNotFoundError):", "if True:"),
        "failed write",
        "version",
    ),
    "leaving out what a synced intent sets aside": (
        code(
            version._count_as_done,
            "paths[:] = [p for p in paths if not",
            "paths[:] = [p for p in paths if p or not",
        ),
        "base rewritten",
        "version",
    ),
    "opening a replaced overlay again": (
        code(version._open_kept, 'not is_part(path.rsplit("/", 1)[-1])', "False"),
        "base rewritten",
        "version",
    ),
    "seeing that no staged file has its name yet": (
        code(
            intent._is_begun,
            "    if all(fs.stat(dataset / publish.staged) is not None for publish in intent.publishes):\n        return False\n",
            "",
        ),
        "failed write",
        "follower",
    ),
    "looking at the files before it looks at the log": (
        lambda: rewritten(
            intent._is_begun,
            (
                "    if all(fs.stat(dataset / publish.staged) is not None for publish in intent.publishes):\n        return False\n",
                "",
            ),
            (
                "== intent.event_bytes",
                "== intent.event_bytes and not all(fs.stat(dataset / p.staged) is not None for p in intent.publishes)",
            ),
        ),
        "failed write",
        "follower",
    ),
    "leaving out what a pending intent writes": (
        code(visibility._committed, "min(seen.size, bound)", "seen.size"),
        "base rewritten",
        "version",
    ),
    "noticing that what was read was taken back": (
        code(
            visibility._committed,
            "not _is_whole(last) or log.read_at(last.offset, len(last.raw)) != last.raw",
            "False",
        ),
        "two failures",
        "follower",
    ),
    "seeing what is staged before it lists files": (
        code(
            _files._consistent_files,
            "[p for p in intent.publishes if store.fs.stat(store.path(p.staged))] if intent is not None else []",
            "list[Publish]()",
        ),
        "failed write",
        "files",
    ),
    "counting what a synced intent sets aside as moved": (
        code(_files._with_renames_done, "found[target], places[target] = found.pop(path), path", "pass"),
        "base rewritten",
        "files",
    ),
    "noticing that a file was renamed while it listed them": (
        code(_files._consistent_files, "files_on_disk(store.fs, store) == found", "True"),
        "base rewritten",
        "files",
    ),
    "noticing that a file was set aside before it was opened": (
        code(_files.FilesNow.opened, "moved and store.fs.stat(store.path(path)) is not None", "False"),
        "base rewritten",
        "files",
    ),
    "finding the log while it is archived": (
        code(visibility._staged_log, "intent is not None and intent.synced", "False"),
        "log archived",
        "version",
    ),
}


IN_DAMAGE: dict[str, Mutation] = {
    "seeing whether a file is there that has no staged one": code(
        journal._published, "found is None or found.size != publish.bytes", "False"
    ),
    "comparing its size": code(
        journal._published, "found.size != publish.bytes", "publish.sha256 is None and False"
    ),
    "comparing its content": code(journal._published, "publish.sha256 is None or", "True or"),
    "seeing whether what was to be moved is anywhere": code(
        journal.apply, "if again and fs.stat(dataset / move.source) is None:", "if False:"
    ),
}


def search(names: tuple[str, ...], effort: Effort) -> Tally:
    tally = Tally(stop_after=1)
    with repeatable_ids():
        world = prepared(*names[:-1]) if names != ("init",) else new_world()
        Search(world, names[-1], tally, effort).run()
    return tally


@pytest.mark.parametrize(
    ("mutation", "names", "effort"),
    [
        *[(*each, EFFORT) for each in (*IN_COMMITS.values(), *IN_ORDER.values())],
        *[(*each, IN_EACH_RECOVERY) for each in IN_RECOVERY.values()],
    ],
    ids=[*IN_COMMITS, *IN_ORDER, *IN_RECOVERY],
)
def test_the_search_finds_out_that_a_commit_or_recovery_lacks(
    mutation: Mutation, names: tuple[str, ...], effort: Effort, note: Callable[[str, int], None]
) -> None:
    with mutation(), pytest.raises((TooManyViolations, SequencesError, OSError)):
        search(names, effort)
    note("mutants caught", 1)


@pytest.mark.parametrize("mutation", IN_DAMAGE.values(), ids=IN_DAMAGE)
def test_lost_files_show_that_recovery_lacks(mutation: Mutation, note: Callable[[str, int], None]) -> None:
    with repeatable_ids():
        states = [committed_and_lost(name) for name in LOSABLE]
    found = 0
    with mutation():
        for state in states:
            try:
                recover_now(state)
            except CorruptFileError:
                continue
            except OSError:
                pass
            found += 1
    assert found
    note("mutants caught", 1)


@pytest.mark.parametrize(("mutation", "writers", "reader"), IN_READERS.values(), ids=IN_READERS)
def test_the_interleavings_find_out_that_a_reader_lacks(
    mutation: Mutation, writers: str, reader: str, note: Callable[[str, int], None]
) -> None:
    with repeatable_ids():
        world = prepared("write_part", "attach", "append")
        with mutation():
            found = (
                any(problems_of_follower(*each)[0] for each in two_failures(world))
                if writers == "two failures"
                else look_at_all(
                    RECORDED[writers](world), random=Random(1), most=1500, checks=[reader], enough=1
                )[1]
            )
    assert found
    note("mutants caught", 1)
