"""A run that is running as the files that its commit would have now: what a heartbeat sends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gittrack.codec import paths
from gittrack.codec.record import record_to_plain
from gittrack.codec.text import to_yaml
from gittrack.model import RUNNING
from gittrack.record.assemble import assemble
from gittrack.record.folder import is_live, read_segments
from gittrack.record.publish import with_companions
from gittrack.replay import fold

if TYPE_CHECKING:
    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.record.publish import Files


def is_running(project: Project, run_id: str) -> bool:
    """Whether a process of this machine writes to the journal of the run."""
    return is_live(project.journal_of(run_id))


def running_files(project: Project, run_id: str) -> tuple[Run, Files] | None:
    """Return a run as its journal tells it, and its files by their path on the branch, but for artifacts.

    None where the journal says that it has ended, or does not say how it began.
    """
    directory = project.journal_of(run_id)
    assembly = assemble(run_id, read_segments(directory))
    if assembly.ended or assembly.record.start is None:
        return None
    bare = replace(assembly, record=replace(assembly.record, status=RUNNING, end=None, artifacts=()))
    record, beside = with_companions(directory, bare, bare.record)
    folder = paths.run_directory(run_id)
    files: Files = {f"{folder}/{path}": content for path, content in beside.items()}
    files[f"{folder}/{paths.RECORD}"] = to_yaml(record_to_plain(record))
    files |= {paths.FORMAT_FILE: paths.format_file(), paths.README_FILE: paths.readme_file()}
    return fold([record]), files
