from __future__ import annotations

import math
from collections import OrderedDict
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnadesign.usr.contract.errors import ValidationError
from dnadesign.usr.contract.json_values import cut_json, to_json_value


class Backend(Enum):
    CBC = "cbc"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Path("a/b"), "a/b"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2026, 11, 22, 9, 30, tzinfo=UTC), "2026-11-22T09:30:00.000000Z"),
        (date(2026, 11, 22), "2026-11-22"),
        (Backend.CBC, "cbc"),
        ((1, 2), [1, 2]),
        ({"b", "a"}, ["a", "b"]),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (np.int64(7), 7),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array(3), 3),
        (np.str_("x"), "x"),
        (2**64 - 1, 2**64 - 1),
        ("lone \udc80", "lone \\udc80"),
    ],
)
def test_a_value_with_an_exact_json_form_gets_it(value: object, plain: object) -> None:
    found = to_json_value(value, where="args")
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (math.nan, r"args.x is nan"),
        (math.inf, r"args.x is inf"),
        (np.float32("-inf"), r"args.x is -inf"),
        (2**64, r"args.x: an integer of 65 bits"),
        (-(2**63) - 1, r"args.x: an integer"),
        (b"bytes", r"args.x: a bytes"),
        (object(), r"args.x: a object"),
        (datetime(2026, 11, 22), r"args.x: time .* has no zone"),  # noqa: DTZ001 - a time without a zone is the point
        ({1: 2}, r"args.x: key 1 is a int"),
        ([{"y": [math.nan]}], r"args.x\[0\].y\[0\] is nan"),
        (np.array([1, 2]), r"args.x: a ndarray"),
    ],
)
def test_a_value_without_one_is_refused_with_its_place(value: object, where: str) -> None:
    with pytest.raises(ValidationError, match=where):
        to_json_value({"x": value}, where="args")


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(ValidationError, match="nested deeper than 32"):
        to_json_value(loop, where="args")


@given(
    values=st.dictionaries(
        st.text(), st.text(max_size=30) | st.lists(st.integers(), max_size=30), max_size=12
    ),
    characters=st.integers(0, 20),
    items=st.integers(0, 10),
)
def test_cutting_says_how_much_is_missing_and_leaves_what_fits(
    values: dict, characters: int, items: int
) -> None:
    cut = cut_json(values, characters=characters, items=items)
    assert len(cut) == min(len(values), items) + (len(values) > items)
    for name, value in list(values.items())[:items]:
        if isinstance(value, str):
            fits = len(value) <= characters
            mark = f"... [cut: {len(value) - characters} more characters]"
            assert cut[name] == (value if fits else value[:characters] + mark)
        else:
            marks = [] if len(value) <= items else [f"[cut: {len(value) - items} more items]"]
            assert cut[name] == value[:items] + marks
