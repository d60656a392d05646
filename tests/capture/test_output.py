"""What is kept of a command's output: plain, bounded, and on the disk at every moment."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.capture.output import LINE_LIMIT, BoundedLog, LogFile, OutputCleaner, OutputCopy, read_log


def cleaned(*chunks: bytes) -> bytes:
    cleaner = OutputCleaner()
    return b"".join(cleaner.feed(chunk) for chunk in chunks) + cleaner.finish()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"plain\ttext\n", b"plain\ttext\n"),
        (b"no newline", b"no newline"),
        (b"", b""),
        (b"\n\n", b"\n\n"),
        (b"windows\r\nlines\r\n", b"windows\nlines\n"),
        (b"twice\r\r\n", b"twice\n"),
        (b"\x1b[1;31mred\x1b[0m and \x1b[38:5:12mblue\x1b[m\n", b"red and blue\n"),
        (b"\x1b]0;title\x07text\n", b"text\n"),
        (b"\x1b]8;;https://x.org\x1b\\link\x1b]8;;\x1b\\ text\n", b"link text\n"),
        (b"\x1b]0;never ended\nnext line\n", b"\nnext line\n"),
        (b"\x1bP1$r0m\x1b\\dcs\n", b"dcs\n"),
        (b"\x1b(Bcharset\x1b=\x1b>\x1b7\x1b8\x1bM\n", b"charset\n"),
        (b"\x1b[?25l\x1b[2J\x1b[Hscreen\x1b[?25h\n", b"screen\n"),
        (b"\x1b[31\nbroken sequence\n", b"\nbroken sequence\n"),
        (b"at the end \x1b[3", b"at the end "),
        (b"\x1b\x1b[0mtwo\n", b"two\n"),
        (b"  0%\r 50%\r100%\n", b"100%\n"),
        (b"100%|####|\r 5%\n", b" 5%\n"),
        (b"done\r", b"done"),
        (b"bar\r\x1b[Kdone\n", b"done\n"),
        (b"bar\r\x1b[K\n", b"\n"),
        (b"bar\x1b[2K\r\n", b"\n"),
        (b"text\x1b[K\n", b"text\n"),
        (b"bar\x1b[2K\x1b[Gnext\n", b"next\n"),
        (b"1/3\b\b\b2/3\b\b\b3/3\n", b"3/3\n"),
        (b"abc\b \b\n", b"ab \n"),
        (b"\b\b\bab\n", b"ab\n"),
        (b"abcd\b\b\x1b[K\n", b"ab\n"),
        (b"b\x08bo\x08ol\x08ld\n", b"bold\n"),
        (b"\x07bell\x00null\x7fdel\x0bvt\x0cff\n", b"bellnulldelvtff\n"),
        ("é ü 日本 🎉\n".encode(), "é ü 日本 🎉\n".encode()),
        ("c1 \u009b31m csi\n".encode(), b"c1 31m csi\n"),
        (b"bad \xff\xfe bytes\n", "bad \ufffd\ufffd bytes\n".encode()),
        (b"cut \xe2\x82", "cut \ufffd".encode()),
    ],
)
def test_output_becomes_what_the_terminal_showed(raw: bytes, expected: bytes) -> None:
    assert cleaned(raw) == expected
    assert cleaned(*(raw[at : at + 1] for at in range(len(raw)))) == expected


WORDS = b"a|word|\n|\r|\r\n|\b|\x1b|[|]|\x1b[2K|\x1b[K|\x1b[1;3|1m|\x1b]0;t|\x07|\\|G|K|\xe2|\x82|\xc2\x9b|("
PIECES = st.sampled_from([*WORDS.split(b"|"), "é日".encode(), b"x" * 90])


@given(st.lists(PIECES | st.binary(max_size=3), max_size=40), st.lists(st.integers(0, 400), max_size=8))
def test_where_the_chunks_are_cut_does_not_matter(pieces: list[bytes], cuts: list[int]) -> None:
    raw = b"".join(pieces)
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    assert cleaned(*(raw[start:end] for start, end in pairwise(edges))) == cleaned(raw)


@given(st.lists(PIECES | st.binary(max_size=8), max_size=40))
def test_nothing_but_text_tabs_and_newlines_is_left(pieces: list[bytes]) -> None:
    text = cleaned(*pieces).decode()
    assert all(character.isprintable() or not character < "\xa0" or character in "\t\n" for character in text)


def test_a_line_comes_out_when_it_is_complete() -> None:
    cleaner = OutputCleaner()
    assert cleaner.feed(b"first\nsec") == b"first\n"
    assert cleaner.feed(b"ond") == b""
    assert cleaner.feed(b"\n") == b"second\n"
    assert cleaner.finish() == b""


def test_an_endless_line_is_not_held_for_ever() -> None:
    cleaner = OutputCleaner()
    parts = [cleaner.feed(b"some words " * 1000) for _ in range(20)]
    assert any(parts)
    assert all(not part or part.endswith(b" ") for part in parts), "cut inside a word"
    assert b"".join(parts) + cleaner.finish() == b"some words " * 20_000
    assert OutputCleaner().feed(b"x" * (LINE_LIMIT + 5)) == b"x" * LINE_LIMIT


def test_the_bounded_log_keeps_both_ends() -> None:
    log = BoundedLog(head=30, tail=30)
    lines = [b"line %03d\n" % number for number in range(100)]
    for line in lines:
        log.write(line)
    assert log.value() == b"".join(lines[:3]) + b"[... 846 bytes left out ...]\n" + b"".join(lines[-3:])


def test_the_bounded_log_is_whole_while_it_fits() -> None:
    log = BoundedLog(head=10, tail=10)
    log.write(b"0123456789abc")
    log.write(b"defghij")
    assert log.value() == b"0123456789abcdefghij"
    log.write(b"k")
    assert log.value() == b"0123456789\n[... 1 bytes left out ...]\nbcdefghijk"


def test_a_character_that_was_cut_is_left_out() -> None:
    log = BoundedLog(head=4, tail=4)
    log.write("ééé日日日".encode())
    assert log.value().decode() == "éé\n[... 8 bytes left out ...]\n日"


@pytest.mark.parametrize("size", [1, 7, 25, 400])
def test_the_log_on_disk_always_holds_head_and_tail(tmp_path: Path, size: int) -> None:
    path = tmp_path / "output.log"
    log = LogFile(path, head=100, tail=60)
    written = b""
    for number in range(120):
        data = (b"%d " % number * size)[:size]
        log.write(data)
        written += data
        on_disk = read_log(path, tail=60)
        if len(written) <= 160:
            assert on_disk == written
        else:
            assert on_disk.startswith(written[:100])
            assert on_disk.endswith(written[-60:])
            assert b" bytes left out ...]\n" in on_disk
    assert sum(file.stat().st_size for file in tmp_path.glob("output.log*")) <= 100 + 2 * (60 + 21)
    log.close()
    assert log.error is None


@pytest.mark.parametrize("remains", [b"", b"00000000000", b"0000000000000000000x\n"])
def test_a_crash_while_the_tails_change_loses_nothing(tmp_path: Path, remains: bytes) -> None:
    path = tmp_path / "output.log"
    log = LogFile(path, head=10, tail=20)
    log.write(b"H" * 10 + b"a" * 20 + b"b" * 20)
    log.close()
    Path(f"{path}.1").write_bytes(remains)  # emptied for what comes next, its first line not yet written
    assert read_log(path, tail=20) == b"H" * 10 + b"\n[... 20 bytes left out ...]\n" + b"b" * 20
    again = LogFile(path, head=10, tail=20)
    again.write(b"c" * 5)
    again.close()
    assert read_log(path, tail=20).endswith(b"left out ...]\n" + b"b" * 15 + b"c" * 5)


def test_a_log_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    for number in range(50):
        log = LogFile(path, head=40, tail=20)
        log.write(b"part %02d\n" % number)
        log.close()
    parts = [b"part %02d\n" % number for number in range(50)]
    assert read_log(path, tail=20) == b"".join(parts[:5]) + b"[... 344 bytes left out ...]\n" + b"".join(parts[-2:])


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_log(tmp_path / "none.log") == b""


def test_a_fault_of_the_disk_is_remembered_and_not_raised(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "missing" / "output.log")
    log.write(b"lost")
    log.write(b"lost too")
    log.close()
    assert isinstance(log.error, FileNotFoundError)

    log = LogFile(tmp_path / "output.log", head=4, tail=4)
    log.write(b"he")
    (tmp_path / "output.log.1").mkdir()
    log.write(b"adtail")
    assert isinstance(log.error, OSError)
    assert (tmp_path / "output.log").read_bytes() == b"head"


def test_the_two_streams_do_not_run_into_each_other(tmp_path: Path) -> None:
    copy = OutputCopy(tmp_path / "output.log")
    copy(b"epoch 1 ")
    copy.errors(b" 50%|##  |\r")
    copy(b"\x1b[32mloss 0.5\x1b[0m\n\xe2")
    copy.errors(b"100%|####|\nlast")
    copy(b"\x82\xac")
    copy.close()
    assert read_log(tmp_path / "output.log").decode() == "epoch 1 loss 0.5\n100%|####|\n€\nlast"
    assert copy.error is None


def test_a_secret_is_redacted_before_it_reaches_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    copy = OutputCopy(path)
    for piece in (b"cloning https://me:hun", b"ter2hunter2@git", b".example.org/x.git\n"):
        copy(piece)
        assert b"hun" not in read_log(path)
    copy.close()
    assert b"cloning https://" in read_log(path)
    assert b"ter2" not in read_log(path)


def test_a_private_key_is_redacted_though_it_comes_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    copy = OutputCopy(path)
    lines = [b"before", b"-----BEGIN OPENSSH PRIVATE KEY-----", b"b3BlbnNzaC1rZXktdjEAAAAA"]
    for line in lines:
        copy(line + b"\n")
    assert read_log(path) == b"before\n"
    for line in (b"QyNTUxOQAAACB", b"-----END OPENSSH PRIVATE KEY-----", b"after"):
        copy(line + b"\n")
    copy.close()
    assert read_log(path) == b"before\n[redacted]\nafter\n"


def test_a_flood_costs_little_and_its_end_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "output.log"
    copy = OutputCopy(path, head=1000, tail=2000)
    copy(b"first line\n")
    monkeypatch.setattr("gittrack.capture.output._MOST_CREDIT", 0.0)  # no more time for it
    lines = [b"line %d\n" % number for number in range(5000)]
    for line in lines:
        copy(line)
    assert read_log(path, tail=2000) == b"first line\n"
    copy.close()
    log = read_log(path, tail=2000)
    end = b"".join(lines)[-2000:]
    assert log.startswith(b"first line\n[... ")
    assert log.endswith(end[end.index(b"\n") + 1 :])


def test_what_waits_is_written_when_there_is_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "output.log"
    copy = OutputCopy(path)
    with monkeypatch.context() as busy:
        busy.setattr("gittrack.capture.output._MOST_CREDIT", 0.0)
        copy(b"one\ntwo\n")
        assert read_log(path) == b""
    copy.catch_up()
    assert read_log(path) == b"one\ntwo\n"
    copy.close()
    assert read_log(path) == b"one\ntwo\n"


def test_what_was_printed_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "output.log"
    script = (
        "import os, signal, sys\n"
        "from gittrack.capture.output import OutputCopy\n"
        "copy = OutputCopy(sys.argv[1])\n"
        "copy(b'epoch 1\\nepoch 2\\nunfinished')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == -9
    assert read_log(path) == b"epoch 1\nepoch 2\n"
