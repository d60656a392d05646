"""`gittrack import`: rows become runs, once, all or none, and what was exported comes back."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING

import openpyxl
import pytest

import gittrack as public
from gittrack.git.branch import View
from gittrack.git.store import ObjectStore
from gittrack.model import Author
from gittrack.project import open_project
from gittrack.record.imported import standing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

SHEET = """\
Name,Date,lr,batch size,model,acc,val loss,Notes,fold
first,2024-01-02,0.1,64,tree,0.9,0.5,"fine, so far",a
second,2024-01-03T10:00:00Z,1e-3,32,007,0.95,,=SUM(A1),b
third,2024/1/4,0.5,32,true,n/a,-inf,,b
"""

pytestmark = pytest.mark.usefixtures("repo")


def write(name: str, text: str) -> str:
    with open(name, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return name


def exported(gittrack: Gittrack, *words: str) -> list[dict[str, str]]:
    done = gittrack("export", "--sort", "attributes.name", *words)
    assert done.code == 0, done.err
    return list(csv.DictReader(io.StringIO(done.out, newline="")))


def test_a_sheet_of_old_results(gittrack: Gittrack, git: Git) -> None:
    write("results.csv", SHEET)
    done = gittrack("import", "results.csv", "--tag", "fold")

    assert done.code == 0, done.err
    becomes = [line.split("  ")[0] + " -> " + " ".join(line.split()) for line in done.out.splitlines()]
    assert [line.partition(" -> ")[2] for line in becomes] == [
        "column becomes by first value",
        "Name attribute name its name first",
        "Date attribute start_time its name 2024-01-02",
        "lr param lr guess: named as params are 0.1",
        "batch size param batch size guess: named as params are 64",
        "model param model guess: not numbers tree",
        "acc metric acc guess: named as metrics are 0.9",
        "val loss metric val loss guess: named as metrics are 0.5",
        "Notes attribute description its name fine, so far",
        "fold tag fold asked for a",
        "imported 3 runs from results.csv",
    ]
    first, second, third = (public.get_run(name) for name in ("first", "second", "third"))
    assert first.params == {"lr": 0.1, "batch size": 64, "model": "tree"}
    assert second.params == {"lr": 0.001, "batch size": 32, "model": "007"}
    assert third.params == {"lr": 0.5, "batch size": 32, "model": True}
    assert {name: m.last for name, m in first.metrics.items()} == {"acc": 0.9, "val loss": 0.5}
    assert {name: m.last for name, m in third.metrics.items()} == {"val loss": float("-inf")}
    assert (first.start, second.start.hour) == (datetime(2024, 1, 2, tzinfo=timezone.utc), 10)
    assert first.tags == {"imported_from": "results.csv", "fold": "a"}
    assert (first.description, second.description) == ("fine, so far", "=SUM(A1)")
    assert (first.status, first.author and first.author.name) == ("finished", "Ada Example")
    assert [point.value for point in first.history("acc")] == [0.9]
    assert git("log", "--format=%s", "gittrack/runs").splitlines() == ["import results.csv: 3 runs"]
    assert "not known: it was imported" in gittrack("show", "first").out
    assert gittrack("check").out == "checked 3 runs, 7 files: all is well\n"
    assert [run.name for run in public.search_runs(filter_string="params.lr < 0.2", order_by="start_time")] == [
        "first",
        "second",
    ]


def test_no_row_is_imported_twice(gittrack: Gittrack, git: Git) -> None:
    write("results.csv", SHEET)
    assert gittrack("import", "results.csv").code == 0
    tip = git("rev-parse", "gittrack/runs")

    again = gittrack("import", "results.csv")
    assert again.out.splitlines()[-1] == "imported 0 runs from results.csv; 3 were here already"
    assert git("rev-parse", "gittrack/runs") == tip
    # More rows, other columns first, another kind of file: the values are what counts.
    rows = list(csv.reader(io.StringIO(SHEET)))
    grown = [[row[1], row[0], *row[2:]] for row in rows] + [
        ["2024-01-05", "fourth", "1", "8", "x", "0.1", "2", "", "c"]
    ]
    with open("grown.tsv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(grown)
    assert gittrack("import", "grown.tsv").out.splitlines()[-1] == (
        "imported 1 run from grown.tsv; 3 were here already"
    )
    book = openpyxl.Workbook()
    book.active.append(["name", "lr"])
    book.active.append(["x", 1.0])
    book.save("x.xlsx")
    write("x.csv", "lr,name\n1,x\n")
    assert "imported 1 run " in gittrack("import", "x.xlsx").out
    assert "imported 0 runs " in gittrack("import", "x.csv").out
    write("y.csv", "lr,name\n1.0,x\n")
    assert "imported 0 runs " in gittrack("import", "y.csv").out


def test_rows_that_say_the_same_are_runs_of_their_own(gittrack: Gittrack) -> None:
    write("same.csv", "lr,acc\n" + "0.1,0.5\n" * 3)
    assert "imported 3 runs" in gittrack("import", "same.csv").out
    assert "imported 0 runs from same.csv; 3 were here already" in gittrack("import", "same.csv").out
    write("same.csv", "lr,acc\n" + "0.1,0.5\n" * 4)
    assert "imported 1 run from same.csv; 3 were here already" in gittrack("import", "same.csv").out


def test_nothing_is_written_unless_every_row_is_fine(gittrack: Gittrack, git: Git) -> None:
    write("results.csv", SHEET + "fourth,31.12.2024,0.1,64,tree,0.9,0.5,,c\n")
    assert "attribute start_time" not in gittrack("import", "results.csv", "--dry-run").out, "a guess must fit"
    for words, sentence in (
        (["--attribute", "start_time=Date"], "line 5: '31.12.2024' is no time such as 2024-01-31"),
        (["--metric", "model"], "line 2: 'tree' in the column 'model' is no number"),
        (["--param", "nosuch"], "there is no column 'nosuch'; the columns are 'Name', 'Date'"),
        (["--param", "lr", "--metric", "lr"], "the column 'lr' is asked to become two things"),
        (["--attribute", "when=Date"], "'when' is no attribute of a run; there are run_id, name"),
        (["--attribute", "Date"], "'Date' is not NAME=COLUMN"),
        (["--sheet", "one"], "has no sheets"),
    ):
        done = gittrack("import", "results.csv", *words)
        assert (done.code in (1, 2), sentence in done.err) == (True, True), done.err
    assert "4 rows, 4 new runs; nothing was written" in gittrack("import", "results.csv", "-n").out
    assert git("for-each-ref", "refs/heads/gittrack") == ""


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.csv", "", "has no first line that names the columns"),
        ("a.csv", "a,b\n", "has no rows to import"),
        ("a.csv", "a,a\n1,2\n", "has two columns named 'a'"),
        ("a.csv", "a\n1,2\n", "line 2: 2 cells stand below 1 column names"),
        ("a.txt.gz", "a\n", "does not end in one of .csv, .tsv, .jsonl, .parquet, .xlsx, .xls, .ods"),
        ("a.jsonl", '{"a": 1}\n[2]\n', "line 2: a row is a JSON object"),
        ("a.jsonl", '{"a": 1\n', "line 1: this is no JSON"),
        ("a.xlsx", "no zip", "cannot be read as a spreadsheet"),
        ("a.parquet", "no parquet", "is no Parquet file"),
        ("a.csv", "name,acc\nlatest,1\n", "line 2: a run cannot be named 'latest'"),
        ("a.csv", "start_time\n12\n", "line 2: '12' lies before 1980"),
        ("a.csv", "status\nwild\n", "line 2: 'wild' is no status"),
        ("a.csv", "commit\n" + "ab" * 4 + "\n", "line 2: the commit abababab is not in this repository"),
        ("a.csv", f"run_id\n{'1' * 32}\n{'1' * 32}\n", "line 3: the run 11111111 stands in line 2 already"),
    ],
)
def test_what_is_no_table_of_runs(gittrack: Gittrack, name: str, text: str, sentence: str) -> None:
    done = gittrack("import", write(name, text))

    assert done.code in (1, 2)
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert "was written" not in done.out


def test_a_file_that_is_not_there_or_not_utf8(gittrack: Gittrack, tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("name\nB\xe4r\n".encode("latin-1"))

    assert "cannot be read: No such file" in gittrack("import", "nosuch.csv").err
    assert "is not UTF-8" in gittrack("import", str(tmp_path / "latin.csv")).err


def test_prefixes_and_attributes(gittrack: Gittrack, git: Git) -> None:
    head = git("rev-parse", "HEAD").strip()
    write(
        "all.csv",
        "run_id,name,experiment,status,start_time,end_time,author,commit,params.a.b,metrics.m,tags.t,artifact_uri\n"
        f"{'ab' * 16},one,exp,FAILED,1700000000000,1700000060500,Bob B <b@example.com>,{head[:10]},[1; 2],1,x,file:/x\n"
        '7,two,,KILLED,1700000000,,Carl,,"[1, {""k"": null}]",2.5,y,\n',
    )
    done = gittrack("import", "all.csv", "--ignore", "artifact_uri", "--experiment", "rest", "--yes")

    assert done.code == 0, done.err
    two, one = public.search_runs(order_by="attributes.name DESC")
    assert "tag run_id" in done.out, "not every id is one: kept as a tag"
    assert (two.tags["run_id"], one.tags["run_id"]) == ("7", "ab" * 16)
    assert (one.experiment, two.experiment) == ("exp", "rest")
    assert (one.status, two.status) == ("failed", "killed")
    assert (one.duration, two.duration) == (60.5, 0.0)
    assert one.start == two.start == datetime.fromtimestamp(1_700_000_000, timezone.utc)
    assert (one.author, two.author) == (Author("Bob B", "b@example.com"), Author("Carl", ""))
    assert (one.code.commit, two.code.commit) == (head, None)
    assert (one.params, two.params) == ({"a.b": "[1; 2]"}, {"a.b": [1, {"k": None}]})
    assert git("rev-parse", "refs/gittrack/code^{commit}^@").strip() == head, "its code is kept alive"


MLFLOW = """\
run_id,experiment_id,status,artifact_uri,start_time,end_time,metrics.acc,params.lr,tags.mlflow.runName,tags.mlflow.user
0123456789abcdef0123456789abcdef,0,FINISHED,/a,2024-01-31 14:00:00.125000+00:00,2024-01-31 14:01+00:00,0.5,0.1,fox,ada
"""
DVC = """\
Experiment,rev,typ,Created,parent,State,acc,train.lr
fuzzy-fox,workspace,baseline,2024-01-31T14:00:00,1a2b3c,Success,0.75,0.1
"""


def test_tables_of_other_tools(gittrack: Gittrack) -> None:
    for name, text in (("mlflow.csv", MLFLOW), ("dvc.csv", DVC)):
        done = gittrack("import", write(name, text))
        assert done.code == 0, done.err
    one, other = public.get_run("fox"), public.search_runs(experiment="fuzzy-fox")[0]

    assert (one.id, one.experiment, one.status) == ("0123456789abcdef" * 2, "0", "finished")
    assert (one.duration, one.author, one.params) == (59.875, Author("ada", ""), {"lr": 0.1})
    assert one.tags == {"imported_from": "mlflow.csv", "artifact_uri": "/a"}
    assert other.tags == {"imported_from": "dvc.csv", "parent": "1a2b3c", "rev": "workspace"}
    assert (other.params, other.metrics["acc"].last) == ({"typ": "baseline", "train.lr": 0.1}, 0.75)
    assert (other.status, other.start.day) == ("finished", 31)


def test_ids_are_kept_and_runs_that_are_here_stay(gittrack: Gittrack) -> None:
    write("a.csv", f"run_id,acc\n{'ab' * 16},0.5\n")
    assert "imported 1 run" in gittrack("import", "a.csv").out
    write("a.csv", f"run_id,acc\n{'ab' * 16},0.75\n{'cd' * 16},0.25\n")
    assert "imported 1 run from a.csv; 1 was here already" in gittrack("import", "a.csv").out

    assert public.get_run("abab").metrics["acc"].last == 0.5, "what is committed never changes"
    assert public.get_run("cdcd").id == "cd" * 16


def test_a_purged_run_stays_away(gittrack: Gittrack) -> None:
    write("a.csv", SHEET)
    assert gittrack("import", "a.csv").code == 0
    assert gittrack("purge", "first", "--yes").code == 0
    again = gittrack("import", "a.csv").out.splitlines()[-1]

    assert again == "imported 0 runs from a.csv; 2 were here already; 1 run stayed away, purged for good"


def test_a_running_run_is_here_already(gittrack: Gittrack, run_python: RunPython) -> None:
    done = run_python("""
        import subprocess, sys, gittrack

        with gittrack.start_run("going") as run:
            open("a.csv", "w").write(f"run_id,acc\\n{run.id},0.5\\n")
            subprocess.run([sys.executable, "-m", "gittrack", "import", "a.csv"], check=True)
    """)

    assert "imported 0 runs from a.csv; 1 was here already" in done.out, done.err


RECORDED = """
    import gittrack

    params = {"lr": 0.1 + 0.2, "big": 2**60 + 1, "net": {"width": [64, 32]}, "amp": True, "text": "-x"}
    with gittrack.start_run("first", params=params, tags={"stage": "=1+1"}) as run:
        for step in range(5):
            run.log_metric("loss", 1 / (step + 1), step)
        run.log_metric("odd", float("nan"))
        run.log_metric("once", 3, 4)
        run.set_description("two\\nlines")
    with gittrack.start_run("second", experiment="other") as run:
        run.log_params({"lr": "auto"})
        run.log_text("hello", "hello.txt")
"""


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_what_was_exported_comes_back(
    gittrack: Gittrack, run_python: RunPython, git: Git, tmp_path: Path, form: str
) -> None:
    assert run_python(RECORDED).code == 0
    file = str(tmp_path / f"runs.{form}")
    assert gittrack("export", file).code == 0
    before = exported(gittrack)
    documents = [run.to_dict() for run in public.search_runs(order_by="name")]
    other = tmp_path / "other"
    git("init", "-q", str(other))
    os.chdir(other)
    done = gittrack("import", file)

    assert done.out.splitlines()[-1] == f"imported 2 runs from runs.{form}", done.err
    after = exported(gittrack)
    assert [row.pop("tags.imported_from") for row in after] == [f"runs.{form}"] * 2
    assert [dict(row.items() - was.items()) for row, was in zip(after, before, strict=True)] == [{}, {}]
    assert list(after[0]) == list(before[0])
    assert gittrack("check").code == 0
    if form == "jsonl":
        again = [run.to_dict() for run in public.search_runs(order_by="name", repo=other)]
        gone = {"tags", "artifacts", "warnings", "metrics"}
        assert [{k: v for k, v in d.items() if k not in gone} for d in again] == [
            {k: v for k, v in d.items() if k not in gone} for d in documents
        ]
        assert again[0]["params"] == documents[0]["params"], "nested as it was"
        summaries = [dict(run["metrics"])["loss"] for run in (again[0], documents[0])]  # type: ignore[call-overload]
        assert [s.pop("count") for s in summaries] == [2, 5]
        assert summaries[0] == summaries[1]
        assert "histories" in str(again[0]["warnings"])
        assert "artifacts, 1 in all" in str(again[1]["warnings"])
    assert "imported 0 runs" in gittrack("import", file).out


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("status", "wild", "'wild' is not a status"),
        ("name", "a\nb", "must not be empty or hold line breaks"),
        ("host", "\ud800", "this is no JSON"),
        ("parent", "../x", "the parent of a run is 32 hexadecimal characters"),
        ("code", {"commit": "x\nHEAD"}, "must be the id of an object"),
        ("metrics", {"a\tb": {"last": 1, "min": 1, "max": 1, "count": 1}}, "holds a line break or a control character"),
        ("metrics", {"a": {"last": "x", "min": 1, "max": 1, "count": 1}}, "last"),
        ("params", 3, "params"),
    ],
)
def test_a_document_of_somebody_else(gittrack: Gittrack, git: Git, key: str, value: object, sentence: str) -> None:
    write("a.csv", SHEET)
    assert gittrack("import", "a.csv").code == 0
    document = {**public.get_run("first").to_dict(), "id": "ef" * 16, key: value}
    tip = git("rev-parse", "gittrack/runs")
    done = gittrack("import", write("a.jsonl", json.dumps(document) + "\n"))

    assert (done.code, done.err.count("\n")) == (1, 1), done.err
    assert "line 1" in done.err
    assert sentence in done.err
    assert git("rev-parse", "gittrack/runs") == tip


def test_spreadsheets_keep_their_types(gittrack: Gittrack) -> None:
    book = openpyxl.Workbook()
    book.active.append(["notes of last year"])
    sheet = book.create_sheet("results")
    sheet.append([])
    sheet.append(["name", "date", "depth", "ratio", "text", "flag", "acc", "day"])
    sheet.append(["a", datetime(2024, 1, 2, 3, 4, 5), 3, 0.5, "007", True, 1, date(2024, 2, 3)])  # noqa: DTZ001 - a sheet has no zones
    sheet.append(["b", date(2024, 1, 3), 4.0, 2, "x", False, 0.25, None])
    book.save("book.xlsx")
    done = gittrack("import", "book.xlsx", "--sheet", "results", "--param", "day,ratio")

    assert done.code == 0, done.err
    a, b = public.get_run("a"), public.get_run("b")
    assert a.params == {"depth": 3, "ratio": 0.5, "text": "007", "flag": True, "day": "2024-02-03"}
    assert b.params == {"depth": 4, "ratio": 2, "text": "x", "flag": False}
    assert a.start == datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    assert [run.metrics["acc"].last for run in (a, b)] == [1, 0.25]
    assert "has no sheet 'other'; it has 'Sheet', 'results'" in gittrack("import", "book.xlsx", "--sheet", "other").err


ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
  xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
  xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
  office:version="1.2"><office:body><office:spreadsheet><table:table table:name="Sheet1">
<table:table-row><table:table-cell office:value-type="string"><text:p>name</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>acc</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="string"><text:p>open</text:p></table:table-cell>
<table:table-cell office:value-type="float" office:value="0.5"><text:p>0,5</text:p></table:table-cell></table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>"""


MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">
<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>"""


def test_an_open_document(gittrack: Gittrack) -> None:
    with zipfile.ZipFile("sheet.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", "".join(ODS.splitlines()))
    done = gittrack("import", "sheet.ods")

    assert done.code == 0, done.err
    assert public.get_run("open").metrics["acc"].last == 0.5


def test_decimal_commas_and_json_lines(gittrack: Gittrack) -> None:
    write("de.csv", "\ufeffname;lr;acc\ncomma;0,1;0,75\n")
    write("rows.jsonl", '{"name": "json", "params": {"net": {"w": 1}}, "metrics": {"acc": 0.5}, "seed": 3}\n\n')
    for file in ("de.csv", "rows.jsonl"):
        done = gittrack("import", file)
        assert done.code == 0, done.err

    comma, rows = public.get_run("comma"), public.get_run("json")
    assert (comma.params, comma.metrics["acc"].last) == ({"lr": 0.1}, 0.75)
    assert (rows.params, rows.metrics["acc"].last) == ({"net": {"w": 1}, "seed": 3}, 0.5)


def test_a_secret_reaches_no_commit(gittrack: Gittrack, git: Git) -> None:
    token = "ghp_" + "a1B2c3D4e5" * 4
    write("a.csv", f"name,api_key,Notes,acc\nx,{token},see {token},1\n")
    write("b.jsonl", json.dumps({"name": "y", "params": {"url": f"https://u:{token}@host/x"}, "acc": 1}) + "\n")
    for file in ("a.csv", "b.jsonl"):
        done = gittrack("import", file)
        assert (done.code, token in done.out) == (0, False), done.err

    text = git("grep", "-h", "", "gittrack/runs")
    assert token not in text
    assert text.count("[redacted]") == 3


def test_two_imports_at_once_double_nothing(gittrack: Gittrack, run_python: RunPython) -> None:
    write("results.csv", SHEET)
    done = run_python("""
        import subprocess, sys

        command = [sys.executable, "-m", "gittrack", "import", "results.csv"]
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        print(sum("imported 3 runs" in one.communicate()[0] for one in started), [one.returncode for one in started])
    """)

    assert done.out == "1 [0, 0, 0]\n", done.err
    assert len(public.search_runs()) == 3
    assert gittrack("check").code == 0


def test_standing_reads_the_branch_as_it_is(gittrack: Gittrack, repo: Path) -> None:
    write("a.csv", f"run_id,acc\n{'ab' * 16},0.5\n")
    project = open_project(repo)
    assert standing(project, ["ab" * 16]).here == frozenset()
    assert gittrack("import", "a.csv").code == 0
    found = standing(project, ["ab" * 16, "ab" + "0" * 30])

    assert (set(found.here), set(found.purged)) == ({"ab" * 16}, set())
    with ObjectStore(project.repo) as store:
        assert View(store, project.runs_tip()).names("runs/ab") == ["ab" * 16]
