"""Real datasets keep their promises too: each verb is all or nothing, through crashes and errors at its operations."""

from collections.abc import Callable

import pytest

from dnadesign.usr import Dataset, register_namespace
from dnadesign.usr.storage import journal
from dnadesign.usr.storage.registry_file import load_registry
from dnadesign.usr.testing.simulated import Operation, SimulatedFileSystem
from tests.faults.changes import ROOT, empty_disk, repeatable_ids
from tests.faults.datasets import VERBS, Verb, dataset, problems_of_names, with_dataset, with_registry
from tests.faults.mutants import rewritten
from tests.faults.verb_search import Search, errors_at


def look(start: SimulatedFileSystem, verb: Verb, note: Callable[[str, int], None]) -> None:
    search = Search(start, verb)
    operations = search.crashes()
    for operation in operations[::2]:
        ways = errors_at(operation)
        where, faults = ways[operation.index % len(ways)]
        search.fault(where, faults)
    note("states of real datasets recovered and checked", len(search.states))
    assert search.problems == []
    assert len(search.states) > len(operations)


@pytest.fixture(scope="module")
def with_files() -> SimulatedFileSystem:
    return with_dataset()


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_verb_is_done_whole_or_not_at_all(
    verb: Verb, with_files: SimulatedFileSystem, note: Callable[[str, int], None]
) -> None:
    with repeatable_ids():
        look(with_files, verb, note)


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("sorted(intent.publishes, key=_base_first)", "intent.publishes", "transaction"),
        ("key=_base_first", "key=_base_first, reverse=True", "transaction"),
        ("for move in intent.moves:", "for move in ():", "materialize without deleted"),
    ],
)
def test_a_program_that_reads_files_by_their_names_shows_that_they_got_them_in_another_order(
    old: str, new: str, name: str, with_files: SimulatedFileSystem, note: Callable[[str, int], None]
) -> None:
    fs, problems = with_files.clone(), list[str]()

    def before(operation: Operation) -> None:
        if operation.kind == "rename":
            problems.extend(problems_of_names(fs.clone()))

    fs.before = before
    VERBS[name](dataset(fs))
    assert problems == []
    fs = with_files.clone()
    fs.before = before
    with rewritten(journal.apply, (old, new)):
        VERBS[name](dataset(fs))
    fs.before = None
    assert problems + problems_of_names(fs)
    note("mutants caught", 1)


def test_an_init_is_done_whole_or_not_at_all(note: Callable[[str, int], None]) -> None:
    with repeatable_ids():
        look(with_registry(), lambda found: found.init(source="test"), note)


def test_a_registration_is_made_whole_or_not_at_all_and_what_used_it_keeps_it(
    note: Callable[[str, int], None],
) -> None:
    fs, moments = with_dataset(), list[tuple[Operation, SimulatedFileSystem]]()
    old = load_registry(ROOT, fs=fs)

    def register(state: SimulatedFileSystem) -> None:
        register_namespace(ROOT, namespace="new", columns="new__x:int64", fs=state)

    def before(operation: Operation) -> None:
        if operation.changes:
            moments.append((operation, fs.clone()))

    fs.before = before
    register(fs)
    fs.before = None
    new = load_registry(ROOT, fs=fs)
    states = 0
    for _, moment in moments:
        if load_registry(ROOT, fs=moment) == new:
            relying = moment.clone()
            dataset(relying, "other").log_event("tool_ran")
            assert all(load_registry(ROOT, fs=later) == new for later in relying.crashes(most=20))
        for state in [moment, *moment.crashes(most=20)]:
            states += 1
            assert load_registry(ROOT, fs=state) in (old, new)
            register(state)
            for later in state.crashes(most=5):
                assert load_registry(ROOT, fs=later) == new
    for state in fs.crashes(most=20):
        assert load_registry(ROOT, fs=state) == new
    note("states of real datasets recovered and checked", states)


@pytest.mark.parametrize("first", ["a namespace", "a dataset"])
def test_a_root_that_a_killed_process_made_is_kept_by_whoever_uses_it(first: str) -> None:
    fs, root = empty_disk(), ROOT / "lab"
    fs.mkdir(root)  # and then it was killed
    if first == "a namespace":
        register_namespace(root, namespace="new", columns="new__x:int64", fs=fs)
    else:
        Dataset(root, "set", fs=fs).init()
    for state in fs.crashes():
        if first == "a namespace":
            assert load_registry(root, fs=state).get("new") is not None
        else:
            assert Dataset(root, "set", fs=state).info().rows == 0
