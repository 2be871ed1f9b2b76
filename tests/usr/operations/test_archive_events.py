"""A log that is begun anew is the log that it replaces, to those who may read and write it too."""

from dnadesign.usr import Dataset
from tests.usr.conftest import add


def test_the_new_log_keeps_the_mode_of_the_one_that_it_replaces(dataset: Dataset) -> None:
    add(dataset, "ACGT")
    dataset.events_path.chmod(0o604)

    dataset.archive_events(maintenance=True)

    assert dataset.events_path.stat().st_mode & 0o777 == 0o604
    (segment,) = (dataset.dir / "_events").iterdir()
    assert segment.stat().st_mode & 0o777 == 0o604
    assert [event.action for event in dataset.events()] == ["init", "import_rows", "events_archive"]
