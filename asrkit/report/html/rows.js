// One utterance as an element: what was said, what each system heard, what is known of each word.

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
};

const FIRST_STRONG = /[\p{L}]/u;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const directionOf = (text) => (RIGHT_TO_LEFT.test(FIRST_STRONG.exec(text)?.[0] ?? "") ? "rtl" : "ltr");

// When a word is heard; of one that was not recognized, the gap in which it should have been.
const timeOf = (times, step) => {
  if (!times) return null;
  if (step.heard !== null) return times[step.place];
  const [from, to] = [times[step.place - 1]?.[1] ?? null, times[step.place]?.[0] ?? null];
  return from === null && to === null ? null : [from ?? Math.max(0, to - 0.5), to ?? from + 0.5, null];
};

const drawWord = (i, word, time) => {
  const text = element("bdi", { textContent: visible(word) });
  const [from, to, confidence] = time ?? [null, null, null];
  const isHeard = from !== null && isPlayable(i);
  if (confidence === null && !isHeard) return text;
  const drawn = element(isHeard ? "button" : "span", { className: "word" }, text);
  const told = [];
  if (confidence !== null) {
    drawn.classList.add("doubt");
    drawn.style.setProperty("--doubt", `${Math.round(100 * (1 - confidence))}%`);
    told.push(`confidence ${confidence.toFixed(2)}`);
  }
  if (from !== null) told.push(`${from.toFixed(2)} s`);
  if (isHeard) Object.assign(drawn, { type: "button", tabIndex: -1, onclick: () => play(i, from, to ?? from + 0.5) });
  drawn.title = told.join(", ");
  return drawn;
};

// All of an alignment in one line: what was said struck out, what was recognized beside it, the cause behind.
const drawAlignment = (i, system) => {
  const steps = stepsOf(i, system);
  const causes = DATA.causes[i] ?? [];
  const line = element("p", { className: "text", dir: directionOf(steps.map((s) => s.said ?? s.heard).join(" ")) });
  const times = timesOf(i, system);
  let stretch = 0;
  steps.forEach((step, place) => {
    const time = timeOf(times, step);
    const said = step.said === null ? null : drawWord(i, step.said, step.heard === null ? time : null);
    const heard = step.heard === null ? null : drawWord(i, step.heard, time);
    if (step.letter === "=") line.append(heard);
    else if (step.letter === "S") line.append(element("span", { className: "sub" }, element("del", {}, said), " ", element("ins", {}, heard)));
    else line.append(step.letter === "D" ? element("del", {}, said) : element("ins", {}, heard));
    const isLast = step.letter !== "=" && (steps[place + 1]?.letter ?? "=") === "=";
    if (isLast && causes[stretch++]) line.append(" ", element("small", { className: "cause", textContent: causes[stretch - 1] }));
    line.append(" ");
  });
  return line;
};

// The reference once, and below each word what each system made of it; a dot where it is right, a dash where it is gone.
const drawTogether = (i) => {
  const said = wordsOf(referenceOf(i));
  const times = SYSTEMS.map((system) => timesOf(i, system));
  const columns = Array.from({ length: said.length + 1 }, (_, place) => ({ said: said[place], steps: [], inserted: [] }));
  SYSTEMS.forEach((system, s) => {
    let place = 0;
    for (const step of stepsOf(i, system)) {
      if (step.letter === "I") (columns[place].inserted[s] ??= []).push(step);
      else columns[place++].steps[s] = step;
    }
  });
  const line = element("div", { className: "together", dir: directionOf(said.join(" ")) });
  const heading = ["", ...SYSTEMS.map((system) => system.name)].map((name) => element("span", { textContent: name || "ref" }));
  line.append(element("div", { className: "column names" }, ...heading));
  for (const column of columns) {
    const most = Math.max(0, ...column.inserted.map((steps) => steps?.length ?? 0));
    for (let k = 0; k < most; k++) line.append(drawColumn(i, times, undefined, SYSTEMS.map((_, s) => column.inserted[s]?.[k])));
    if (column.said !== undefined) line.append(drawColumn(i, times, column.said, column.steps));
  }
  return line;
};

const drawColumn = (i, all, said, steps) => {
  const times = steps.map((step, s) => step && timeOf(all[s], step));
  const hit = steps.findIndex((step) => step?.letter === "=");
  const [from, to] = times[hit] ?? [null, null];
  const above = said === undefined ? "\u00a0" : drawWord(i, said, [from, to, null]);
  const cells = steps.map((step, s) => {
    if (!step) return element("span", { textContent: "\u00a0" });
    if (step.letter === "=") return element("span", { className: "right", textContent: "\u00b7", title: "right" });
    if (step.letter === "D") return element("span", {}, element("del", {}, times[s] ? drawWord(i, "\u2014", times[s]) : "\u2014"));
    const heard = element("ins", {}, drawWord(i, step.heard, times[s]));
    return element("span", { className: step.letter === "S" ? "sub" : "" }, heard);
  });
  return element("div", { className: "column" }, element("span", {}, above), ...cells);
};

const figuresOf = (i) =>
  SYSTEMS.map((system) => {
    const [errors, size] = [system.errors[i], system.sizes[i]];
    const rate = size ? `${percentOf(errors, size).toFixed(1)} %` : "no words";
    return `${system.name} ${errors} of ${size} (${rate})`.trim();
  }).join("   ");

const drawWritten = (i) => {
  const lines = [["reference", writtenReference(i)]];
  if (corrections.has(i)) lines.push(["corrected", corrections.get(i)]);
  for (const system of SYSTEMS) lines.push([system.name || "hypothesis", writtenHypothesis(i, system)]);
  const parts = lines.flatMap(([name, text]) => [
    element("dt", { textContent: name }), element("dd", { textContent: visible(text), dir: "auto" }),
  ]);
  return element("dl", { className: "written" }, ...parts);
};

const tool = (label, title, action) => element("button", { type: "button", textContent: label, title, onclick: action });

const drawRow = (i) => {
  const speaker = DATA.speakers?.[i];
  const head = element(
    "header", {},
    element("b", {}, element("bdi", { textContent: visible(DATA.ids[i]) })),
    speaker ? element("span", { className: "soft" }, element("bdi", { textContent: visible(speaker) })) : null,
    element("span", { className: "soft figures", textContent: figuresOf(i) }),
    corrections.has(i) ? element("span", { className: "badge", textContent: "corrected" }) : null,
    isPlayable(i) ? tool("\u25b6 play", "Hear the utterance (p)", () => playUtterance(i)) : null,
    tool("as written", "The texts before they were normalized (w)", () => toggle(i)),
    tool("correct", "Correct the reference (e)", () => correct(i)),
  );
  const isShared = SYSTEMS.every((system) => system.references[i] === undefined);
  const together = SYSTEMS.length > 1 && isShared;
  const row = element("article", { tabIndex: 0, className: "row" }, head);
  row.setAttribute("aria-label", DATA.ids[i]);
  if (together) row.append(drawTogether(i));
  else for (const system of SYSTEMS) row.append(system.name ? element("b", { textContent: system.name }) : "", drawAlignment(i, system));
  if (state.written !== state.turned.has(i)) row.append(drawWritten(i));
  if (state.editing === i) row.append(drawEditor(i));
  return row;
};

const drawEditor = (i) => {
  const area = element("textarea", { value: corrections.get(i) ?? writtenReference(i), dir: "auto", rows: 3 });
  area.setAttribute("aria-label", "Corrected reference");
  area.onkeydown = (event) => {
    if (event.key === "Escape") finish(i, null);
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) finish(i, area.value);
  };
  return element(
    "div", { className: "editor" }, area,
    tool("Keep", "Ctrl+Enter", () => finish(i, area.value)), tool("Cancel", "Escape", () => finish(i, null)),
  );
};
