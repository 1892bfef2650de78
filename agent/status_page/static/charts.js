"use strict";
/* Draws the last thirty days with uPlot; the same numbers stand below in a table. */
(() => {
  const HEIGHT = 190;
  const HALF_DAY = 43_200;
  const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
  const drawn = [];

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (index) => style(`--series-${(index % 6) + 1}`);
  const language = document.documentElement.lang === "de" ? "de-DE" : "en-GB";
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  const shown = (_plot, value) => (value == null ? "–" : number.format(value));

  function axes(whole) {
    const grid = { stroke: style("--grid"), width: 1 };
    const common = { stroke: style("--quiet"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
    return [
      { ...common, values: (_plot, days) => days.map((one) => day.format(one * 1000)), space: 60 },
      { ...common, size: 44, ...(whole ? { incrs: WHOLE } : {}), values: (_plot, values) => values.map((one) => number.format(one)) },
    ];
  }

  function bars(data, key) {
    const bar = uPlot.paths.bars({ size: [0.7, 24], align: 0 });
    const sums = data.days.map(() => 0);
    const stacked = data.partners.map((one) => one[key].map((value, at) => (sums[at] += value)));
    const series = data.partners.map((one, index) => ({
      label: one.name,
      stroke: colour(index),
      fill: colour(index),
      width: 0,
      paths: bar,
      points: { show: false },
      value: (_plot, _sum, _series, at) => (at == null ? "–" : number.format(one[key][at])),
    }));
    // The tallest is drawn first, the others stand before it.
    return { rows: stacked.reverse(), series: series.reverse(), whole: true };
  }

  function lines(data, words) {
    const rows = [];
    const series = [];
    data.partners.forEach((one, index) => {
      const line = { stroke: colour(index), width: 2, spanGaps: true, value: shown };
      rows.push(one.seconds, one.slowest);
      series.push({ ...line, label: `${one.name}, ${words.median}`, points: { show: true, size: 5 } });
      series.push({ ...line, label: `${one.name}, ${words.slowest}`, width: 1.5, dash: [4, 4] });
    });
    return { rows, series };
  }

  function draw(place, data, made, words) {
    const options = {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      axes: axes(made.whole),
      series: [{ label: words.day, value: (_plot, at) => (at == null ? "–" : day.format(at * 1000)) }, ...made.series],
      scales: {
        x: { range: (_plot, first, last) => [first - HALF_DAY, last + HALF_DAY] },
        y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] },
      },
      cursor: { drag: { x: false, y: false } },
    };
    place.replaceChildren();
    drawn.push([place, new uPlot(options, [data.days, ...made.rows], place)]);
  }

  async function drawAll() {
    const charts = document.getElementById("charts");
    if (!charts) return;
    const answer = await fetch(charts.dataset.address, { credentials: "same-origin" });
    if (!answer.ok) return;
    const data = await answer.json();
    drawn.length = 0;
    for (const place of charts.querySelectorAll("[data-chart]")) {
      const kind = place.dataset.chart;
      draw(place, data, kind === "seconds" ? lines(data, charts.dataset) : bars(data, kind), charts.dataset);
    }
  }

  function fit() {
    for (const [place, plot] of drawn) {
      plot.setSize({ width: place.clientWidth, height: HEIGHT });
    }
  }

  drawAll();
  addEventListener("resize", fit);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  document.addEventListener("part-renewed", (event) => {
    if (event.detail === "series") drawAll();
  });
})();
