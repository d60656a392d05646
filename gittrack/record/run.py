"""A run that is running: the calls that a training script makes, each written to the journal at once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING

from gittrack.errors import InvalidValue, NoActiveRun
from gittrack.model import ENDED, FINISHED, KILLED, LeftOut, Number, Start, Value
from gittrack.record.artifacts import Artifacts, local_path
from gittrack.record.ending import commit_part, reason_of
from gittrack.record.journal import Journal, opening_of
from gittrack.record.outcome import outcome
from gittrack.record.telling import warn
from gittrack.values import (
    STEP_BITS,
    check_artifact_path,
    check_key,
    check_text,
    merge_params,
    metric_step,
    metric_value,
    plain_params,
    plain_tags,
    plain_value,
    shown,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from gittrack.project import Project

# A moment before 1980 is no time of training: it is seconds where milliseconds belong.
_EARLIEST = 315_532_800.0
_LATEST = 253_402_300_800.0


class ActiveRun:
    """One running run in this process; made by start_run, ended by end_run, `with`, or the end of the process.

    The process that started a run owns it: its end is the end of the run. Other processes join it
    (forked workers, ranks, children of `gittrack run`) and only end their own part.
    """

    def __init__(
        self,
        project: Project,
        start: Start,
        journal: Journal,
        *,
        owner: bool,
        params: Callable[[], Mapping[str, Value]] = dict,
    ) -> None:
        """Wrap `journal`; `params` tells what was logged before, by other processes or before a resumption."""
        self._project = project
        self._start = start
        self._owner = owner
        self._status: str | None = None
        # Whether this process ended it. No property: gittrack.log_metric asks at every point.
        self.ended = False
        self._known_params = params
        self._params: dict[str, Value] | None = None
        self._heads: dict[str, str] = {}
        self._merging = threading.RLock()
        self._zero = monotonic() - (journal.now() - start.time)
        self._journal = journal
        self._artifacts = self._keeper()
        self._point: Callable[[str, int | None, float, Number], None] = journal.point

    def _keeper(self) -> Artifacts:
        return Artifacts(self._project, self._start.id, self._journal)

    # What it is

    @property
    def id(self) -> str:
        """The run's id: 32 hexadecimal characters."""
        return self._start.id

    @property
    def name(self) -> str:
        """The run's name."""
        return self._start.name

    @property
    def experiment(self) -> str:
        """The experiment that the run belongs to."""
        return self._start.experiment

    @property
    def status(self) -> str:
        """'running', or how this process ended the run."""
        return self._status or "running"

    @property
    def repository(self) -> str:
        """The path of the git directory that it is recorded in."""
        return self._project.repo.common_dir

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The files that differ from HEAD and are not in the snapshot, and why."""
        return self._start.code.left_out

    @property
    def params(self) -> dict[str, Value]:
        """The params that were logged so far."""
        if self._params is None:
            self._params = dict(self._known_params())
        return dict(self._params)

    def __repr__(self) -> str:
        return f"<ActiveRun {self.id[:8]} {self.name} {self.status}>"

    def __reduce__(self) -> tuple[Callable[[str, str], ActiveRun], tuple[str, str]]:
        from gittrack.record.active import join

        return join, (self.id, self.repository)

    # Numbers

    def log_metric(
        self, key: str, value: object, step: int | None = None, timestamp: float | datetime | None = None
    ) -> None:
        """Log one value of a metric; it survives the death of the process when this returns.

        `value` is any one number, numpy and torch scalars included, NaN and infinities too. Steps may be
        absent, repeated or out of order. `timestamp`: a datetime, float seconds, or integer milliseconds
        since the epoch. Raises InvalidValue for anything else.
        """
        try:
            head = self._heads[key]
        except (KeyError, TypeError):  # a new one, or of a type that names nothing
            head = self._head(key)
        if type(value) is not float:
            value = metric_value(key, value)
        if step is not None and (type(step) is not int or step.bit_length() > STEP_BITS):
            step = metric_step(key, step)
        self._point(
            head,
            step,
            monotonic() - self._zero if timestamp is None else self._seconds(timestamp),
            value,
        )

    def log_metrics(
        self, metrics: Mapping[str, object], step: int | None = None, timestamp: float | datetime | None = None
    ) -> None:
        """Log several metrics at one step; nothing is logged when one of them is no number."""
        if not isinstance(metrics, Mapping):
            raise InvalidValue(f"log_metrics takes a mapping of names to numbers, not {type(metrics).__name__}")
        checked: list[tuple[str, Number]] = [
            (self._head(key), metric_value(key, value)) for key, value in metrics.items()
        ]
        step = metric_step(next(iter(metrics), ""), step)
        seconds = monotonic() - self._zero if timestamp is None else self._seconds(timestamp)
        for head, value in checked:
            self._point(head, step, seconds, value)

    def _head(self, key: str) -> str:
        checked = check_key("metric", key)
        head = self._heads.get(checked)
        if head is None:
            from gittrack.capture.redact import redact_shapes

            head = self._heads[checked] = f"m\t{redact_shapes(checked)}\t"
        return head

    def _seconds(self, timestamp: float | datetime) -> float:
        try:
            if isinstance(timestamp, (int, float)) and not isinstance(timestamp, bool):
                moment = timestamp / 1000 if isinstance(timestamp, int) else float(timestamp)
            else:
                moment = float(timestamp.timestamp())  # type: ignore[union-attr]
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise InvalidValue(
                f"a timestamp is a datetime, float seconds or int milliseconds, not {shown(timestamp)}"
            ) from None
        if not _EARLIEST <= moment < _LATEST:
            raise InvalidValue(
                f"timestamp {shown(timestamp)} lies before 1980 or after 9999; "
                "give milliseconds (int) or seconds (float)"
            )
        return moment - self._start.time

    # Params, tags, text

    def log_param(self, key: str, value: object) -> object:
        """Log one param and return `value`; ParamConflict when it is set to something else."""
        self.log_params({check_key("param", key): value})
        return value

    def log_params(self, params: object) -> None:
        """Log params: a mapping of names to plain values, nested mappings and lists, numpy scalars.

        An argparse.Namespace or a dataclass stands for its fields. Secrets are redacted. Raises
        InvalidValue for a value that cannot be kept exactly, ParamConflict for one that would change.
        """
        from gittrack.capture.redact import redact_mapping

        plain = redact_mapping(plain_params(params))
        with self._merging:
            self._params = merge_params(self.params, plain)
            self._event("params", params=plain)

    def set_tag(self, key: str, value: object) -> None:
        """Set a tag, replacing its value."""
        self.set_tags({check_key("tag", key): value})

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set several tags."""
        from gittrack.capture.redact import redact_tag

        self._event("tags", tags=dict(redact_tag(key, value) for key, value in plain_tags(tags).items()))

    def set_description(self, text: str) -> None:
        """Set the run's description."""
        from gittrack.capture.redact import redact_text

        self._event("set", description=redact_text(check_text("a description", text, lines=True)))

    def add_warning(self, sentence: str) -> None:
        """Keep a remark in the run about something that could not be recorded as it was meant."""
        from gittrack.capture.redact import redact_text

        self._event("warning", text=redact_text(check_text("a warning", sentence, lines=True)))

    def adopt(self, name: str | None, experiment: str | None) -> None:
        """Give a run that was joined or resumed the name and experiment that were asked for."""
        from gittrack.capture.redact import redact_text

        facts = {"name": name, "experiment": experiment}
        self._event("set", **{key: redact_text(value) for key, value in facts.items() if value})

    def _event(self, kind: str, /, **facts: object) -> None:
        self._check_open()
        self._journal.event(kind, **facts)

    def _check_open(self) -> None:
        if self._status is not None:
            raise NoActiveRun(f"run {self.id[:8]} has ended; go on with it by start_run(run_id={self.id!r})")

    # Files

    def log_text(self, text: str, artifact_file: str) -> None:
        """Keep `text` as the artifact `artifact_file`, such as 'notes/summary.txt'."""
        if not isinstance(text, str):
            raise InvalidValue(f"log_text keeps text, not {type(text).__name__}")
        try:
            data = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise InvalidValue("the text holds half of a UTF-16 pair and cannot be written as UTF-8") from None
        self._artifacts.keep_bytes(data, artifact_file)

    def log_dict(self, dictionary: object, artifact_file: str) -> None:
        """Keep plain values as the artifact `artifact_file`: JSON, or YAML where it ends in .yaml or .yml."""
        check_artifact_path(artifact_file)
        value = plain_value(artifact_file, dictionary, what="value")
        if artifact_file.endswith((".yaml", ".yml")):
            import yaml

            text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
        else:
            import json

            text = json.dumps(value, indent=2, ensure_ascii=False)
        self.log_text(text, artifact_file)

    def log_figure(self, figure: object, artifact_file: str) -> None:
        """Keep a figure of matplotlib, plotly, bokeh's or PIL's kind as `artifact_file`; its ending is the format."""
        from gittrack.record.figures import figure_bytes

        self._artifacts.keep_bytes(figure_bytes(figure, artifact_file), artifact_file)

    def log_artifact(self, local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Keep a copy of a file, of any size, or of all files of a directory, as it is now.

        `artifact_path` is the folder among the artifacts that it goes into.
        """
        self._artifacts.keep_path(local_path, artifact_path)

    def log_artifacts(self, local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Keep a copy of every file below `local_dir`, in the folder `artifact_path` among the artifacts."""
        self._artifacts.keep_tree(local_dir, artifact_path)

    def log_input(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        *,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        """Record data that the run reads, a file or a directory: its content's hash and size, not a copy.

        `progress` is called with the bytes done and the bytes in all. InvalidValue when there is no such file.
        """
        from gittrack.codec.record import input_to_plain
        from gittrack.record.inputs import take_input

        self._check_open()
        item = take_input(self._project, self._start.code.tree, local_path(path), name, progress)
        self._event("input", **input_to_plain(item))

    # The end

    def flush(self) -> None:
        """Make everything logged so far safe from a power cut when this returns; a fault is a warning."""
        self._check_open()
        self._artifacts.retry()
        if not self._journal.sync():
            warn(f"run {self.id[:8]} is not yet safe from a power cut: {reason_of(self._journal)}")

    def end(self, status: str = FINISHED, error: str | None = None) -> None:
        """End the run and commit it; an I/O fault is a warning and leaves it in the journal for later."""
        if self._status is not None:
            return
        if status not in ENDED:
            raise InvalidValue(f"a run ends as one of {', '.join(ENDED)}, not {status!r:.40}")
        with self._artifacts.lock:
            self._end(status, error)

    def _end(self, status: str, error: str | None) -> None:
        from gittrack.record.active import forget

        missing = self._artifacts.retry()
        self._status = status
        self.ended = True
        self._point = _ended_point(self.id)
        forget(self)
        if missing:
            warn(f"run {self.id[:8]} ends without {len(missing)} artifacts that could not be kept: {missing[0]!r}")
        if self._owner:
            from gittrack.codec.times import write_time

            end = self._start.time + (monotonic() - self._zero)
            self._journal.last_event("end", status=status, end=write_time(end), error=error)
        elif self._journal.segment:
            self._journal.last_event("close", status=status, error=error)
        commit_part(self._project, self.id, self._journal, owner=self._owner)

    def __enter__(self) -> ActiveRun:  # noqa: PYI034 - typing.Self needs Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(*outcome(error))

    def continue_in_child(self) -> None:
        """After a fork, in the child: write to an own segment and never end the parent's run."""
        self._owner = False
        self._merging = threading.RLock()
        self._artifacts = self._keeper()
        self._journal.continue_in_child(opening_of(self.id, owner=False))

    def interrupt(self, status: str = KILLED) -> None:
        """End the run from a signal handler, after which the process dies."""
        self._journal.restart()
        self.end(status)


def _ended_point(run_id: str) -> Callable[[str, int | None, float, Number], None]:
    def refuse(_head: str, _step: int | None, _seconds: float, _value: Number) -> None:
        raise NoActiveRun(f"run {run_id[:8]} has ended; go on with it by start_run(run_id={run_id!r})")

    return refuse
