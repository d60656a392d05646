"""What users hand over: values and names through the API, command lines, params and metrics files, secrets."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from gittrack.capture.arguments import entry_of, params_from_arguments
from gittrack.capture.files import parse_metric_line, read_metrics, read_params
from gittrack.capture.redact import redact_arguments, redact_mapping, redact_tag, redact_text, redact_url
from gittrack.codec.document import pack, unpack
from gittrack.errors import GittrackError
from gittrack.model import Start
from gittrack.project import open_project
from gittrack.record.assemble import assemble
from gittrack.record.folder import read_segments
from gittrack.record.journal import Journal, opening_of
from gittrack.record.run import ActiveRun
from gittrack.values import (
    PathSet,
    check_artifact_path,
    check_key,
    check_run_name,
    merge_params,
    plain_params,
    plain_value,
    storable_path,
    tag_value,
)
from tests.faults.fuzz_codec import bits
from tests.faults.fuzz_journal import RUN_ID, START, check_assembly
from tests.faults.fuzz_runs import make_repository
from tests.faults.fuzz_targets import Target, seeds_of
from tests.faults.fuzz_values import Maker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from gittrack.project import Project

_CALLS_OF_ONE_RUN: Final = 300


def check_values(data: bytes) -> None:
    """Any object as params: what is taken comes back from the journal as it is."""
    maker = Maker(data)
    plain = redact_mapping(plain_params(maker.mapping() if maker.byte() % 4 else maker.value()))
    assert bits(unpack(pack(plain))) == bits(plain)
    merge_params(merge_params({}, plain), plain)
    merge_params(plain, {check_key("param", maker.text()): plain_value("x", maker.value())})


class _Runs:
    """Calls a running run, a new one every few hundred calls, whose journal is then read."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._directory = project.journal_of(RUN_ID)
        self._calls = 0
        self._begin()

    def check(self, data: bytes) -> None:
        """Call a method with any objects."""
        if self._calls >= _CALLS_OF_ONE_RUN:
            self._end()
            self._begin()
        self._calls += 1
        maker = Maker(data)
        _CALLS[maker.byte() % len(_CALLS)](self._run, maker)

    def _end(self) -> None:
        self._journal.close()
        segments = read_segments(self._directory)
        for segment in segments:
            os.unlink(os.path.join(self._directory, segment.name + ".log"))
        check_assembly(assemble(RUN_ID, segments), fully=True)

    def _begin(self) -> None:
        self._journal = Journal(self._directory, opening_of(RUN_ID, owner=True, start=START.time))
        self._run = ActiveRun(self._project, Start(RUN_ID, "n", START.time), self._journal, owner=True)
        self._calls = 0


# What these take is typed; what a user gives them is not.
_CALLS: Final[tuple[Callable[[ActiveRun, Maker], object], ...]] = (
    lambda run, m: run.log_metric(m.key(), m.value(), m.value(5)),  # type: ignore[arg-type]
    lambda run, m: run.log_metric(m.text(), m.value(5), 1, m.value(5)),  # type: ignore[arg-type]
    lambda run, m: run.log_metrics(m.mapping() if m.byte() % 4 else m.value(), m.value(5)),  # type: ignore[arg-type]
    lambda run, m: run.log_param(m.key(), m.value()),  # type: ignore[arg-type]
    lambda run, m: run.log_params(m.value()),
    lambda run, m: run.set_tag(m.key(), m.value(4)),  # type: ignore[arg-type]
    lambda run, m: run.set_tags(m.mapping() if m.byte() % 4 else m.value()),  # type: ignore[arg-type]
    lambda run, m: run.set_description(m.value(4)),  # type: ignore[arg-type]
    lambda run, m: run.add_warning(m.text()),
    lambda run, m: run.log_text(m.value(4), m.key()),  # type: ignore[arg-type]
    lambda run, m: run.log_dict(m.value(), m.key()),  # type: ignore[arg-type]
    lambda run, m: run.log_artifact(_nowhere(m), m.key()),  # type: ignore[arg-type]
    lambda run, m: run.log_artifacts(_nowhere(m), m.key()),  # type: ignore[arg-type]
    lambda run, m: run.log_input(_nowhere(m), m.key()),  # type: ignore[arg-type]
)


def _nowhere(maker: Maker) -> str | os.PathLike[str]:
    """A path that is not there, of any type: what is there must not be copied."""
    value = maker.value(5)
    return f"nowhere/{value}" if isinstance(value, str) else value  # type: ignore[return-value]


def check_arguments(data: bytes) -> None:
    """The words of a command."""
    words = [os.fsdecode(word) for word in data.split(b"\0")]
    params = plain_params(_named(params_from_arguments(words)))
    assert bits(unpack(pack(params))) == bits(params)
    redact_arguments(words)
    entry_of(words, "/", is_file=lambda word: len(word) % 2 == 0)


def _named(params: Mapping[str, object]) -> Mapping[str, object]:
    for name in params:
        check_key("param", name)
    return params


class _Files:
    """Params and metrics files of every kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of_kind(self, ending: str) -> Callable[[bytes], None]:
        """The check for files whose name ends so."""
        path = self._folder / f"file{ending}"

        def check(data: bytes) -> None:
            path.write_bytes(data)
            with contextlib.suppress(GittrackError):
                _read_metrics(path)
            _read_params(path)

        return check


def _read_params(path: Path) -> None:
    params = plain_params(_named(read_params(path)))
    assert bits(unpack(pack(params))) == bits(params)


def _read_metrics(path: Path) -> None:
    for point in read_metrics(path):
        assert isinstance(point.value, (int, float))
        assert point.step is None or isinstance(point.step, int)


def check_text(data: bytes) -> None:
    """Output, an URL, a tag: nothing of a known credential stays, and redacting again changes nothing."""
    text = data.decode("utf-8", "surrogateescape")
    redact_url(text)
    redact_tag(text[:40], text[40:])
    redacted = redact_text(text)
    assert "ghp_abcdefghijklmnopqrstuvwxyz0123456789" not in redacted or "_ghp" in redacted or "hp_abc" in redacted
    parse_metric_line(text)


def check_names(data: bytes) -> None:
    """Names and paths: what is taken is taken again, and a path from the disk can be stored."""
    text = data.decode("utf-8", "surrogateescape")
    for check in (lambda t: check_key("metric", t), check_run_name, check_artifact_path, lambda t: tag_value("t", t)):
        try:
            taken = check(text)
        except GittrackError:
            continue
        taken.encode()
        assert check(taken) == taken
    path = storable_path(text)
    path.encode()
    paths = PathSet()
    for part in path.split("%0A"):
        if not paths.clash(check_artifact_path(part)):
            paths.add(part)


def _valid() -> tuple[list[bytes], ...]:
    """Inputs for each kind, in their order."""
    words = [
        b"python\0train.py\0--lr\0000.1\0-b32\0--no-cache\0x.y=3\0--sizes\0001\0002\0003\0--api-key\0hunter22",
        b"torchrun\0--nproc\0002\0train.py\0--lr=1e-5\0+model=big\0--\0-x\0y",
        b"sh\0-c\0a=b=c\0-pSECRET\0http://u:p@h/?token=1",
        b"curl\0-u\0a:b\0https://a:b@example.com/x?sig=1#k=2\0mysql\0-pabc\0token=abcdefgh1\0inf\0-.5\0--x\0-1",
    ]  # fmt: skip
    yaml = [b"lr: 0.1\nmodel:\n  depth: 3\n  sizes: [1, 2.5, null]\nwhen: 2024-01-01\n",
            b"a: &a {x: 1}\nb: {<<: *a, y: 1e-5}\n",
            b"loss: [0.5, 0.25]\nacc: 1\nlog_history:\n- {step: 1, loss: 0.5}\n",
            b"a: &a [1]\nb: [*a, *a]\n"]  # fmt: skip
    json = [b'{"lr": 0.1, "m": {"d": [1, 2.5, null, true]}}',
            b'[{"step": 1, "loss": 0.5}, {"step": 2, "loss": NaN}]',
            b'{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n',
            b'{"loss": [1, 2], "e": {"f": "inf"}}']  # fmt: skip
    toml = [b"lr = 0.1\n[model]\ndepth = 3\nsizes = [1, 2]\nwhen = 2024-01-01\n", b'[[a]]\nb = 0x1f\n"c.d" = inf\n']
    table = [
        b"step,loss,name\n1,0.5,a\n2,nan,b\n",
        b"name,value\nlr,0.1\nopt,adam\n",
        b"a;b\n1;2\n",
        b'"x\ty"\tz\n1\t2\n',
    ]
    lines = [b'{"step": 1, "loss": 0.5}\n\n{"epoch": 2.0, "metric": "acc", "value": 0.25}\n']
    text = [
        b"password=hunter2 token: abcdefgh1 https://u:p@example.com/?token=1#a=b --api-key 'x y'\n",
        b"ghp_abcdefghijklmnopqrstuvwxyz0123456789 sk-ant-0123456789abcdefgh eyJhbGciOiJI.eyJzdWIiOiIx.abc\n",
        b"-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nAuthorization: Bearer abc1defgh\n",
        b"xai-abcdefghijklmnopqrstuvwxyz1 https://hooks.slack.com/services/T/B/x secret = f(args.token)\n",
        b'{"step": 1, "loss": 0.5}',
    ]  # fmt: skip
    names = [b"loss/train", b"plots/roc.png", b"brave-otter", b"a/b/../c", b"C:\\x\\con.txt", b".git/x", b"a. /\xff"]
    values = [b"\4\3\1lr\0\1\7abcdefgh\1m\0\0\2\1a\0\2\1b\0\x08text\0", bytes(range(70)), b"\0\0\1\1a\0\4\1b\0\5"]
    endings = (b"\2\4", b"\7x\0\2", b"\x08abc\0")
    calls = [bytes((kind,)) + b"\1loss\0" + ending for kind in range(len(_CALLS)) for ending in endings]
    return values, calls, calls, words, yaml, yaml, json, toml, table, table, lines, text, text, names


def params_target(folder: Path, stack: ExitStack) -> Target:
    """The target `params`."""
    make_repository(folder, stack)
    runs = _Runs(open_project())
    files = _Files(folder)
    kinds: tuple[Callable[[bytes], None], ...] = (
        check_values, runs.check, runs.check, check_arguments,
        files.of_kind(".yaml"), files.of_kind(".yaml"), files.of_kind(".json"), files.of_kind(".toml"),
        files.of_kind(".csv"), files.of_kind(".tsv"), files.of_kind(".jsonl"), check_text, check_text, check_names,
    )  # fmt: skip
    tokens = (
        b"\0", b"\1", b"\7", b"--", b"token=", b"eyJ-", b"xai-", b"https://", b"?a=", b"=a", b"://", b":]", b"a=",
        b"-b\0001\0", b"password='", b'token="', b"authorization: ", b"f(", b"key ",
    )  # fmt: skip
    return Target("params", kinds, seeds_of(_valid()), tokens)
