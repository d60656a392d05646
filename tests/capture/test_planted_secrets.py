"""A thousand secrets, wherever gittrack writes: none may be in an object or in what is kept beside the objects.

What the user asks to keep by name, the content of an artifact, is kept as it is, and so is what is in git already.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gittrack.capture.redact import redact_text
from gittrack.capture.secret_files import secret_in
from tests.capture.planted import Garden, lost

if TYPE_CHECKING:
    from tests.conftest import Git, Gittrack, RunPython

PYTHON = sys.executable


def everything_kept(repo: Path) -> bytes:
    """Each object of the repository, reachable or not, and each file of gittrack's own folder."""
    objects = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"], cwd=repo, capture_output=True, check=True
    ).stdout
    files = [path for path in (repo / ".git/gittrack").rglob("*") if path.is_file()]
    names = "\n".join(str(path) for path in files).encode()
    refs = subprocess.run(["git", "for-each-ref"], cwd=repo, capture_output=True, check=True).stdout
    return b"\n".join([objects, refs, names, *(path.read_bytes() for path in files)])


def arguments(garden: Garden) -> list[str]:
    spaced = [word for text in garden.named("option value", "--{} {}".format) for word in text.split(" ", 1)]
    return [
        *garden.credential("argument"),
        *garden.named("option=", lambda name, value: f"--{name}={value}"),
        *spaced,
        *garden.named("hydra", lambda name, value: f"+a.{name}={value}"),
        *garden.named("define", lambda name, value: f"-D{name}={value}"),
        *garden.urls("argument"),
        *(f"--url={url}" for url in garden.urls("option url")),
        *garden.headers("argument"),
        *garden.keys("argument"),
        json.dumps(dict(text.split("=", 1) for text in garden.named("json", "{}={}".format))),
        *(text for _, text in garden.written("argument")),
        *("wandb", "login", garden.plant("login", value := garden.made(40), value)),
    ]


def test_arguments(repo: Path, gittrack: Gittrack) -> None:
    garden = Garden(1)
    words = arguments(garden)
    assert gittrack("run", "-q", "--", PYTHON, "train.py", *words).code == 0
    assert lost(garden.plants, everything_kept(repo)) == []
    assert len(garden.plants) >= 250


def test_output_whole_in_pieces_and_in_colours(repo: Path, gittrack: Gittrack) -> None:
    garden = Garden(2)
    lines = [
        *garden.credential("output"),
        *garden.named("output", "{}={}".format),
        *garden.named("output json", '{{"{}": "{}"}}'.format),
        *garden.named("output colon", "{}: {}".format),
        *garden.urls("output"),
        *garden.headers("output"),
        *garden.keys("output"),
        *(text for _, text in garden.written("output")),
        *(f"at \x1b[32m{text[:9]}\x1b[0m\x1b[1m{text[9:]}\x1b[0m now" for text in garden.credential("coloured")),
    ]
    (repo / "lines.json").write_text(json.dumps(lines))
    script = """
    import json, os, sys
    text = "\\n".join(json.load(open("lines.json"))) + "\\n"
    for stream in (1, 2):
        for place in range(0, len(text), 37):
            os.write(stream, text[place:place + 37].encode())
    raise SystemExit("cannot go on: " + text)
    """
    (repo / "print.py").write_text("\n".join(line[4:] for line in script.splitlines()))
    assert gittrack("run", "-q", "--", PYTHON, "print.py").code == 1
    assert lost(garden.plants, everything_kept(repo)) == []
    assert len(garden.plants) >= 250


def test_what_a_program_logs(repo: Path, run_python: RunPython, gittrack: Gittrack) -> None:
    garden = Garden(3)
    given = {
        "params": {
            "by_name": dict(text.split("=", 1) for text in garden.named("param", "{}={}".format)),
            "deep": {"a": [{"b": dict(text.split("=", 1) for text in garden.named("deep param", "{}={}".format))}]},
            "texts": garden.credential("param") + garden.urls("param") + garden.headers("param") + garden.keys("param"),
            "code": [text for _, text in garden.written("param")],
        },
        "one": garden.credential("log_param"),
        "tags": garden.credential("tag") + garden.urls("tag"),
        "text": " and ".join(garden.credential("description")),
        "keys": garden.credential("name of a param", 40),
        "error": " / ".join(garden.credential("traceback") + garden.urls("traceback")),
    }
    (repo / "given.json").write_text(json.dumps(given))
    result = run_python(
        """
        import json, gittrack
        given = json.load(open("given.json"))
        with gittrack.start_run("logged", tags={"first": given["tags"][0]}):
            gittrack.log_params(given["params"])
            for place, value in enumerate(given["one"]):
                gittrack.log_param(f"p{place}", value)
            for place, value in enumerate(given["tags"]):
                gittrack.set_tag(f"t{place}", value)
            for key in given["keys"]:
                gittrack.log_param(key, 1)
                gittrack.set_tag(key, "1")
                gittrack.log_metric(key, 1.0)
            gittrack.set_description(given["text"])
            raise RuntimeError(given["error"])
        """
    )
    assert "RuntimeError" in result.err
    assert gittrack("show", "logged").code == 0
    assert lost(garden.plants, everything_kept(repo)) == []
    assert len(garden.plants) >= 300


def test_files_of_params_the_environment_and_what_is_said_later(repo: Path, git: Git, gittrack: Gittrack) -> None:
    garden = Garden(4)
    named = dict(text.split("=", 1) for text in garden.named("params file", "{}={}".format))
    (repo / "params.json").write_text(json.dumps({"a": named, "b": garden.credential("params file")}))
    (repo / "params.yaml").write_text("".join(garden.named("params yaml", "{}: {}\n".format)))
    git("config", "--add", "gittrack.environment", "MINE_*")
    environment = {f"MINE_{number}": text for number, text in enumerate(garden.credential("variable"))}
    environment |= dict(text.split("=", 1) for text in garden.named("variable", "MINE_{}={}".format) if "-" not in text)
    environment["XLA_FLAGS"] = f"--x=hf_{_value(garden, 'XLA_FLAGS')}x7"
    git("remote", "add", "origin", f"https://ada:{_value(garden, 'remote')}@git.ada.org/x.git")
    name, experiment, tag, description, *words = garden.credential("said", 69)
    arguments = ["--name", name, "--experiment", experiment, "--tag", f"k={tag}", "--description", description]
    arguments += ["--params", "params.json", "--params", "params.yaml"]
    assert gittrack("run", "-q", *arguments, "--", PYTHON, "train.py", env=environment).code == 0
    assert gittrack("note", "latest", "\n".join(words[:30] + garden.urls("note") + garden.keys("note"))).code == 0
    assert gittrack("tag", "latest", *(f"t{place}={word}" for place, word in enumerate(words[30:60]))).code == 0
    assert gittrack("tag", "latest", *(f"{word}=1" for word in words[60:64])).code == 0
    assert gittrack("rename", "latest", words[64]).code == 0
    assert lost(garden.plants, everything_kept(repo)) == []
    assert len(garden.plants) >= 200


def test_names_of_inputs_and_artifacts_and_of_the_directory(
    repo: Path, git: Git, gittrack: Gittrack, run_python: RunPython
) -> None:
    garden = Garden(6)
    (repo / ".gitignore").write_text("*.csv\nwork-*\n")
    *words, directory = garden.credential("path", 60)
    named = [text for text in garden.named("path", "{}={}".format) if "/" not in text]
    paths = [f"{word}.csv" for word in words + named if "/" not in word]
    folder = repo / f"work-{directory}"
    folder.mkdir()
    for path in paths:
        (folder / path).write_text("a,b\n1,2\n")
    options = [word for path in paths[:40] for word in ("--input", path, "--artifact", path)]
    options += [word for path in paths[40:60] for word in ("--metrics", path, "--params", "p.json")]
    (folder / "p.json").write_text("{}")
    assert gittrack("run", "-q", *options, "--", PYTHON, "-c", "pass", cwd=folder).code == 0
    (folder / "paths.json").write_text(json.dumps(paths))
    script = """
    import json, gittrack
    with gittrack.start_run("logged"):
        for path in json.load(open("paths.json")):
            gittrack.log_input(path)
            gittrack.log_artifact(path)
            gittrack.log_text("x", f"folder/{path}")
    """
    assert run_python(script, cwd=folder).code == 0
    kept = everything_kept(repo)
    assert lost(garden.plants, kept) == []
    assert kept.count(b"[redacted]") > len(paths)
    assert len(paths) >= 60


def _files(garden: Garden) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {}

    def add(ending: str, texts: list[str]) -> None:
        for text in texts:
            files[f"dir{len(files) % 7}/f{len(files)}{ending}"] = text + "\n"

    add(".py", [f'x = 1\nclient = Client("{text}")' for text in garden.credential("source")])
    add(".py", garden.named("python", lambda name, value: f'{name.replace("-", "_")} = "{value}"'))
    add(".js", garden.named("javascript", lambda name, value: f"const {name.replace('-', '_')} = '{value}';"))
    add(".sh", garden.named("shell", lambda name, value: f"export {name}={value}"))
    add(".yaml", garden.named("yaml", lambda name, value: f"a:\n  {name}: {value}"))
    add(".toml", garden.named("toml", lambda name, value: f'{name} = "{value}"'))
    add(".ini", garden.named("ini", lambda name, value: f"[a]\n{name} = {value}"))
    add(".json", garden.named("json", lambda name, value: json.dumps({"a": {name: value}})))
    add(".tfvars", garden.named("terraform", lambda name, value: f'{name} = "{value}"'))
    add(".ipynb", garden.named("notebook", lambda name, value: json.dumps({"source": [f'{name} = "{value}"\n']})))
    add(".ipynb", [json.dumps({"outputs": [{"text": [f"{text}\n"]}]}) for text in garden.credential("notebook")])
    add(".csv", [f"user,password\nada,{value}" for value in (_value(garden, "csv") for _ in range(9))])
    add(".xml", [f"<a><password>{value}</password></a>" for value in (_value(garden, "xml") for _ in range(9))])
    add(".md", garden.urls("prose"))
    add(".txt", garden.headers("prose"))
    add(".pem", garden.keys("pem"))
    add("", garden.keys("windows", "\r\n"))
    add(".py", [f'K = """{key}"""' for key in garden.keys("in source")])
    add(".json", [json.dumps({"private_key": key}) for key in garden.keys("service account")])
    logins = [base64.b64encode(f"ada:{garden.made(20)}".encode()).decode() for _ in range(9)]
    for login in logins:
        garden.plant("docker", login, login)
    add(".json", [json.dumps({"auths": {"r.ada.org": {"auth": login}}}) for login in logins])
    add("", [f"machine ada.org login ada password {_value(garden, 'netrc')}" for _ in range(5)])
    add(".txt", [f"curl -u ada:{_value(garden, 'curl')} https://ada.org" for _ in range(5)])
    for name in (".env", ".netrc", ".pypirc", ".npmrc", ".git-credentials", ".pgpass", "id_rsa", "sub/.env.local"):
        files[name] = f"x {_value(garden, name)}\n"
    for file, text in garden.written("code"):
        add(file.removeprefix("a"), [text])
    for token in garden.credential("binary"):
        for number, data in enumerate(_binaries(token)):
            files[f"bin{number}/f{len(files)}.bin"] = data
    return files


def _value(garden: Garden, kind: str) -> str:
    value = garden.made(20)
    garden.plant(kind, value, value)
    return value


def test_the_snapshot(repo: Path, git: Git, gittrack: Gittrack) -> None:
    garden = Garden(5)
    files = _files(garden)
    files["wide.py"] = f'API_KEY = "{_value(garden, "UTF-16")}"\n'
    for name, text in files.items():
        path = repo / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-16" if name == "wide.py" else "utf-8"))
    (repo / "train.py").write_text(f'print(1)\nlogin("{garden.credential("changed", 1)[0]}")\n')
    for word in garden.credential("file name", 20):
        (repo / f"{word.replace('/', '')}.txt").write_text("nothing\n")
    (repo / "kept.py").write_text("password = 'hunter2'\n")
    assert gittrack("run", "-q", "--", PYTHON, "-c", "print(1)").code == 0
    snapshot = json.loads(gittrack("show", "latest", "--json").out)["code"]["snapshot"]
    kept = git("ls-tree", "-r", "--name-only", snapshot).split()
    assert "kept.py" in kept
    assert lost(garden.plants, everything_kept(repo)) == []
    assert len(garden.plants) >= 400
    assert os.path.exists(repo / ".env"), "what is left out stays where it was"


def _binaries(token: str) -> list[bytes]:
    """A credential in files that are no text: pickles, an array, a database, text of Windows without a mark."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        database = sqlite3.connect(path)
        database.execute("create table logins (name, token, note)")
        database.execute("insert into logins values (?, ?, ?)", ("ada-lovelace", token, "x"))
        database.commit()
        database.close()
        content = path.read_bytes()
    return [
        pickle.dumps({"name": "ada", "token": token, "loss": 0.5}, 4),
        pickle.dumps([token, "x\0"], 2),
        b"\x93NUMPY\1\0v\0" + f"x{token}".encode("utf-32-le"),
        content,
        f"x = '{token}'\n".encode("utf-16-le"),
        f"x = '{token}'\n".encode("utf-16-be"),
    ]


def test_a_credential_in_a_binary_file_is_found() -> None:
    garden = Garden(7)
    garden.credential("binary")
    kept = [
        f"{plant.kind} in binary {number}"
        for plant in garden.plants
        for number, data in enumerate(_binaries(plant.text))
        if secret_in("a.bin", data) is None
    ]
    assert kept == []


def test_each_form_with_each_name_is_found_in_a_file_and_gone_from_text() -> None:
    garden = Garden(9)
    written = garden.written("form", 100)
    kept = [text for file, text in written if secret_in(file, f"x = 1\n{text}\n".encode()) is None]
    assert kept == []
    assert lost(garden.plants, "\n".join(redact_text(text) for _, text in written).encode()) == []
    assert len(written) >= 700


def test_they_are_found_where_they_are_kept(repo: Path) -> None:
    garden = Garden(1)
    words = arguments(garden)
    (repo / ".git/gittrack").mkdir()
    (repo / ".git/gittrack/x").write_text("\n".join(words))
    assert len(lost(garden.plants, everything_kept(repo))) == len(garden.plants)
