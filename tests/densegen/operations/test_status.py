"""The state of a run says of each of its shards what became of it, and which are to be started again."""

from __future__ import annotations

from dnadesign.densegen.contract.batches import Shard
from dnadesign.densegen.contract.ports import (
    COMPLETED_ACTION,
    FAILED_ACTION,
    STARTED_ACTION,
    RunNews,
    StoredDesign,
)
from dnadesign.densegen.operations.status import RunStatus, run_status
from tests.densegen.design_cases import config

MADE = config(**{"plans.0.quota": 2, "plans.1.quota": 4})
AT = "2026-01-02T03:04:05.000000Z"


def stored(plan: str, library: int, *, deleted: bool = False) -> StoredDesign:
    return StoredDesign(
        sequence=f"{plan}{library}",
        plan=plan,
        library_index=library,
        attempt_id=library,
        config_sha256="",
        deleted=deleted,
    )


def status(
    designs: list[StoredDesign], *news: RunNews, shards: int, at_work: tuple[str, ...] = ()
) -> RunStatus:
    return run_status(MADE, designs, [], shards=shards, at_work=at_work, news=news)


def test_each_shard_of_a_split_run_has_its_own_state() -> None:
    found = status(
        [stored("first", 0), stored("second", 0), stored("second", 5), stored("second", 1, deleted=True)],
        RunNews(STARTED_ACTION, "", AT, "1/5"),
        RunNews(FAILED_ACTION, "interrupted", AT, "2/5"),
        RunNews(COMPLETED_ACTION, "", AT, "0/5"),
        shards=5,
        at_work=(Shard(3, 5).name,),
    )
    assert [(part.shard, part.state, part.to_resume) for part in found.parts] == [
        ("0/5", "complete", False),
        ("1/5", "interrupted: started at 2026-01-02 03:04:05Z and ended without a word", True),
        ("2/5", "interrupted at 2026-01-02 03:04:05Z", True),
        ("3/5", "at work", False),
        ("4/5", "complete", False),  # no share of these quotas
    ]


def test_a_quota_raised_since_makes_a_shard_one_to_resume() -> None:
    news = [RunNews(COMPLETED_ACTION, "", AT, f"{index}/2") for index in range(2)]
    found = status([stored("first", 0)], *news, shards=2)
    assert [part.to_resume for part in found.parts] == [True, True]


def test_a_run_that_is_not_split_has_no_shards_to_tell_of() -> None:
    found = status([], RunNews(STARTED_ACTION, "", AT), shards=1)
    assert found.parts == ()
    assert "ended without a word" in found.stopped
