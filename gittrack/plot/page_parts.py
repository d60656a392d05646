"""Style and script of the page: constants, since the policy of the page names them by their hashes."""

from __future__ import annotations

from typing import Final

# Okabe and Ito's colours (Color Universal Design, 2008), told apart by colour-blind eyes, and four more;
# the shades of parallel coordinates are steps of viridis, from few to much.
STYLE: Final = """
:root { --ground: #fff; --ink: #222; --faint: #667; --grid: #e4e4ea; --tip: #fffffff0;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #b58900; --c5: #3a9bd9; --c6: #6a3d9a;
  --c7: #b2182b; --c8: #4d6a1f; --c9: #777777;
  --s0: #440154; --s1: #46327e; --s2: #365c8d; --s3: #277f8e; --s4: #1fa187; --s5: #4ac16d; --s6: #8fc93a;
  --s7: #c9b50b; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #16181d; --ink: #e6e6ea; --faint: #9a9aa8; --grid: #2c2f37; --tip: #23262ef0;
    --c0: #56b4e9; --c1: #ff9248; --c2: #2fc79c; --c3: #e8a4cb; --c4: #f0e442; --c5: #8fb8ff; --c6: #b99be8;
    --c7: #ff6b7a; --c8: #a6c964; --c9: #b0b0b0;
    --s0: #8a5aa8; --s1: #7a74c8; --s2: #5f93cf; --s3: #46aec0; --s4: #3cc4a4; --s5: #6fd67f; --s6: #b0de5a;
    --s7: #fde725; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 14px/1.4 system-ui, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 16px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 12px; }
nav button { border: 0; padding: 2px 4px; background: none; color: var(--ink); font: inherit; cursor: pointer;
  text-align: left; overflow-wrap: anywhere; }
nav button::before { content: ""; display: inline-block; width: 18px; height: 3px; margin-right: 6px;
  vertical-align: middle; background: var(--color); }
nav button[aria-pressed="false"] { opacity: .35; text-decoration: line-through; }
figure { position: relative; margin: 12px 0; }
svg { display: block; width: 100%; height: auto; }
.off { display: none; }
.grid, .frame { fill: none; stroke: var(--grid); }
.frame { stroke: var(--faint); }
.curve, .raw, .row { fill: none; stroke: var(--color); stroke-width: 1.8; stroke-linejoin: round;
  stroke-linecap: round; }
.raw { opacity: .25; stroke-width: 1.2; }
.curve.alone { stroke-width: 6; }
.raw.alone { stroke-width: 5; }
.dashed { stroke-dasharray: 7 4; }
.odd { fill: var(--color); stroke: var(--color); stroke-width: 1.5; }
.row { opacity: .75; }
.row.near { opacity: 1; stroke-width: 4; }
.dot { fill: var(--c0); fill-opacity: .75; stroke: var(--ground); }
.dot.near { fill: var(--c1); fill-opacity: 1; }
.at { fill: var(--ground); stroke: var(--color); stroke-width: 2.5; }
text { fill: var(--ink); font-size: 13px; }
.tick { fill: var(--faint); font-size: 12px; paint-order: stroke; stroke: var(--ground); stroke-width: 3px; }
.title { font-size: 15px; font-weight: 600; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.tip { position: absolute; z-index: 1; max-width: 45%; padding: 6px 9px; border: 1px solid var(--grid);
  border-radius: 4px; background: var(--tip); pointer-events: none; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }
.tip b { display: block; }
.tip div { color: var(--faint); }
.c0 { --color: var(--c0); } .c1 { --color: var(--c1); } .c2 { --color: var(--c2); } .c3 { --color: var(--c3); }
.c4 { --color: var(--c4); } .c5 { --color: var(--c5); } .c6 { --color: var(--c6); } .c7 { --color: var(--c7); }
.c8 { --color: var(--c8); } .c9 { --color: var(--c9); }
.s0 { --color: var(--s0); } .s1 { --color: var(--s1); } .s2 { --color: var(--s2); } .s3 { --color: var(--s3); }
.s4 { --color: var(--s4); } .s5 { --color: var(--s5); } .s6 { --color: var(--s6); } .s7 { --color: var(--s7); }
"""

SCRIPT: Final = """
"use strict";
const panels = JSON.parse(document.getElementById("data").textContent);
const hidden = new Set();
const redrawing = [];
const REACH = 40, ROOM = 0.04, TICKS = 6;

for (const button of document.querySelectorAll("nav button")) {
  button.addEventListener("click", () => {
    const run = Number(button.dataset.run);
    const show = hidden.delete(run) || !hidden.add(run);
    button.setAttribute("aria-pressed", String(show));
    for (const redraw of redrawing) redraw();
  });
}

document.querySelectorAll("figure").forEach((figure, number) => {
  const svg = figure.querySelector("svg");
  const tip = figure.querySelector(".tip");
  const panel = panels[number];
  const [left, right, top, bottom] = svg.dataset.frame.split(" ").map(Number);
  const toX = (u) => left + u * (right - left);
  const toY = (v) => bottom - v * (bottom - top);
  const whole = [".up", ".curves"].map((part) => svg.querySelector(part)?.cloneNode(true));
  let axis = panel.y;  // as it is now
  if (panel.kind === "curves") redrawing.push(redraw);
  const find = { curves: nearestOnCurves, dots: nearestDot, rows: nearestRow }[panel.kind];

  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const zoom = svg.viewBox.baseVal.width / box.width;
    const found = find((event.clientX - box.left) * zoom, (event.clientY - box.top) * zoom);
    leave();
    if (!found) return;
    found.mark();
    tell(found.label, found.texts);
    const x = found.x / zoom, y = found.y / zoom;
    tip.style.left = `${x < box.width / 2 ? x + 14 : Math.max(0, x - tip.offsetWidth - 14)}px`;
    tip.style.top = `${Math.max(0, y - tip.offsetHeight / 2)}px`;
  });
  svg.addEventListener("pointerleave", leave);

  // The axis has room for the curves that are shown, and no more; with all of them it is as it came.
  function redraw() {
    const shown = panel.series.filter((series) => !hidden.has(series.run));
    const some = shown.length > 0 && shown.length < panel.series.length;
    axis = some ? axisFor(shown) : panel.y;
    svg.querySelector(".up").replaceChildren(...(some ? ticks() : whole[0].cloneNode(true).childNodes));
    svg.querySelector(".curves").replaceChildren(...(some ? lines(shown) : whole[1].cloneNode(true).childNodes));
    for (const part of svg.querySelectorAll("[data-run]")) {
      part.classList.toggle("off", hidden.has(Number(part.dataset.run)));
    }
  }

  function axisFor(shown) {
    let low = Infinity, high = -Infinity;
    for (const line of shown.flatMap((series) => series.raw ? [series.raw, series] : [series])) {
      for (const text of line.drawn) {
        const place = onAxis(text);
        low = Math.min(low, place);
        high = Math.max(high, place);
      }
    }
    const room = (high - low) * ROOM || Math.abs(high) * 0.1 || 0.5;
    return Number.isFinite(room) ? { ...panel.y, low: low - room, high: high + room } : panel.y;
  }

  function onAxis(text) {
    return panel.y.log ? Math.log10(Number(text)) : Number(text);
  }

  // Halved, because the span of two numbers may be more than a number can hold.
  function heightOf(text) {
    return toY((onAxis(text) / 2 - axis.low / 2) / (axis.high / 2 - axis.low / 2));
  }

  function lines(shown) {
    const color = (series) => `c${series.run % 10}${Math.floor(series.run / 10) % 2 ? " dashed" : ""}`;
    const newestLast = [...shown].reverse();
    const behind = newestLast.filter((series) => series.raw).map((series) => [series, series.raw, "raw"]);
    const before = newestLast.map((series) => [series, series, "curve"]);
    return [...behind, ...before].flatMap(([series, line, kind]) => {
      const joined = [], alone = [];
      for (let n = 0; n < line.starts.length; n++) {
        const points = [];
        for (let i = line.starts[n]; i < (line.starts[n + 1] ?? line.u.length); i++) {
          points.push(`${toX(line.u[i]).toFixed(1)} ${heightOf(line.drawn[i]).toFixed(1)}`);
        }
        if (points.length > 1) joined.push(`M${points.join("L")}`);
        else alone.push(`M${points[0]}h0`);
      }
      return [[joined, ""], [alone, " alone"]].filter(([pieces]) => pieces.length).map(([pieces, more]) =>
        made("path", { class: `${kind} ${color(series)}${more}`, "data-run": series.run, d: pieces.join("") }));
    });
  }

  function ticks() {
    const span = axis.high - axis.low;
    const power = 10 ** Math.floor(Math.log10(span / TICKS));
    const step = power * [1, 2, 5, 10].find((factor) => span / (power * factor) <= TICKS);
    const parts = [];
    for (let n = Math.ceil(axis.low / step); n * step <= axis.high; n++) {
      const y = toY((n * step - axis.low) / span);
      parts.push(made("path", { class: "grid", d: `M${left} ${y.toFixed(1)}H${right}` }));
      parts.push(made("text", { class: "tick end", x: left - 8, y: y + 4 }, written(n * step, step)));
    }
    return parts;
  }

  function written(value, step) {
    if (axis.log) return String(Number((10 ** value).toPrecision(3)));
    return String(Number(value.toPrecision(Math.max(1, Math.ceil(Math.log10(Math.abs(value) / step + 1)) + 1))));
  }

  function made(tag, attributes, text = "") {
    const element = document.createElementNS(svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  }

  function leave() {
    tip.hidden = true;
    svg.querySelectorAll(".near").forEach((part) => part.classList.remove("near"));
    const at = svg.querySelector(".at");
    if (at) at.setAttribute("hidden", "");
  }

  function tell(label, texts) {
    tip.hidden = false;
    const head = document.createElement("b");
    head.textContent = label;
    tip.replaceChildren(head, ...texts.map(([name, text]) => {
      const line = document.createElement("div");
      line.textContent = `${name} ${text}`;
      return line;
    }));
  }

  function nearestOnCurves(x, y) {
    let best = null, least = Infinity;
    for (const series of panel.series) {
      if (hidden.has(series.run)) continue;
      for (let i = 0; i < series.u.length; i++) {
        const away = Math.abs(toX(series.u[i]) - x) * 4 + Math.abs(heightOf(series.drawn[i]) - y);
        if (away < least) { least = away; best = [series, i]; }
      }
    }
    if (!best) return null;
    const [series, i] = best;
    const texts = [[panel.x, series.x[i]], ["value", series.value[i]]];
    if (series.raw) texts.push(["smoothed", series.drawn[i]]);
    const at = { x: toX(series.u[i]), y: heightOf(series.drawn[i]) };
    return { ...at, label: series.label, texts, mark() {
      const circle = svg.querySelector(".at");
      circle.setAttribute("cx", at.x);
      circle.setAttribute("cy", at.y);
      circle.setAttribute("class", `at c${series.run % 10}`);
      circle.removeAttribute("hidden");
    } };
  }

  function nearestDot(x, y) {
    const away = panel.dots.map((dot) => Math.hypot(toX(dot.u) - x, toY(dot.v) - y));
    const i = away.indexOf(Math.min(...away));
    if (i < 0 || away[i] > REACH) return null;
    const dot = panel.dots[i];
    return { x: toX(dot.u), y: toY(dot.v), label: dot.label, texts: dot.texts,
      mark() { svg.querySelectorAll(".dot")[i].classList.add("near"); } };
  }

  function nearestRow(x, y) {
    const away = panel.rows.map((row) => Math.abs(heightAt(row.v, x) - y));
    const least = Math.min(...away.filter((distance) => distance <= REACH));
    const i = away.indexOf(least);
    if (i < 0) return null;
    const row = panel.rows[i];
    return { x, y, label: row.label, texts: row.texts,
      mark() { svg.querySelector(`[data-row="${i}"]`).classList.add("near"); } };
  }

  function heightAt(places, x) {
    const along = Math.max(0, Math.min(1, (x - left) / (right - left))) * (places.length - 1);
    const first = Math.min(Math.floor(along), Math.max(0, places.length - 2));
    const from = places[first], to = places[Math.min(first + 1, places.length - 1)];
    return from === null || to === null ? NaN : toY(from + (to - from) * (along - first));
  }
});
"""
