"""The verbs on a dataset, one a file; the facade loads each when it is first called."""

from typing import TYPE_CHECKING

from dnadesign.usr.contract.lazily import modules_of

if TYPE_CHECKING:
    from dnadesign.usr.operations import _artifacts as _artifacts
    from dnadesign.usr.operations import _mutation as _mutation
    from dnadesign.usr.operations import _scan as _scan
    from dnadesign.usr.operations import archive_events as archive_events
    from dnadesign.usr.operations import artifacts as artifacts
    from dnadesign.usr.operations import attach as attach
    from dnadesign.usr.operations import compact as compact
    from dnadesign.usr.operations import coverage as coverage
    from dnadesign.usr.operations import dedupe as dedupe
    from dnadesign.usr.operations import describe as describe
    from dnadesign.usr.operations import export as export
    from dnadesign.usr.operations import freeze as freeze
    from dnadesign.usr.operations import grep as grep
    from dnadesign.usr.operations import import_file as import_file
    from dnadesign.usr.operations import ingest as ingest
    from dnadesign.usr.operations import init as init
    from dnadesign.usr.operations import manifest as manifest
    from dnadesign.usr.operations import materialize as materialize
    from dnadesign.usr.operations import merge_from as merge_from
    from dnadesign.usr.operations import overlay_parts as overlay_parts
    from dnadesign.usr.operations import read as read
    from dnadesign.usr.operations import recover as recover
    from dnadesign.usr.operations import register as register
    from dnadesign.usr.operations import remove as remove
    from dnadesign.usr.operations import snapshot as snapshot
    from dnadesign.usr.operations import state as state
    from dnadesign.usr.operations import summarise as summarise
    from dnadesign.usr.operations import tail_events as tail_events
    from dnadesign.usr.operations import tombstone as tombstone
    from dnadesign.usr.operations import tool_event as tool_event
    from dnadesign.usr.operations import validate as validate
    from dnadesign.usr.operations import verify_events as verify_events
else:
    __getattr__ = modules_of(__name__)
