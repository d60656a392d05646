"""Bytes and objects of strangers end in typed errors, quickly and in little memory; what once did not, by name.

The campaigns of a million inputs each are `python tests/faults/fuzz.py TARGET` (docs/reliability.md).
"""

from __future__ import annotations

import contextlib
import enum
import math
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gittrack.capture.arguments import params_from_arguments
from gittrack.capture.files import read_metrics, read_params
from gittrack.capture.redact import redact_arguments, redact_mapping, redact_text, redact_url
from gittrack.codec.document import pack, unpack
from gittrack.codec.record import record_from_plain
from gittrack.codec.text import from_yaml
from gittrack.codec.times import read_time, write_time
from gittrack.errors import DamagedRecord, GittrackError, InvalidValue
from gittrack.git.tree import parse_tree
from gittrack.model import MetricSummary
from gittrack.replay import merge_metrics
from gittrack.values import check_artifact_path, metric_step, metric_value, plain_params, plain_tags, plain_value
from tests.faults.fuzz_codec import bits, check_values
from tests.faults.fuzz_journal import RUN_ID, check_bytes
from tests.faults.fuzz_targets import open_target
from tests.faults.fuzz_values import Level, Refusing, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Gittrack, RunPython

CAMPAIGN: Final = Path(__file__).parent / "fuzz.py"
HUGE: Final = 64 * 1024


@pytest.mark.parametrize(
    ("target", "executions"), [("journal", 5000), ("codec", 5000), ("runs", 5000), ("params", 5000), ("cli", 150)]
)
def test_a_short_campaign_finds_nothing(tmp_path: Path, target: str, executions: int) -> None:
    words = [target, "--executions", str(executions), "--seed", "7", "--keep", str(tmp_path / "kept")]
    done = subprocess.run(
        [sys.executable, str(CAMPAIGN), *words], capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{target}: {executions} executions" in done.stdout
    assert int(done.stdout.partition("peak memory ")[2].partition(" ")[0]) < 256


def test_the_harness_finds_what_is_wrong(tmp_path: Path) -> None:
    # A journal's reader that lets an error through, one that never ends, and one that kills the process.
    for breakage, told in (
        ("lambda data: [][0]", "DEFECT IndexError"),
        ("lambda data: all(x == 0 for x in iter(int, 1))", "DEFECT TooSlow"),
        ("lambda data: bytearray(1 << 30)", "DEFECT MemoryError"),
        ("lambda data: os.kill(os.getpid(), 11)", "DEFECT the process died with -11"),
    ):
        code = (
            "import os, sys; sys.path.append(sys.argv[1]); import tests.faults.fuzz_journal as j; "
            f"j.read_segment = {breakage}; "
            "from tests.faults.fuzz import main; "
            "sys.argv[1:] = ['journal', '--executions', '6', '--keep', sys.argv[2]]; sys.exit(main())"
        )
        words = [sys.executable, "-c", code, str(CAMPAIGN.parent.parent.parent), str(tmp_path / "kept")]
        done = subprocess.run(words, capture_output=True, text=True, timeout=100, check=False)

        assert done.returncode == 1, done.stdout + done.stderr
        assert told in done.stdout
    assert list((tmp_path / "kept").iterdir())


@given(st.binary(max_size=300))
def test_any_bytes_are_a_segment(data: bytes) -> None:
    check_bytes(data)


@given(st.binary(max_size=300))
def test_values_made_of_any_bytes_come_back(data: bytes) -> None:
    try:
        check_values(data)
    except GittrackError:
        return


@given(st.floats() | st.integers(-(2**70), 2**70) | st.text())
@example(-0.0)
@example(math.nan)
@example(5e-324)
@example(2**64)
@example("\ud800")
@example("\u0085\u2028\ufeff")
def test_a_plain_value_is_kept_or_refused(value: object) -> None:
    try:
        plain = plain_value("x", [value])
    except InvalidValue:
        assert isinstance(value, str)
        assert any("\ud800" <= char <= "\udfff" for char in value)
        return
    assert bits(unpack(pack(plain))) == bits(plain)


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
@example(-62_135_596_800_000)
def test_every_year_of_four_digits_comes_back(milliseconds: int) -> None:
    assert round(read_time(write_time(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "a: !!int ''",
        "a: !!int x",
        "a: !!bool x",
        "a: !!float x",
        "a: !!timestamp x",
        "a: 2024-13-45",
        "a: !!timestamp 9999-12-31 23:59:59 -99:00",
        f"{{{'1:' * 200}1.5: 1}}",
        f"a: {'1:' * 200_000}1",
        "? [1]\n: 2",
        "!!set {a, b}",
        "!!pairs [a: 1]",
    ],
)
def test_yaml_that_loaders_choke_on_is_typed(text: str, tmp_path: Path) -> None:
    began = time.process_time()
    with pytest.raises(DamagedRecord):
        record_from_plain(from_yaml(text.encode(), "run.yaml"), "run.yaml")
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    for read in (read_params, read_metrics):
        with contextlib.suppress(GittrackError):
            read(path)
    assert time.process_time() - began < 2


BOMB: Final = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
MERGE_BOMB: Final = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bomb.yaml", BOMB),
        ("merge.yaml", MERGE_BOMB),
        ("self.yaml", "a: &a [*a]"),
        ("deep.yaml", "[" * 100_000),
        ("deep-map.yaml", "{a: " * 100_000),
        ("dashes.yaml", "- " * 100_000),
        ("marks.yaml", "? " * 100_000),
        ("deep.json", "[" * 100_000),
        ("deep-map.json", '{"a":' * 100_000),
        ("half-deep.json", '{"a":' * 900 + "1" + "}" * 900),
        ("digits.json", f'{{"a": {"9" * 5000}}}'),
        ("deep.toml", f"a = {'[' * 100_000}"),
        ("digits.toml", f"a = {'9' * 5000}"),
        ("hex.toml", f"a = 0x{'f' * 5000}"),
        ("hex.yaml", f"a: 0x{'f' * 5000}"),
        ("digits.csv", f"a,b\n{'9' * 5000},1\n"),
    ],
)
def test_bombs_in_files_are_typed(tmp_path: Path, name: str, text: str, run_python: RunPython) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    # A process of its own: a stack in C that ends takes the whole process with it.
    done = run_python(
        """
        import sys, time
        from gittrack.capture.files import read_metrics, read_params
        from gittrack.errors import GittrackError

        for read in (read_params, read_metrics):
            try:
                read(sys.argv[1])
            except GittrackError:
                pass
        assert time.process_time() < 4, time.process_time()
        # Not of resource: Linux counts the memory of whoever started a process into its ru_maxrss.
        peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
        assert int(peak.split()[1]) < 256 * 1024, peak
        """,
        path,
    )
    assert (done.code, done.err) == (0, "")


def test_aliases_that_people_write_are_read(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("base: &base {lr: 0.1, sizes: &s [1, 2]}\nbig: {<<: *base, lr: 0.2}\nagain: *s\n", encoding="utf-8")
    assert read_params(path)["big"] == {"lr": 0.2, "sizes": [1, 2]}
    assert read_params(path)["again"] == [1, 2]


@dataclass
class Config:
    lr: float = 0.1
    inner: object = None


def aliased() -> object:
    value: object = 1
    for _ in range(60):
        value = [value] * 9
    return value


def looping() -> object:
    config = Config()
    config.inner = config
    return config


@pytest.mark.parametrize(
    "call",
    [
        lambda: plain_params({"a": aliased()}),
        lambda: plain_params(looping()),
        lambda: plain_params({"a": range(10**12)}),
        lambda: plain_params({"a": Tensor(None)}),
        lambda: plain_params({"a": Tensor}),
        lambda: plain_tags(3),
        lambda: plain_tags({"a": 10**5000}),
        lambda: metric_value("m", aliased()),
        lambda: metric_value("m", Refusing()),
        lambda: metric_value("m", 10**5000),
        lambda: metric_step("m", 10**5000),
        lambda: metric_step("m", Refusing()),
        lambda: metric_step("m", Level),
        lambda: check_artifact_path(3),
        lambda: check_artifact_path("a/" * 30_000 + "a"),
        lambda: check_artifact_path(Path("x")),
    ],
)
def test_objects_that_mean_harm_are_invalid_values(call: Callable[[], object]) -> None:
    began = time.process_time()
    with pytest.raises(InvalidValue):
        call()
    assert time.process_time() - began < 2


class Optimizer(str, enum.Enum):
    ADAM = "adam"


def test_a_text_that_is_more_than_a_text_is_kept_as_one() -> None:
    plain = plain_params({Optimizer.ADAM: [Optimizer.ADAM], "x": {Optimizer.ADAM: 1}})
    assert bits(plain) == bits({"adam": ["adam"], "x": {"adam": 1}})
    assert bits(plain_tags({"a": Optimizer.ADAM})) == bits({"a": "adam"})


def test_a_dataclass_in_a_dataclass_is_its_fields() -> None:
    assert plain_params(Config(0.5, [Config(0.25)])) == {"lr": 0.5, "inner": [{"lr": 0.25, "inner": None}]}


def test_calls_with_odd_arguments_are_typed(repo: Path, run_python: RunPython, gittrack: Gittrack) -> None:
    done = run_python("""
        import gittrack
        from datetime import datetime

        run = gittrack.start_run("odd")
        shared = 1
        for _ in range(60):
            shared = [shared] * 9
        for call in (
            lambda: run.log_metric(shared, True), lambda: run.log_metric([], 1), lambda: run.log_param({}, 1),
            lambda: run.log_metric("m", 1, 10**5000), lambda: run.log_metric("m", 1, shared),
            lambda: run.log_metric("m", 1, 1, 10**400), lambda: run.log_metric("m", 1, 1, float("inf")),
            lambda: run.log_metric("m", 1, 1, datetime.min), lambda: run.set_tags(None), lambda: run.set_tag([], 1),
            lambda: run.log_text("\\ud800", "a.txt"), lambda: run.log_text("x", 3), lambda: run.log_dict({}, None),
            lambda: run.log_artifact(3), lambda: run.log_artifact("a\\0b"), lambda: run.log_artifact("\\ud800"),
            lambda: run.log_artifact("train.py", 3), lambda: run.log_artifacts(None), lambda: run.log_input(None),
        ):
            try:
                call()
            except gittrack.InvalidValue:
                continue
            raise SystemExit("not refused")
        run.log_metric("m", 10**400, 2**70)
        run.end()
        again = gittrack.start_run(run_id=run.id)
        again.log_metric("m", 0.5)
        again.end()
        print(gittrack.get_run("odd").metrics["m"].count)
    """)
    assert (done.code, done.out) == (0, "2\n"), done.err
    assert (gittrack("log").code, gittrack("show", "odd").code) == (0, 0)
    assert gittrack("log", "-n", "1" * 100).code == 0


@pytest.mark.parametrize(
    "piece",
    [
        "eyJ-", "eyJaaaaaaaa.", "xai-", "sk-", "gsk_", "SG.-", "?a=", "=a", "a=", "a:", ":a]", ":", "1", "1_", "[",
        "$(", "https://a:b@", "http://x/=?", "token=", "token='", 'token="', "token=f(", "password=)", "${", "*", ".",
        "authorization: ", "Bearer a", "--a", "-", "-----BEGIN PRIVATE KEY-----", "a.", "\\",
        "https://hooks.slack.com/services/",
        " ", "\t",
    ],
)  # fmt: skip
def test_no_text_takes_the_square_of_its_length(piece: str) -> None:
    long = piece * (HUGE // len(piece))
    for text in (long, f"token={long}x", f"http://x/=?{long}", f"http://{long}]", f"a={long}"):
        began = time.process_time()
        redact_text(text)
        redact_arguments(["curl", text])
        assert time.process_time() - began < 2, text[:20]
    began = time.process_time()
    redact_url(long)
    redact_mapping({"token": f"{long}x"})
    assert time.process_time() - began < 2


def test_many_arguments_take_no_square() -> None:
    began = time.process_time()
    assert params_from_arguments(["a.py", *["-b", "1"] * 30_000]) == {"b": [1] * 30_000}
    assert len(str(params_from_arguments(["a.py", "--x", "1." + "0" * 30_000, *["1"] * 30_000]))) > 60_000
    params_from_arguments(["a.py", "\ud800=1", "=" * HUGE])
    assert time.process_time() - began < 10, "a square would take minutes"


def test_secrets_behind_other_assignments_are_found() -> None:
    assert redact_arguments(["x", "env=a=password=hunter2"]) == ["x", "env=a=password=[redacted]"]
    assert "hunter2" not in redact_arguments(["x", "a=" * 40 + "password=hunter2"])[1]


@pytest.mark.parametrize("line", ['{"a":"\\ud800"}', '"\\uDFFF"', b'"\xed\xa0\x80"', '{"a":"'.encode("utf-16")])
def test_what_utf8_cannot_write_is_no_line_of_json(line: str | bytes) -> None:
    with pytest.raises(DamagedRecord):
        unpack(line)


@pytest.mark.parametrize("mode", [b"", b"+40000", b" 100644", b"1_00644", b"-100644", b"0100644", b"7777777", b"4"])
def test_odd_modes_are_damage(mode: bytes) -> None:
    with pytest.raises(DamagedRecord):
        parse_tree(mode + b" a\0" + bytes(20), 20)


def test_an_integer_beyond_floats_is_merged() -> None:
    big = MetricSummary(10**400, 1, 10**400, 1, 10**400, 1, 1)
    nan = MetricSummary(math.nan, 1, math.nan, 1, math.nan, 1, 1)
    assert merge_metrics({"m": big}, {"m": nan})["m"].max == 10**400


JOURNAL_OPENING: Final = b'{"e":"open","run":"%b","host":"box","owner":true,"wall":%%b}' % RUN_ID.encode()


@pytest.mark.parametrize(
    "lines",
    [
        JOURNAL_OPENING % b"NaN",
        JOURNAL_OPENING % b"1e300",
        JOURNAL_OPENING % b"-1.0",
        JOURNAL_OPENING % b"1.0" + b"\nm\t\xff\t1\t0.1\t0.5",
        JOURNAL_OPENING % b"1.0" + b"\nm\t\t1\t0.1\t0.5",
        JOURNAL_OPENING % b"1.0" + b"\nm\ta\t1\tx\t0.5\nm\ta\t1\t0.1\t0.5\n%%\n{}\nm\ta\t1\t0.1\t0.5",
        JOURNAL_OPENING % b"1.0" + b"\nm\ta\t1\tinf\t0.5\nm\ta\t1\tnan\t0.5",
        JOURNAL_OPENING % b"1.0" + b"\nm\ta\t1\t1e300\t0.5",
        JOURNAL_OPENING % b"1.0" + b'\n{"e":"tags","at":1e308,"tags":{"a":"b"}}',
        JOURNAL_OPENING % b"1.0" + b"\nm\ta\t1\t0.1\t" + b"9" * 4299,
        JOURNAL_OPENING % b"1.0" + b'\n{"e":"tags","tags":{"a":"\\ud800"}}',
        JOURNAL_OPENING % b"1.0" + b'\n{"e":"tags","tags":{"a":"\xed\xa0\x80"}}',
        JOURNAL_OPENING % b"1.0" + b'\n{"e":"artifact","path":"../x","size":1,"sha256":"%b"}' % (b"ab" * 32),
        JOURNAL_OPENING % b"1.0" + b'\n{"e":"artifact","path":"x","size":1,"sha256":"../../../etc/passwd"}',
        JOURNAL_OPENING % b"1.0" + b'\n{"e":"params","params":{"a":%b}}' % (b"9" * 4299),
    ],
)
def test_whole_lines_that_say_odd_things_become_warnings(lines: bytes) -> None:
    with open_target("journal") as target:
        # Once more with another ending: a check in eight goes through YAML.
        assert all(target.check(b"\0" + lines + b"\n" * number) for number in range(40))


@pytest.mark.parametrize("words", [["show", "d\udcff"], ["log", "--experiment", "\udcff"], ["tag", "\udcff"]])
def test_words_that_are_no_unicode_mean_no_run(
    repo: Path, run_python: RunPython, gittrack: Gittrack, words: list[str]
) -> None:
    assert run_python("import gittrack; gittrack.start_run('a').end()").code == 0
    done = gittrack(*words)
    assert done.code == (0 if words[0] == "log" else 1), done.err
    assert "internal error" not in done.err
