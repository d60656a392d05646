"""The page is one file that loads nothing and runs nothing of what a run was called."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from gittrack.plot.figure import curves, parallel, scatter
from gittrack.plot.page import page
from gittrack.plot.series import STEP, Series

if TYPE_CHECKING:
    from gittrack.model import Value
    from gittrack.plot.figure import Figure

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\"><svg onload='alert(1)'>",
    "{title} {0} %s $x_2$ & \\u003c ]]> <!--",
    "\u2028\u2029 é 漢字",
]
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "main", "nav", "button", "figure", "div", "script"),
    *("svg", "g", "path", "text", "circle"),
}


class Page(HTMLParser):
    """What is in a page: elements with their attributes, the text of each kind of element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self._open[-1], data))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


def series(number: int, label: str, values: list[float], smooth: list[float] | None = None) -> Series:
    xs = [float(step) for step in range(len(values))]
    return Series(number, f"{number:032x}", label, label, "loss", xs, values, values if smooth is None else smooth)


def of_curves() -> Figure:
    every = [series(n, name, [1.0, math.nan, 0.5 + n, math.inf]) for n, name in enumerate(HOSTILE)]
    return (curves(HOSTILE[0], every, STEP, log_x=False, log_y=False),)


def of_dots() -> Figure:
    rows: list[tuple[str, Value, float]] = [(name, name, float(n)) for n, name in enumerate(HOSTILE)]
    return (scatter(HOSTILE[1], HOSTILE[2], rows, str, log_x=False, log_y=False),)


def of_rows() -> Figure:
    return parallel([(HOSTILE[0], HOSTILE, False), ("loss", [5, 4, 3, 2, math.nan], False)], HOSTILE, str)


@pytest.mark.parametrize("figure", [of_curves(), of_dots(), of_rows()], ids=["curves", "dots", "rows"])
def test_names_stay_text_and_nothing_is_loaded(figure: Figure) -> None:
    text = page(figure, HOSTILE[1])
    found = Page(text)

    assert {tag for tag, _ in found.elements} <= ELEMENTS
    attributes = {name for _, held in found.elements for name in held}
    assert not {name for name in attributes if name.startswith("on") or name in ("src", "href", "style", "srcdoc")}
    assert "url(" not in text
    assert "@import" not in text
    assert found.text("title")[0] == HOSTILE[1]
    labels = json.dumps(json.loads(found.text("script")[0]), ensure_ascii=False)
    for name in HOSTILE:
        assert json.dumps(name, ensure_ascii=False)[1:-1] in labels
    assert [found.all("script")[0], len(found.all("script"))] == [{"type": "application/json", "id": "data"}, 2]


def test_the_policy_allows_its_own_script_and_style_alone() -> None:
    found = Page(page(of_curves(), "loss"))
    (policy,) = (m["content"] for m in found.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))

    assert rules["default-src"] == "'none'"
    for rule, held in (("script-src", found.text("script")[1]), ("style-src", found.text("style")[0])):
        assert rules[rule] == f"'sha256-{base64.b64encode(hashlib.sha256(held.encode()).digest()).decode()}'"
    assert rules.keys() == {"default-src", "script-src", "style-src", "base-uri", "form-action"}


def test_what_the_pointer_finds_is_what_is_drawn() -> None:
    smooth = [0.25, 0.5, math.nan, 1.0]
    one = series(3, "fast", [0.0, 1.0, math.nan, 1.5], smooth)
    found = Page(page((curves("loss", [one], STEP, log_x=False, log_y=False),), "loss"))
    (panel,) = json.loads(found.text("script")[0])
    (drawn,) = panel["series"]

    assert (panel["kind"], panel["x"], drawn["label"], drawn["run"]) == ("curves", "step", "fast", 3)
    assert panel["y"] == {"low": pytest.approx(-0.06), "high": pytest.approx(1.56), "log": False}
    assert (drawn["x"], drawn["value"], drawn["drawn"]) == (["0", "1", "3"], ["0", "1", "1.5"], ["0.25", "0.5", "1"])
    assert drawn["starts"] == [0, 2]
    assert drawn["raw"] == {"u": [0, pytest.approx(1 / 3, abs=1e-5), 1], "drawn": ["0", "1", "1.5"], "starts": [0, 2]}
    (frame,) = {svg["data-frame"] for svg in found.all("svg")}
    left, right, top, bottom = map(float, frame.split())
    low, high = panel["y"]["low"], panel["y"]["high"]
    vs = [(float(text) - low) / (high - low) for text in drawn["drawn"]]
    at = [(left + u * (right - left), bottom - v * (bottom - top)) for u, v in zip(drawn["u"], vs, strict=True)]
    paths = [path["d"] for path in found.all("path") if path["class"].startswith("curve")]
    pairs = [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", "".join(paths))]
    assert [pytest.approx(pair, abs=0.1) for pair in at] == pairs


def test_the_script_finds_what_it_looks_for() -> None:
    pages = [Page(page(figure, "loss")) for figure in (of_curves(), of_dots(), of_rows())]
    there = {name for found in pages for _, held in found.elements for name in held.get("class", "").split()}
    script = pages[0].text("script")[1]

    sought = set(re.findall(r"""["' ]\.([a-z]+)["':\[]""", script))
    assert {"curves", "up", "tip", "at", "dot"} <= sought
    assert sought - there == {"near"}, "the script itself gives this one"


def test_each_curve_has_a_key_and_what_it_takes_away() -> None:
    found = Page(page(of_curves(), "loss"))

    assert found.text("button") == HOSTILE
    for number in range(len(HOSTILE)):
        parts = [held for tag, held in found.elements if held.get("data-run") == str(number) and tag == "path"]
        assert {part["class"].split()[0] for part in parts} == {"curve", "odd"}
    assert set(found.text("title")[1:]) == {"nan", "inf"}


def test_a_run_without_a_finite_value_is_no_error() -> None:
    figure = (curves("loss", [series(0, "bad", [math.nan, math.inf, -math.inf])], STEP, log_x=True, log_y=True),)

    assert Page(page(figure, "loss")).all("svg")
    assert Page(page(parallel([("lr", [0.1], False)], ["one"], str), "lr")).all("svg")
    assert Page(page((scatter("lr", "loss", [("a", None, math.nan)], str, log_x=True, log_y=True),), "x")).all("svg")
