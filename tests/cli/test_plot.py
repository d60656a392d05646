"""`gittrack plot`: in a pipe, on a terminal, and into files."""

from __future__ import annotations

import json
import re
import shutil
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Terminal
    from tests.conftest import Git, Gittrack, RunPython

RUNS = r"""
    import math

    import gittrack

    SCRIPT = "<script>alert(1)</script>"
    rows = [("slow", 0.001, "sgd"), ("_fast", 0.1, "adam"), (SCRIPT, 0.01, "\x1b[31m$x_2$")]
    rows.append(("$\\frac$ & 'q'", 1, SCRIPT))
    for number, (name, rate, optimizer) in enumerate(rows):
        params = {"lr": rate, "optimizer": optimizer, "model": {"depth": number}, "mixed": "a" if number else 1}
        with gittrack.start_run(name, params=params) as run:
            for step in range(40):
                value = (number + 1) / (step + 1)
                run.log_metric("loss", {10: math.nan, 20: math.inf, 30: -math.inf}.get(step, value), step * 10)
            run.log_metric("accuracy", 0.5 + number / 10)
            run.log_metric("a,b", 1.0)
    with gittrack.start_run("other") as run:
        run.log_metric("elsewhere", 10**400)
        run.log_metric("only <i>", 1)
"""
GUIDE = Path(__file__).parents[2] / "docs" / "plots.md"
ID = re.compile(r"\b[0-9a-f]{8}\b")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
BRAILLE = re.compile("[\u2801-\u28ff]")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs are kept for the tests of this process, and the list of fonts that matplotlib makes."""
    return tmp_path_factory.mktemp("template")


@pytest.fixture
def plotted(repo: Path, run_python: RunPython, monkeypatch: pytest.MonkeyPatch, template: Path) -> Path:
    """The repository with the runs above."""
    kept = template / "repo"
    if kept.exists():
        shutil.rmtree(repo / ".git")
        shutil.copytree(kept, repo / ".git")
    else:
        result = run_python(RUNS)
        assert result.code == 0, result.err
        shutil.copytree(repo / ".git", kept)
    monkeypatch.setenv("MPLCONFIGDIR", str(template / "matplotlib"))
    return repo


def plain(text: str) -> list[str]:
    return ESCAPES.sub("", text).splitlines()


def series(gittrack: Gittrack, *words: str) -> list[dict[str, object]]:
    found = gittrack("plot", *words, "--json")
    assert (found.code, found.err) == (0, "")
    listed = json.loads(found.out)["series"]
    assert isinstance(listed, list)
    return listed


def test_a_pipe_gets_letters_in_eighty_columns(plotted: Path, gittrack: Gittrack) -> None:
    result = gittrack("plot", "loss")

    assert (result.code, result.err) == (0, ""), plotted
    lines = result.out.splitlines()
    assert lines[:2] == ["loss", "over step"]
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in result.out
    drawn = "".join(line.partition("│")[2] + line.partition("┤")[2] for line in lines)
    assert set("abcd✕▲▼") <= set(drawn)
    legend = [line.split()[0] for line in lines[-4:]]
    assert (legend, "<script>alert(1)</script>" in lines[-3], "slow" in lines[-1]) == (list("abcd"), True, True)
    assert re.search(r"slow +0\.025 +0\.025 +1$", lines[-1])


def test_one_run_is_drawn_in_braille(plotted: Path, gittrack: Gittrack) -> None:
    result = gittrack("plot", "loss", "slow")

    assert len(BRAILLE.findall(result.out)) > 40, plotted
    columns = [
        line[line.index("┤" if "┤" in line else "│") + 1 :]
        for line in result.out.splitlines()
        if re.search("[┤│]", line)
    ]
    tops = [min(row for row, line in enumerate(columns) if BRAILLE.match(line[at : at + 1])) for at in (0, 1, 70)]
    assert tops == sorted(tops), "the curve falls"


def test_other_encodings_get_ascii(plotted: Path, gittrack: Gittrack) -> None:
    for words in (["loss"], ["loss", "slow"], ["accuracy", "--scatter", "lr"]):
        result = gittrack("plot", *words, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
        assert (result.code, result.out.isascii(), "\\u" in result.out) == (0, True, False), plotted


def test_a_terminal_of_any_width(plotted: Path, terminal: Terminal) -> None:
    for width in (24, 60, 200):
        code, text = terminal("plot", "loss,accuracy", width=width)
        lines = plain(text)
        assert code == 0, plotted
        assert max(map(len, lines)) <= width
        assert BRAILLE.search(text)
        assert "\x1b[36m" in text
        assert not set(ESCAPES.sub("", text)) & {"\x1b", "\x07", "\r"}
    quiet = terminal("plot", "loss", env={"NO_COLOR": "1"})[1]
    assert "\x1b" not in quiet


def test_the_series_as_json(plotted: Path, gittrack: Gittrack) -> None:
    found = series(gittrack, "loss,accuracy")

    assert [(one["name"], one["metric"]) for one in found][::4] == [
        (r"$\frac$ & 'q'", "loss"),
        (r"$\frac$ & 'q'", "accuracy"),
    ]
    (slow,) = series(gittrack, "loss", "slow")
    assert slow["x"] == [step * 10.0 for step in range(40)], plotted
    values = slow["value"]
    assert isinstance(values, list)
    assert (values[0], values[10], values[20], values[30]) == (1.0, "NaN", "Infinity", "-Infinity")
    (smooth,) = series(gittrack, "loss", "slow", "--smooth", "0.5")
    assert isinstance(smooth["smoothed"], list)
    assert smooth["smoothed"][:2] == [1.0, pytest.approx((0.5 * 0.5 + 0.5 * 0.5 * 1.0) / 0.75)]
    (relative,) = series(gittrack, "loss", "slow", "--x", "relative")
    (clock,) = series(gittrack, "loss", "slow", "--x", "time")
    assert isinstance(relative["x"], list)
    assert isinstance(clock["x"], list)
    assert 0 <= relative["x"][0] <= relative["x"][-1] < 60
    assert clock["x"][0] - relative["x"][0] > 1.7e9


def test_the_newest_runs_that_have_the_metric(plotted: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    made = run_python("""
        import gittrack

        for number in range(12):
            gittrack.start_run(f"n{number}").end()
            with gittrack.start_run(f"m{number}") as run:
                run.log_metric("loss", number)
    """)
    assert made.code == 0, made.err

    assert [one["name"] for one in series(gittrack, "loss")] == [f"m{number}" for number in range(11, 1, -1)], plotted
    assert [one["name"] for one in series(gittrack, "loss", "-n", "2")] == ["m11", "m10"]
    assert [one["name"] for one in series(gittrack, "loss", "-n", "100")][-1] == "slow"
    assert [one["name"] for one in series(gittrack, "loss", "slow", "m3", "slow")] == ["slow", "m3"]
    far = run_python("""
        import gittrack
        import gittrack.cli.plot
        from gittrack.cli.main import main

        gittrack.start_run("newest").end()
        gittrack.cli.plot._SCAN = 1
        main(["plot", "loss", "-n", "1", "--json"])
    """)
    assert [one["name"] for one in json.loads(far.out)["series"]] == ["m11"], "it looks further than at first"


def test_runs_are_chosen_as_log_chooses_them(plotted: Path, gittrack: Gittrack) -> None:
    def names(*words: str) -> list[object]:
        return [one["name"] for one in series(gittrack, "accuracy", *words)]

    assert names("--sort", "metrics.accuracy", "-n", "1") == ["slow"], plotted
    assert names("--where", "params.optimizer in ('sgd', 'adam')") == ["_fast", "slow"]
    both = gittrack("plot", "accuracy", "slow", "--where", "dirty")
    assert (both.code, "not both" in both.err) == (2, True)


def test_a_metric_may_have_a_comma_in_its_name(plotted: Path, gittrack: Gittrack) -> None:
    assert {one["metric"] for one in series(gittrack, "a,b")} == {"a,b"}, plotted


def test_a_run_that_is_under_way(plotted: Path, run_python: RunPython) -> None:
    done = run_python("""
        import subprocess
        import sys

        import gittrack

        with gittrack.start_run("alive") as run:
            run.log_metric("loss", 0.25)
            words = [sys.executable, "-m", "gittrack", "plot", "loss", "alive", "--json"]
            print(subprocess.run(words, capture_output=True, text=True).stdout)
    """)

    assert json.loads(done.out)["series"][0]["value"] == [0.25], plotted


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["los"], 1, "no run has a metric 'los'; did you mean 'loss'?"),
        (["loss,acuracy"], 1, "none of these runs has a metric 'acuracy'; did you mean 'accuracy'?"),
        (["loss", "slwo"], 1, "no run answers to 'slwo'; did you mean slow?"),
        (["loss", "other"], 1, "none of these runs has a metric 'loss'; it has elsewhere, only <i>"),
        (["loss", "--scatter", "rl"], 1, "none of these runs has a param 'rl'; did you mean 'lr'?"),
        (["loss", "--smooth", "1"], 2, "--smooth is a weight from 0 to below 1, such as 0.9, not 1"),
        (["loss", "--smooth", "nan"], 2, "--smooth is a weight"),
        (["loss", "--scatter", "lr", "--parallel", "lr"], 2, "--scatter and --parallel are two pictures"),
        (["loss", "--scatter", "lr", "--x", "time"], 2, "--scatter cannot be combined with --x or --smooth"),
        (["loss", "--parallel", "lr"], 2, "parallel coordinates have no room in a terminal; write them with -o"),
        (["loss", "--log-x", "--x", "time"], 2, "--log-x has no meaning for --x time"),
        (["loss", "-o", "loss.pdf"], 2, "'loss.pdf' ends with none of .png, .svg and .html"),
        (["loss", "-o", "loss.html", "--json"], 2, "--json prints the data and cannot be combined with -o"),
        (["loss", "-o", "missing/loss.html"], 1, "cannot write missing/loss.html: No such file or directory"),
    ],
)
def test_what_cannot_be_done(plotted: Path, gittrack: Gittrack, words: list[str], code: int, sentence: str) -> None:
    result = gittrack("plot", *words)

    assert (result.code, result.out) == (code, ""), plotted
    assert sentence in result.err
    assert not list(plotted.glob("loss.*"))


def test_without_runs(repo: Path, gittrack: Gittrack) -> None:
    result = gittrack("plot", "loss")

    assert (result.code, result.out) == (1, ""), repo
    assert "no runs here yet" in result.err


def test_what_is_left_out_is_told(plotted: Path, gittrack: Gittrack) -> None:
    assert gittrack("plot", "loss", "slow", "other").err == "gittrack: left out: 1 run without 'loss'\n", plotted
    assert "left out: 1 point not above 0, for which --log-y" in gittrack("plot", "loss", "slow", "--log-y").err
    assert "left out: 4 points not above 0, for which --log-x" in gittrack("plot", "loss", "--log-x").err


def test_a_damaged_history_hides_no_other(plotted: Path, git: Git, gittrack: Gittrack) -> None:
    victim = json.loads(gittrack("show", "slow", "--json").out)["id"]
    path, ref = f"runs/{victim[:2]}/{victim}/metrics/loss.tsv", "refs/heads/gittrack/runs"
    head = f"commit {ref}\ncommitter A <a@example.com> 1735689600 +0000\ndata 1\nx\nfrom {ref}^0\n"
    git("fast-import", "--quiet", "--force", input=f"{head}M 100644 inline {path}\ndata 1\nx\n", cwd=plotted)

    found = gittrack("plot", "loss", "--json")

    assert [one["name"] for one in json.loads(found.out)["series"]] == [
        r"$\frac$ & 'q'",
        "<script>alert(1)</script>",
        "_fast",
    ]
    assert (found.code, victim[:8] in found.err) == (0, True)
    alone = gittrack("plot", "loss", "slow")
    assert (alone.code, "none of these histories can be read" in alone.err) == (1, True)


def test_a_param_against_a_metric(plotted: Path, gittrack: Gittrack) -> None:
    numbers = gittrack("plot", "accuracy", "--scatter", "lr", "--log-x")
    words = gittrack("plot", "accuracy", "--scatter", "optimizer")
    data = json.loads(gittrack("plot", "accuracy", "--scatter", "model.depth", "--json").out)

    assert (numbers.code, numbers.err, words.code, words.err) == (0, "", 0, ""), plotted
    assert sum(line.count("●") for line in numbers.out.splitlines()) == 4
    assert numbers.out.splitlines()[1] == "over lr, log lr"
    assert re.search(r"^ +0\.001 +0\.01 +0\.1 +1$", numbers.out, re.MULTILINE)
    assert re.search(r"_fast +0\.1 +0\.6$", numbers.out, re.MULTILINE)
    assert "\x1b" not in words.out
    assert r"\x1b[31m$x_2$" in words.out
    assert sorted((point["param"], point["value"]) for point in data["points"]) == [
        (0, 0.5),
        (1, 0.6),
        (2, 0.7),
        (3, 0.8),
    ]
    assert gittrack("plot", "accuracy", "--scatter", "mixed").out.count("●") == 4, "numbers and text are categories"


def test_parallel_coordinates_as_json(plotted: Path, gittrack: Gittrack) -> None:
    found = json.loads(gittrack("plot", "accuracy", "--parallel", "lr,optimizer", "--json").out)

    assert found["axes"] == ["lr", "optimizer", "accuracy"], plotted
    assert found["runs"][-1]["values"] == {"lr": 0.001, "optimizer": "sgd", "accuracy": 0.5}


def test_the_page_about_plots_shows_what_is_printed(repo: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    made = run_python("""
        import gittrack

        for name, rate in (("slow", 0.02), ("fast", 0.1), ("wild", 0.3)):
            with gittrack.start_run(name, params={"lr": rate}) as run:
                for step in range(100):
                    wobble = rate * ((step * 7919) % 13 - 6) / 20
                    run.log_metric("loss", (1 - rate) ** step + abs(wobble), step)
    """)
    assert made.code == 0, made.err
    (block,) = re.findall(r"```console\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    commands = re.findall(r"^\$ gittrack (.*)\n([^$]*)", block, re.MULTILINE)

    assert len(commands) == 3, repo
    for words, shown in commands:
        assert ID.sub("ID", gittrack(*words.split()).out) == ID.sub("ID", shown)


class Text(HTMLParser):
    """The elements and the texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href", "style")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


KINDS = {
    "curves": ["loss,accuracy,only <i>", "--smooth", "0.9", "--log-y"],
    "dots": ["loss,accuracy", "--scatter", "optimizer"],
    "rows": ["loss,accuracy", "--parallel", "lr,optimizer,model.depth", "--log-x"],
}


@pytest.mark.parametrize("words", KINDS.values(), ids=KINDS)
def test_a_page(plotted: Path, gittrack: Gittrack, words: list[str]) -> None:
    result = gittrack("plot", *words, "-o", "out.html")

    assert (result.code, result.out, result.err.splitlines()[-1]) == (0, "", "gittrack: wrote out.html")
    text = (plotted / "out.html").read_text(encoding="utf-8")
    found = Text(text)
    assert found.tags.count("script") == 2
    assert "\x1b" not in text
    assert "default-src &#x27;none&#x27;" in text
    assert not re.search(r"https?:|//[a-z]", text.replace("http-equiv", ""))
    assert any("<script>" in words for words in found.texts)
    (data,) = (json.loads(words) for words in found.texts if words.startswith("[{"))
    kinds = {"curves", "dots"} if "--smooth" in words else {"dots"} if "--scatter" in words else {"rows"}
    assert {panel["kind"] for panel in data} == kinds


@pytest.mark.parametrize("words", KINDS.values(), ids=KINDS)
def test_a_picture(plotted: Path, gittrack: Gittrack, words: list[str]) -> None:
    result = gittrack("plot", *words, "-o", "out.PNG")

    assert (result.code, result.out, result.err.splitlines()[-1]) == (0, "", "gittrack: wrote out.PNG")
    data = (plotted / "out.PNG").read_bytes()
    panels = 1 if "--parallel" in words else words[0].count(",") + 1
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (1350, 570 * panels)
    assert set(_pixels(data)) > {0, 255}, "something is drawn"


def _pixels(data: bytes) -> bytes:
    chunks, at = [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            chunks.append(data[at + 8 : at + 8 + length])
        at += 12 + length
    return zlib.decompress(b"".join(chunks))


@pytest.mark.parametrize("words", KINDS.values(), ids=KINDS)
def test_a_drawing(plotted: Path, gittrack: Gittrack, words: list[str]) -> None:
    for name in ("one.svg", "two.svg"):
        assert gittrack("plot", *words, "-o", name, env={"MPLBACKEND": "nonsense"}).code == 0
    one = (plotted / "one.svg").read_bytes()

    root = ET.fromstring(one)  # noqa: S314 - made a moment ago
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert (root.tag, root.get("width")) == ("{http://www.w3.org/2000/svg}svg", "648pt")
    assert not tags & {"script", "foreignObject", "image", "a"}
    assert one == (plotted / "two.svg").read_bytes()


def test_without_matplotlib(plotted: Path, run_python: RunPython) -> None:
    code = """
        import sys

        from gittrack.cli.main import entry

        sys.modules["matplotlib"] = None
        sys.argv = ["gittrack", "plot", "loss", "-o", sys.argv[1]]
        entry()
    """
    missing, page = run_python(code, "out.png"), run_python(code, "out.html")

    assert (missing.code, missing.out) == (1, "")
    assert missing.err == (
        "gittrack: error: drawing PNG needs matplotlib, which is not installed here; "
        "run: pip install 'gittrack[plot]'\n"
    )
    assert not (plotted / "out.png").exists()
    assert (page.code, (plotted / "out.html").exists()) == (0, True)


def test_a_terminal_and_a_page_import_no_numpy(plotted: Path, run_python: RunPython) -> None:
    result = run_python("""
        import sys

        from gittrack.cli.main import main

        print(main(["plot", "loss"]), main(["plot", "loss", "-o", "out.html"]))
        print(sorted({"matplotlib", "numpy", "dulwich", "asyncio"} & set(sys.modules)))
    """)

    assert result.out.splitlines()[-2:] == ["0 0", "[]"], plotted


def test_a_long_history_keeps_its_spike(repo: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    made = run_python("""
        import gittrack

        with gittrack.start_run("long") as run:
            for step in range(20_000):
                run.log_metric("loss", 7.0 if step == 12_345 else step % 7 / 10, step)
    """)
    assert made.code == 0, made.err

    text = gittrack("plot", "loss").out
    assert gittrack("plot", "loss", "-o", "long.html").code == 0
    (data,) = (json.loads(words) for words in Text((repo / "long.html").read_text()).texts if words.startswith("[{"))

    top = text.splitlines()[2:4]
    assert len(BRAILLE.findall("".join(top))) in (1, 2), "one column reaches the top"
    (drawn,) = data[0]["series"]
    assert drawn["drawn"][drawn["x"].index("12345")] == "7"
    assert len(drawn["x"]) <= 4 * 800
