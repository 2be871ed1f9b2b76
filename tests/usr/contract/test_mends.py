"""What to do about an error, in two spellings."""

import copy

from dnadesign.usr.contract.mends import Mend, all_on_command_line, spelled


def test_a_mend_has_both_spellings_and_keeps_them() -> None:
    mend = spelled("pass {} here", ("x=True", "--x"))
    assert (mend, mend.command) == ("pass x=True here", "pass --x here")
    again = copy.copy(mend)
    assert (again, again.command) == (mend, mend.command)


def test_a_report_is_spelled_for_the_command_line_however_deep_its_mends_lie() -> None:
    mend = Mend("x=True", "--x")
    report = {"rows": 1, "notes": (mend, "as it is"), "refusals": [{"mend": mend, "name": None}]}
    assert all_on_command_line(report) == {
        "rows": 1,
        "notes": ["--x", "as it is"],
        "refusals": [{"mend": "--x", "name": None}],
    }
