"""Libraries: a pure function of (seed, plan, index) that keeps the plan's requirements."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dnadesign.densegen.contract.config import LibrarySection
from dnadesign.densegen.contract.parts import Library, Part, Pool
from dnadesign.densegen.operations.libraries import plan_pool, sample_library
from tests.densegen.design_cases import config, other_strand, pools, site_rows

STRATEGIES = st.sampled_from(["balanced", "coverage", "uniform"])


def library(index: int, *, seed: int = 3, plan: str = "first", **spec: object) -> Library:
    section = LibrarySection.model_validate({"size": 6, **spec})
    return sample_library(pools(config())[plan], section, seed=seed, index=index, double_strand=True)


@given(index=st.integers(0, 10**6), seed=st.integers(0, 2**63 - 1), strategy=STRATEGIES)
def test_a_library_is_the_same_whenever_it_is_drawn(index: int, seed: int, strategy: str) -> None:
    assert library(index, seed=seed, strategy=strategy) == library(index, seed=seed, strategy=strategy)


@given(index=st.integers(0, 10**6), strategy=STRATEGIES, size=st.integers(2, 16))
def test_a_library_has_its_size_no_site_twice_and_what_the_plan_requires(
    index: int, strategy: str, size: int
) -> None:
    drawn = library(index, strategy=strategy, size=size)
    sequences = [part.sequence for part in drawn.sites]
    assert len(drawn.sites) == size
    assert len({min(one, other_strand(one)) for one in sequences}) == size
    assert {"F0", "F1"} <= {part.tf for part in drawn.sites}
    assert [part.sequence for part in drawn.fixed] == ["TTGACA", "TATAAT"]


@given(index=st.integers(0, 10**6), strategy=STRATEGIES, cap=st.integers(1, 3))
def test_no_factor_gets_more_than_its_cap(index: int, strategy: str, cap: int) -> None:
    counts = Counter(part.tf for part in library(index, strategy=strategy, size=16, max_per_tf=cap).sites)
    assert max(counts.values()) <= cap


def test_neighbouring_libraries_differ() -> None:
    assert len({library(index).sha256 for index in range(50)}) == 50


def test_coverage_offers_every_site_equally_often() -> None:
    offered = Counter(
        (part.tf, part.sequence)
        for index in range(4)
        for part in library(index, strategy="coverage", size=6, plan="second").sites
    )
    assert len(offered) == len(site_rows())
    assert set(offered.values()) == {1}


def test_a_site_that_equals_a_fixed_element_is_not_offered_beside_it() -> None:
    rows = [("F0", "TATAAT"), ("F0", "ATTATA"), ("F0", "CCCGGG"), ("F1", "GGGAAA"), ("F2", "ACACAC")]
    made = config()
    whole = Pool(tuple(Part(tf=tf, sequence=sequence) for tf, sequence in rows))
    source = plan_pool(made.plans[0], {"sites": whole})
    for index in range(20):
        drawn = sample_library(source, made.library, seed=1, index=index, double_strand=True)
        assert {part.sequence for part in drawn.sites} == {"CCCGGG", "GGGAAA", "ACACAC"}
