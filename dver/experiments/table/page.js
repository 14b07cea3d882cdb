"use strict";
// The table and the parallel coordinates of `dver exp show --html`. All texts of experiments are set as text, never as HTML.
const {columns, rows} = JSON.parse(document.getElementById("data").textContent);
const HEIGHT = 28;
const state = {sort: -1, descending: false, filters: columns.map(() => ""), brushes: new Map(), log: new Map(), lit: null};
const isNumber = value => typeof value === "number";
const isMissing = value => value === null || value === undefined;
const cells = row => row.cells;

// -- values as text

function text(value, column) {
  if (isMissing(value)) return "";
  if (column.kind === "time") return isNumber(value) ? new Date(value * 1000).toLocaleString() : "";
  if (isNumber(value)) return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)));
  return String(value);
}

function compare(one, other) {
  if (isNumber(one) && isNumber(other)) return one - other;
  if (isNumber(one) !== isNumber(other)) return isNumber(one) ? -1 : 1;
  return String(one) < String(other) ? -1 : String(one) > String(other) ? 1 : 0;
}

// -- filters: `> 0.9`, `0.1..0.5`, or a part of the text

function test(filter, column) {
  const wanted = filter.trim();
  const comparison = /^(<=|>=|!=|<|>|=)\s*(.+)$/.exec(wanted);
  const range = /^(\S+)\s*\.\.\s*(\S+)$/.exec(wanted);
  if (comparison) {
    const [, sign, right] = comparison;
    const number = Number(right);
    return value => {
      const ordered = isNumber(value) && !Number.isNaN(number) ? value - number : compare(String(value), right);
      return {"<": ordered < 0, "<=": ordered <= 0, ">": ordered > 0, ">=": ordered >= 0, "=": ordered === 0,
        "!=": ordered !== 0}[sign];
    };
  }
  if (range && !Number.isNaN(Number(range[1])) && !Number.isNaN(Number(range[2]))) {
    return value => isNumber(value) && value >= Number(range[1]) && value <= Number(range[2]);
  }
  const part = wanted.toLowerCase();
  return value => text(value, column).toLowerCase().includes(part);
}

function matching() {
  const tests = state.filters.map((filter, at) => filter.trim() && [at, test(filter, columns[at])]).filter(Boolean);
  const brushed = [...state.brushes].map(([at, [low, high]]) => [axes.find(axis => axis.at === at), low, high]);
  return rows.filter(row => !row.reference
    && tests.every(([at, matches]) => !isMissing(cells(row)[at]) && matches(cells(row)[at]))
    && brushed.every(([axis, low, high]) => { const y = axis.y(cells(row)[axis.at]); return y >= low && y <= high; }));
}

function ordered(found) {
  if (state.sort < 0) return found;
  const at = state.sort, sign = state.descending ? -1 : 1;
  return found.toSorted((one, other) => {
    const [left, right] = [cells(one)[at], cells(other)[at]];
    if (isMissing(left) || isMissing(right)) return isMissing(left) - isMissing(right);
    if (isNumber(left) !== isNumber(right)) return isNumber(left) ? -1 : 1;
    return sign * compare(left, right);
  });
}

// -- the table: only the rows in sight are elements

let shown = [];
const scroller = document.getElementById("table");
const head = scroller.querySelector("thead");
const body = scroller.querySelector("tbody");

function element(name, attributes = {}, content = null) {
  const made = document.createElement(name);
  Object.assign(made, attributes);
  if (content !== null) made.textContent = content;
  return made;
}

function makeHead() {
  const group = scroller.querySelector("colgroup"), titles = element("tr"), inputs = element("tr");
  columns.forEach((column, at) => {
    const longest = rows.reduce((most, row) => Math.max(most, text(cells(row)[at], column).length), column.title.length + 2);
    const width = element("col");
    width.style.width = `${Math.min(longest, 28) + 3}ch`;
    group.append(width);
    const button = element("button", {title: `${column.file ? column.file + ":" : ""}${column.title}`}, column.title);
    button.addEventListener("click", () => {
      state.descending = state.sort === at && !state.descending;
      state.sort = at;
      update();
    });
    const input = element("input", {ariaLabel: `filter ${column.title}`, placeholder: at ? "" : "filter: > 0.9, 1..2, text"});
    input.addEventListener("input", () => { state.filters[at] = input.value; update(); });
    const title = element("th"), filter = element("th");
    title.append(button);
    filter.append(input);
    titles.append(title);
    inputs.append(filter);
  });
  head.append(titles, inputs);
}

function makeRow(row) {
  const made = element("tr", {className: row.reference ? "reference" : ""});
  const base = row.base >= 0 ? rows[row.base] : null;
  columns.forEach((column, at) => {
    const value = cells(row)[at];
    const cell = element("td", {}, text(value, column));
    cell.title = isMissing(value) ? "" : column.kind === "time" ? cell.textContent : String(value);
    if (isNumber(value) && column.kind !== "time") cell.classList.add("number");
    if (base && ["param", "data"].includes(column.kind) && !isMissing(value) && cells(base)[at] !== value) cell.classList.add("differs");
    if (column.kind === "status" && value) cell.classList.add(value);
    made.append(cell);
  });
  made.addEventListener("mouseenter", () => { state.lit = row; plotSoon(); });
  made.addEventListener("mouseleave", () => { state.lit = null; plotSoon(); });
  return made;
}

function space(count) {
  const made = element("tr", {className: "space"}), cell = element("td", {colSpan: columns.length});
  cell.style.height = `${count * HEIGHT}px`;
  made.append(cell);
  return made;
}

function drawRows() {
  const first = Math.max(0, Math.floor(scroller.scrollTop / HEIGHT) - 10);
  const last = Math.min(shown.length, first + Math.ceil(scroller.clientHeight / HEIGHT) + 20);
  body.replaceChildren(space(first), ...shown.slice(first, last).map(makeRow), space(shown.length - last));
}

// -- parallel coordinates: lines on a canvas, axes and brushes in SVG

const SVG = "http://www.w3.org/2000/svg";
const PLOT = {top: 48, bottom: 330, missing: 352, height: 372, left: 70, gap: 150, most: 24};
const plot = document.getElementById("plot"), canvas = plot.querySelector("canvas"), svg = plot.querySelector("svg");
const colour = document.getElementById("colour");
const experiments = rows.filter(row => !row.reference);

function makeAxis(at) {
  const values = experiments.map(row => cells(row)[at]).filter(value => !isMissing(value));
  const numeric = values.length > 0 && values.every(isNumber);
  const axis = {at, column: columns[at], numeric, values: numeric ? [] : [...new Set(values.map(String))].sort()};
  if (numeric) {
    axis.low = values.reduce((one, other) => Math.min(one, other), Infinity);
    axis.high = values.reduce((one, other) => Math.max(one, other), -Infinity);
    axis.canLog = axis.low > 0 && axis.high > axis.low;
    const isRate = columns[at].kind === "param" && !values.every(Number.isInteger);
    if (!state.log.has(at)) state.log.set(at, axis.canLog && isRate && axis.high / axis.low >= 100);
  }
  const places = new Map(axis.values.map((value, number) => [value, number]));
  axis.part = value => {
    if (!numeric) return axis.values.length < 2 ? 0.5 : places.get(String(value)) / (axis.values.length - 1);
    if (axis.high === axis.low) return 0.5;
    const scale = state.log.get(at) ? Math.log : Number;
    return (scale(value) - scale(axis.low)) / (scale(axis.high) - scale(axis.low));
  };
  axis.y = value => isMissing(value) ? PLOT.missing : PLOT.bottom - axis.part(value) * (PLOT.bottom - PLOT.top);
  axis.varies = numeric ? axis.high > axis.low : axis.values.length > 1;
  return axis;
}

const kinds = ["param", "data", "metric"];
const candidates = kinds.flatMap(kind => columns.map((column, at) => [column, at]).filter(([column]) => column.kind === kind));
const varying = candidates.map(([, at]) => makeAxis(at)).filter(axis => axis.varies);
const axes = [...varying.filter(axis => axis.column.kind !== "metric").slice(0, PLOT.most / 2),
  ...varying.filter(axis => axis.column.kind === "metric").slice(0, PLOT.most / 2)];
axes.forEach((axis, number) => { axis.x = PLOT.left + number * PLOT.gap; });

function svgElement(name, attributes, content = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (content !== null) made.textContent = content;
  return made;
}

function short(value) {
  return value.length > 20 ? `${value.slice(0, 19)}…` : value;
}

function ticks(axis) {
  if (!axis.numeric) return axis.values.filter((_, at) => axis.values.length <= 12 || at % Math.ceil(axis.values.length / 12) === 0);
  const middle = state.log.get(axis.at) ? Math.sqrt(axis.low * axis.high) : (axis.low + axis.high) / 2;
  return [axis.low, middle, axis.high];
}

function drawAxes() {
  svg.replaceChildren();
  for (const axis of axes) {
    const x = axis.x;
    svg.append(svgElement("line", {x1: x, x2: x, y1: PLOT.top, y2: PLOT.bottom}));
    svg.append(svgElement("text", {x, y: 14, "text-anchor": "middle", class: "title"}, short(axis.column.title)));
    if (axis.canLog) {
      const scale = svgElement("text", {x, y: 30, "text-anchor": "middle", class: "scale"}, state.log.get(axis.at) ? "log" : "linear");
      scale.addEventListener("pointerdown", event => {
        event.stopPropagation();
        state.log.set(axis.at, !state.log.get(axis.at));
        state.brushes.delete(axis.at);
        update();
      });
      svg.append(scale);
    }
    for (const value of ticks(axis)) {
      svg.append(svgElement("text", {x: x + 6, y: axis.y(value) + 4}, short(text(value, axis.column))));
    }
    const brush = state.brushes.get(axis.at);
    if (brush) svg.append(svgElement("rect", {x: x - 8, width: 16, y: brush[0], height: brush[1] - brush[0], class: "brush"}));
  }
}

function hue(part) {
  return `hsl(${240 - 240 * part} 75% 48%)`;
}

function drawLines() {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.max(300, PLOT.left * 2 + (axes.length - 1) * PLOT.gap);
  canvas.width = width * ratio;
  canvas.height = PLOT.height * ratio;
  canvas.style.width = plot.style.width = `${width}px`;
  canvas.style.height = plot.style.height = `${PLOT.height}px`;
  svg.setAttribute("width", width);
  svg.setAttribute("height", PLOT.height);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const chosen = new Set(shown), by = axes.find(axis => axis.at === Number(colour.value));
  const line = (row, style, thick) => {
    pen.strokeStyle = style;
    pen.lineWidth = thick;
    pen.beginPath();
    axes.forEach((axis, number) => {
      const y = axis.y(cells(row)[axis.at]);
      if (number) pen.lineTo(axis.x, y); else pen.moveTo(axis.x, y);
    });
    pen.stroke();
  };
  pen.globalAlpha = Math.max(0.05, Math.min(0.9, 60 / Math.sqrt(experiments.length + 1) / 6));
  for (const row of experiments) if (!chosen.has(row)) line(row, "#8883", 1);
  for (const row of experiments) {
    const value = by ? cells(row)[by.at] : null;
    if (chosen.has(row)) line(row, isMissing(value) ? "#888" : hue(by.part(value)), 1.2);
  }
  pen.globalAlpha = 1;
  if (state.lit && !state.lit.reference) line(state.lit, "#d4008f", 3);
}

let planned = false;
function plotSoon() {
  if (planned || !document.getElementById("axes-of").open) return;
  planned = true;
  requestAnimationFrame(() => { planned = false; drawLines(); drawAxes(); });
}

function brushing() {
  let axis = null, start = 0;
  const place = event => {
    const box = svg.getBoundingClientRect();
    return [event.clientX - box.left, Math.min(PLOT.missing + 8, Math.max(PLOT.top - 4, event.clientY - box.top))];
  };
  svg.addEventListener("pointerdown", event => {
    const [x, y] = place(event);
    axis = axes.find(one => Math.abs(one.x - x) <= 14) ?? null;
    if (axis === null) return;
    start = y;
    state.brushes.delete(axis.at);
    update();
  });
  window.addEventListener("pointermove", event => {
    if (axis === null) return;
    const [, y] = place(event);
    if (Math.abs(y - start) > 3) { state.brushes.set(axis.at, [Math.min(start, y), Math.max(start, y)]); update(); }
  });
  window.addEventListener("pointerup", () => { axis = null; });
}

// -- all together

function update() {
  const found = matching();
  const kept = new Set(found);
  // Without an order, experiments stay below their baselines.
  shown = state.sort < 0 ? rows.filter(row => row.reference || kept.has(row))
    : [...rows.filter(row => row.reference), ...ordered(found)];
  const count = found.length === experiments.length ? "" : `${found.length.toLocaleString()} of `;
  document.getElementById("count").textContent = `${count}${experiments.length.toLocaleString()} experiments`;
  head.querySelectorAll("button").forEach((button, at) => {
    button.textContent = columns[at].title + (state.sort === at ? state.descending ? " ▼" : " ▲" : "");
  });
  drawRows();
  plotSoon();
}

document.getElementById("reset").addEventListener("click", () => {
  Object.assign(state, {sort: -1, descending: false, filters: columns.map(() => "")});
  state.brushes.clear();
  head.querySelectorAll("input").forEach(input => { input.value = ""; });
  update();
});
[...axes.filter(axis => axis.column.kind === "metric"), ...axes.filter(axis => axis.column.kind !== "metric")]
  .filter(axis => axis.numeric)
  .forEach(axis => { colour.append(element("option", {value: axis.at}, axis.column.title)); });
colour.addEventListener("change", plotSoon);
document.getElementById("axes-of").addEventListener("toggle", plotSoon);
scroller.addEventListener("scroll", drawRows);
window.addEventListener("resize", drawRows);
makeHead();
brushing();
update();
