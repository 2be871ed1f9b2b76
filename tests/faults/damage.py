"""What no crash does: a committed change of which the staged files are gone before they got their names."""

from dnadesign.usr.contract.layout import INTENT
from dnadesign.usr.testing.simulated import Operation, SimulatedFileSystem
from tests.faults.changes import DATASET, perform
from tests.faults.enumeration import prepared

INTENT_NAME = INTENT.rsplit("/", 1)[-1]

# Changes whose target is not there, is an older and smaller file, or is an older one of the same size.
LOSABLE = ("write_part", "compact_to_part", "promote", "append", "attach")


def committed_and_lost(name: str) -> SimulatedFileSystem:
    """A dataset whose last change is committed, and neither what it moves nor what it publishes is anywhere."""
    world = prepared("write_part", "attach")
    moments: list[SimulatedFileSystem] = []

    def before(operation: Operation) -> None:
        if operation.kind == "rename" and operation.path.name == INTENT_NAME:
            moments.append(world.fs.clone())

    world.fs.before = before
    plan = world.plan(name)
    perform(world.fs, name, plan, files=world.files, number=world.number)
    state = moments[0]
    sources = [source for source, _ in plan.moves]
    for path, content in sorted(state.files(DATASET).items(), reverse=True):
        if any(path.startswith(s) for s in sources) or path.startswith(".usr/."):
            (state.unlink if content is not None else state.rmdir)(DATASET / path)
    return state
