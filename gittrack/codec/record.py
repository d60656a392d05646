"""One record as a mapping of plain values, and that mapping as YAML: run.yaml and the files below later/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.codec.fields import Fields
from gittrack.codec.paths import METRICS, OUTPUT, check_id, metric_stem, parse_later
from gittrack.codec.times import write_time
from gittrack.errors import DamagedRecord, InvalidValue
from gittrack.model import (
    DEFAULT_EXPERIMENT,
    STATUSES,
    Artifact,
    Author,
    Code,
    Environment,
    Input,
    Launch,
    LeftOut,
    MetricSummary,
    Note,
    Record,
    Start,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Plain = dict[str, object]


def _present(**entries: object) -> Plain:
    """The entries that say something."""
    return {key: value for key, value in entries.items() if value not in (None, "", (), [], {})}


def _author(author: Author | None) -> Plain | None:
    return None if author is None else {"name": author.name, "email": author.email}


def launch_to_plain(launch: Launch) -> Plain:
    """Return the mapping for how a run came to be."""
    return _present(
        wrapped=launch.wrapped or None,
        params=list(launch.params),
        inputs=list(launch.inputs),
        metrics=list(launch.metrics),
        artifacts=list(launch.artifacts),
        ordinal=launch.ordinal or None,
        worker=launch.worker or None,
    )


def _left_out(item: LeftOut) -> Plain:
    return {"path": item.path, "why": item.why, **_present(size=item.size or None)}


def start_to_plain(start: Start) -> Plain:
    """Return the mapping for what is known at the start; the packages have a file of their own."""
    code, env = start.code, start.environment
    return {
        "id": start.id,
        "name": start.name,
        "experiment": start.experiment,
        **_present(parent=start.parent, reproduces=start.reproduces),
        "start": write_time(start.time),
        **_present(author=_author(start.author), host=start.host, user=start.user, command=list(start.command)),
        **_present(launch=launch_to_plain(start.launch)),
        "code": {
            "commit": code.commit,
            "branch": code.branch,
            "dirty": code.dirty,
            **_present(tree=code.tree, snapshot=code.snapshot, left_out=[_left_out(item) for item in code.left_out]),
            **_present(remote=code.remote, entry=code.entry, directory=code.directory),
        },
        **_present(
            environment=_present(
                python=env.python,
                implementation=env.implementation,
                platform=env.platform,
                machine=env.machine,
                cpu=env.cpu,
                cpu_count=env.cpu_count,
                gpus=list(env.gpus),
                cuda=env.cuda,
                driver=env.driver,
                locks=dict(env.locks),
                variables=dict(env.variables),
            )
        ),
    }


def record_to_plain(record: Record) -> Plain:
    """Return the mapping that is written for `record`, in the order in which a person reads it."""
    plain: Plain = {}
    if record.start is not None:
        plain |= start_to_plain(record.start)
    if record.part is not None:
        plain["part"] = start_to_plain(record.part)
    plain |= _present(
        time=None if record.time is None else write_time(record.time),
        by=_author(record.author),
        name=record.name,
        experiment=record.experiment,
        status=record.status,
        end=None if record.end is None else write_time(record.end),
        error=record.error,
    )
    if record.start is not None and record.name is not None:
        plain["name"] = record.name
    if record.description is not None:
        plain["description"] = record.description
    if record.deleted is not None:
        plain["deleted"] = record.deleted
    plain |= _present(
        params=dict(record.params),
        metrics=_metrics(record.metrics),
        tags=dict(record.tags),
        inputs=[input_to_plain(item) for item in record.inputs],
        artifacts=[
            {"path": a.path, "size": a.size, "sha256": a.sha256, **_present(large=a.large or None, file=a.file)}
            for a in record.artifacts
        ],
        notes=[{"time": write_time(n.time), "text": n.text, **_present(by=_author(n.author))} for n in record.notes],
        output=len(record.output) > 0 or None,
        warnings=list(record.warnings),
        purged=list(record.purged),
        journal=list(record.journal),
    )
    return plain


def _metrics(metrics: Mapping[str, MetricSummary]) -> Plain:
    """The summaries; the file's name is told only where it is not simply the encoded name."""
    plain: Plain = {}
    for name, m in metrics.items():
        entry: Plain = {"last": m.last, "step": m.step, "min": m.min, "min_step": m.min_step}
        entry |= {"max": m.max, "max_step": m.max_step, "count": m.count}
        stem = m.files[0].rpartition("/")[2].removesuffix(".tsv") if m.files else ""
        if "~" in stem or stem != metric_stem(name):
            entry["file"] = stem
        plain[name] = entry
    return plain


def start_from_plain(fields: Fields) -> Start:
    """Return what a mapping tells of a start; DamagedRecord when it does not."""
    try:
        run_id = check_id(fields.text("id"))
    except InvalidValue as error:
        raise DamagedRecord(str(error)) from None
    time = fields.time("start")
    if time is None:
        raise DamagedRecord("'start' is missing")
    return Start(
        id=run_id,
        name=fields.need_text("name"),
        time=time,
        experiment=fields.text("experiment") or DEFAULT_EXPERIMENT,
        parent=fields.text("parent"),
        reproduces=fields.text("reproduces"),
        author=_read_author(fields, "author"),
        host=fields.text("host") or "",
        user=fields.text("user") or "",
        command=fields.texts("command"),
        launch=read_launch(fields.part("launch")),
        code=read_code(fields.part("code")),
        environment=read_environment(fields.part("environment")),
    )


def read_launch(launch: Fields) -> Launch:
    """Return what a mapping tells of how a run came to be."""
    return Launch(
        wrapped=bool(launch.truth("wrapped")),
        params=launch.texts("params"),
        inputs=launch.texts("inputs"),
        metrics=launch.texts("metrics"),
        artifacts=launch.texts("artifacts"),
        ordinal=max(0, launch.whole("ordinal") or 0),
        worker=bool(launch.truth("worker")),
    )


def read_code(code: Fields) -> Code:
    """Return what a mapping tells of the code."""
    return Code(
        commit=code.oid("commit"),
        branch=code.text("branch"),
        dirty=bool(code.truth("dirty")),
        tree=code.oid("tree"),
        snapshot=code.oid("snapshot"),
        left_out=tuple(_read_left_out(item) for item in code.parts("left_out")),
        remote=code.text("remote"),
        entry=code.text("entry"),
        directory=code.text("directory") or ".",
    )


def _read_left_out(item: Fields) -> LeftOut:
    return LeftOut(item.need_text("path"), item.text("why") or "", item.whole("size") or 0)


def read_environment(env: Fields) -> Environment:
    """Return what a mapping tells of the environment; the packages have a file of their own."""
    return Environment(
        python=env.text("python"),
        implementation=env.text("implementation"),
        platform=env.text("platform") or "",
        machine=env.text("machine") or "",
        cpu=env.text("cpu"),
        cpu_count=env.whole("cpu_count"),
        gpus=env.texts("gpus"),
        cuda=env.text("cuda"),
        driver=env.text("driver"),
        locks=env.named_oids("locks"),
        variables={k: v or "" for k, v in env.optional_texts("variables").items()},
    )


def record_from_plain(data: object, name: str) -> Record:
    """Return the record in the file `name` ('run.yaml' or 'later/….yaml' below the run's folder)."""
    fields = Fields(data, name)
    key = parse_later(name.rpartition("/")[2])
    prefix = name.removesuffix(".yaml") + "/" if key else ""
    status = fields.text("status")
    if status is not None and status not in STATUSES:
        raise DamagedRecord(f"{name}: {status!r:.40} is not a status")
    return Record(
        lamport=key[0] if key else 0,
        digest=key[1] if key else "",
        start=None if key else start_from_plain(fields),
        part=start_from_plain(fields.part("part")) if key and fields.part("part").items() else None,
        time=fields.time("time"),
        author=_read_author(fields, "by"),
        status=status,
        end=fields.time("end"),
        error=fields.text("error"),
        name=fields.text("name") if key else None,
        experiment=fields.text("experiment") if key else None,
        description=fields.text("description"),
        deleted=fields.truth("deleted"),
        params=fields.values("params"),
        tags=fields.optional_texts("tags"),
        metrics=_read_metrics(fields, prefix),
        inputs=tuple(read_input(item) for item in fields.parts("inputs")),
        artifacts=tuple(_read_artifact(item, prefix) for item in fields.parts("artifacts")),
        notes=tuple(_read_note(item) for item in fields.parts("notes")),
        output=(prefix + OUTPUT,) if fields.truth("output") else (),
        warnings=fields.texts("warnings"),
        purged=fields.oids("purged"),
        journal=fields.texts("journal"),
    )


def _read_author(fields: Fields, key: str) -> Author | None:
    part = fields.part(key)
    return Author(part.need_text("name"), part.text("email") or "") if part.items() else None


def _read_metrics(fields: Fields, prefix: str) -> dict[str, MetricSummary]:
    taken: set[str] = set()

    def read(name: str, item: Fields) -> MetricSummary:
        stem = item.text("file") or metric_stem(name)
        if "/" in stem or stem.lower() in taken:
            raise DamagedRecord(f"metric {name!r:.60}: the file name {stem!r:.60} is not allowed")
        taken.add(stem.lower())
        return read_summary(item, (f"{prefix}{METRICS}/{stem}.tsv",))

    return fields.named("metrics", read)


def read_summary(item: Fields, files: tuple[str, ...]) -> MetricSummary:
    """Return what a mapping tells of a metric whose histories are `files`."""
    return MetricSummary(
        item.need_number("last"),
        item.whole("step"),
        item.need_number("min"),
        item.whole("min_step"),
        item.need_number("max"),
        item.whole("max_step"),
        item.need_whole("count"),
        files,
    )


def input_to_plain(item: Input) -> Plain:
    """Return the mapping for data that a run read."""
    return _present(
        name=item.name,
        path=item.path,
        kind=item.kind,
        size=item.size,
        sha256=item.sha256,
        files=item.files,
        stored=item.stored,
        object=item.object,
    )


def read_input(item: Fields) -> Input:
    """Return what a mapping tells of data that a run read."""
    return Input(
        name=item.need_text("name"),
        path=item.need_text("path"),
        kind=item.text("kind") or "file",
        size=item.need_whole("size") if item.whole("size") is not None else 0,
        sha256=item.need_text("sha256"),
        files=item.whole("files") or 0,
        stored=item.text("stored"),
        object=item.kept_as("object"),
    )


def _read_artifact(item: Fields, prefix: str) -> Artifact:
    return Artifact(
        path=item.need_text("path"),
        size=item.need_whole("size"),
        sha256=item.need_text("sha256"),
        large=bool(item.truth("large")),
        prefix=prefix,
        file=item.text("file") or "",
    )


def _read_note(item: Fields) -> Note:
    return Note(text=item.need_text("text"), time=item.time("time") or 0.0, author=_read_author(item, "by"))
