// The list of utterances: only what is in sight is drawn. Its filters, keys, player, corrections and files.

const byId = (id) => document.getElementById(id);
const list = byId("list"), search = byId("search"), which = byId("which"), order = byId("order");
const audio = document.querySelector("#player audio");
const state = { written: false, turned: new Set(), editing: null, isReversed: false };
const FAR = 600; // pixels drawn beyond what is in sight
const TALLEST = 10_000_000; // pixels; browsers know no taller list, so the rest is on further pages

const isPlayable = (i) => Boolean(DATA.sources[i]);

// ---- what is shown

const collator = new Intl.Collator("en", { numeric: true });
const worst = (name) => (i) => Math.max(...SYSTEMS.map((system) => numbers[name](i, system)));
const sortKeys = {
  errors: worst("errors"), wer: worst("wer"), cer: worst("cer"), words: worst("words"),
  gap: (i) => Math.max(...SYSTEMS.map((s) => s.errors[i])) - Math.min(...SYSTEMS.map((s) => s.errors[i])),
};
let found = []; // places of the utterances that are wanted, in order
let shown = []; // those of them on this page
let page = 0;
let tops = [0]; // where each row begins, and where the last one ends
const heights = new Map(); // of utterances that were drawn
const drawn = new Map(); // place of an utterance -> its element

const choose = () => {
  const wanted = parseQuery(`${which.value} ${search.value}`);
  found = [];
  for (let i = 0; i < COUNT; i++) if (wanted(i)) found.push(i);
  if (order.value === "id") found.sort((a, b) => collator.compare(DATA.ids[a], DATA.ids[b]));
  else if (order.value) {
    const keys = new Float64Array(COUNT);
    for (const i of found) keys[i] = sortKeys[order.value](i);
    found.sort((a, b) => keys[b] - keys[a] || numbers.wer(b, SYSTEMS[0]) - numbers.wer(a, SYSTEMS[0]) || a - b);
  }
  if (state.isReversed) found.reverse();
  turnTo(0);
};

const spell = (number) => number.toLocaleString("en");
const turnTo = (next) => {
  let pixels = 0;
  for (let k = 0; k < Math.min(found.length, 1000); k++) pixels += guessHeight(found[k]);
  const size = Math.max(100, Math.floor((TALLEST * Math.min(found.length, 1000)) / (pixels || 1)));
  const pages = Math.max(1, Math.ceil(found.length / size));
  page = (next + pages) % pages;
  shown = found.slice(page * size, (page + 1) * size);
  byId("shown").textContent = `${found.length === COUNT ? "" : `${spell(found.length)} of `}${spell(COUNT)} utterances`;
  byId("pages").hidden = pages === 1;
  byId("span").textContent = `${spell(page * size + 1)} to ${spell(page * size + shown.length)}`;
  redraw();
};

// ---- the rows in sight

let width = list.clientWidth;
const guessHeight = (i) => {
  const lines = Math.ceil((DATA.references[i].length * 1.15 + 1) / Math.max(20, width / 8));
  return 58 + 29 * lines * (SYSTEMS.length > 1 ? SYSTEMS.length + 1 : 1);
};

const layOut = () => {
  tops = new Float64Array(shown.length + 1);
  for (let p = 0; p < shown.length; p++) tops[p + 1] = tops[p] + (heights.get(shown[p]) ?? guessHeight(shown[p]));
  list.style.height = `${tops[shown.length]}px`;
};

const placeAt = (top) => {
  let [low, high] = [0, Math.max(0, shown.length - 1)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tops[middle] <= top) low = middle;
    else high = middle - 1;
  }
  return low;
};

const draw = () => {
  for (let round = 0; round < 4; round++) {
    const top = -list.getBoundingClientRect().top;
    const anchor = placeAt(Math.max(top, 0));
    const within = top - tops[anchor];
    const [first, last] = [placeAt(top - FAR), placeAt(top + window.innerHeight + FAR)];
    const wanted = new Map(shown.slice(first, last + 1).map((i, k) => [i, first + k]));
    for (const [i, row] of drawn) if (!wanted.has(i)) (drawn.delete(i), watcher.unobserve(row), row.remove());
    for (const [i, place] of wanted) {
      const row = drawn.get(i) ?? drawRow(i);
      if (!drawn.has(i)) (drawn.set(i, row), list.append(row), watcher.observe(row));
      row.dataset.place = place;
      row.setAttribute("aria-posinset", place + 1);
      row.setAttribute("aria-setsize", shown.length);
    }
    let isKnown = true;
    for (const i of wanted.keys()) {
      const height = drawn.get(i).offsetHeight;
      if (heights.get(i) !== height) (heights.set(i, height), (isKnown = false));
    }
    if (!isKnown) layOut();
    for (const [i, place] of wanted) drawn.get(i).style.transform = `translateY(${tops[place]}px)`;
    if (isKnown) return;
    if (top > 0) window.scrollBy({ top: tops[anchor] + within - top, behavior: "instant" });
  }
};

const watcher = new ResizeObserver((entries) => {
  if (entries.some(({ target }) => heights.get(shown[target.dataset.place]) !== target.offsetHeight)) later();
});
let isWaiting = false;
const later = () => {
  if (isWaiting) return;
  isWaiting = true;
  requestAnimationFrame(() => ((isWaiting = false), draw()));
};

const redraw = () => {
  width = list.clientWidth;
  for (const row of drawn.values()) row.remove();
  drawn.clear();
  layOut();
  draw();
};

const redrawOne = (i) => {
  const hadFocus = drawn.get(i)?.contains(document.activeElement);
  drawn.get(i)?.remove();
  drawn.delete(i);
  draw();
  if (hadFocus) drawn.get(i)?.focus({ preventScroll: true });
};

const goTo = (place) => {
  if (!shown.length) return;
  place = Math.min(Math.max(place, 0), shown.length - 1);
  const box = () => ({ top: list.getBoundingClientRect().top + tops[place], height: tops[place + 1] - tops[place] });
  for (let round = 0; round < 3; round++) {
    const { top, height } = box();
    const ceiling = Math.max(0, document.querySelector(".filters").getBoundingClientRect().bottom);
    if (top < ceiling) window.scrollBy({ top: top - ceiling - 8, behavior: "instant" });
    else if (top + height > window.innerHeight - 90) window.scrollBy({ top: Math.min(top - ceiling - 8, top + height - window.innerHeight + 90), behavior: "instant" });
    draw();
  }
  drawn.get(shown[place])?.focus({ preventScroll: true });
};

// ---- hearing

let stopAt = Infinity;
const watch = () => {
  if (audio.currentTime >= stopAt) audio.pause();
  if (!audio.paused) requestAnimationFrame(watch);
};

const play = (i, from, to) => {
  const begin = () => {
    audio.currentTime = Math.max(0, from - 0.15);
    stopAt = to + 0.15;
    audio.play().then(watch, () => (byId("playing").textContent = `${visible(DATA.ids[i])} cannot be played`));
  };
  byId("playing").textContent = visible(DATA.ids[i]);
  if (audio.dataset.place === String(i) && audio.readyState) return begin();
  audio.dataset.place = i;
  audio.onloadedmetadata = begin;
  audio.onerror = () => (byId("playing").textContent = `${visible(DATA.ids[i])} cannot be played`);
  audio.src = DATA.sources[i];
  audio.load();
};

const playUtterance = (i) => {
  const start = DATA.columns.start_s?.[i] ?? null;
  const duration = DATA.columns.duration_s?.[i] ?? null;
  play(i, start ?? 0, start !== null && duration !== null ? start + duration : Infinity);
};

// ---- correcting; kept in the browser until the manifest is saved

const MEMORY = `asrkit ${location.pathname}`;
const remember = () => {
  try {
    const kept = Array.from(corrections, ([i, text]) => [DATA.ids[i], writtenReference(i), text]);
    localStorage.setItem(MEMORY, JSON.stringify(kept));
  } catch { /* the browser keeps nothing */ }
};
const recall = () => {
  try {
    const places = new Map(DATA.ids.map((id, i) => [id, i]));
    for (const [id, before, text] of JSON.parse(localStorage.getItem(MEMORY) ?? "[]")) {
      const i = places.get(id);
      if (i !== undefined && writtenReference(i) === before) corrections.set(i, text);
    }
  } catch { /* nothing usable is kept */ }
};

const toggle = (i) => {
  if (!state.turned.delete(i)) state.turned.add(i);
  redrawOne(i);
};
const correct = (i) => {
  const before = state.editing;
  state.editing = i;
  if (before !== null && before !== i) redrawOne(before);
  redrawOne(i);
  drawn.get(i)?.querySelector("textarea")?.focus();
};
const finish = (i, text) => {
  state.editing = null;
  if (text !== null) {
    const clean = text.split(/\s+/u).filter(Boolean).join(" ");
    if (clean === writtenReference(i)) corrections.delete(i);
    else corrections.set(i, clean);
    delete haystacks[i];
    remember();
  }
  redrawOne(i);
  drawn.get(i)?.focus({ preventScroll: true });
};

// ---- files

const save = (name, type, text) => {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

// The recording of an utterance, from wherever the file will lie: links of the page are relative to the page.
const recordingOf = (i) => {
  const source = DATA.sources[i];
  if (!source) return DATA.paths[i] ?? null;
  const link = DATA.paths[i] === undefined ? source : DATA.paths[i].split("/").map(encodeURIComponent).join("/");
  if (location.protocol !== "file:") return decodeURIComponent(link);
  return decodeURIComponent(new URL(link, location.href).pathname).replace(/^\/([A-Za-z]:)/, "$1");
};

const manifestRow = (i) => {
  const column = (name) => DATA.columns[name]?.[i] ?? undefined;
  return JSON.stringify({
    id: DATA.ids[i].replace(/\s/gu, encodeURIComponent),
    audio_filepath: recordingOf(i) ?? undefined,
    text: corrections.get(i) ?? writtenReference(i),
    duration: column("duration_s"), offset: column("start_s"), channel: column("channel"),
    speaker: DATA.speakers?.[i], corpus: column("corpus"),
  });
};

const saveManifest = () => {
  const hasAny = found.some((i) => recordingOf(i)); // without any it is a list of texts
  const usable = found.filter((i) => (recordingOf(i) || !hasAny) && (corrections.get(i) ?? writtenReference(i)).trim());
  save("corrected.jsonl", "application/jsonl", usable.map((i) => `${manifestRow(i)}\n`).join(""));
  const left = found.length - usable.length;
  byId("shown").textContent = `${spell(usable.length)} saved` + (left ? `, ${spell(left)} without recording or text left out` : "");
};

const saveCsv = () => {
  const cell = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  const of = (name, system) => (system.name ? `${name} ${system.name}` : name);
  const columns = [
    ["id", (i) => DATA.ids[i]],
    ["speaker", (i) => DATA.speakers?.[i] ?? ""],
    ["seconds", (i) => DATA.columns.duration_s?.[i] ?? ""],
    ...SYSTEMS.flatMap((system) => [
      [of("words", system), (i) => system.sizes[i]],
      [of("errors", system), (i) => system.errors[i]],
      ...["S", "D", "I"].map((letter) => [of({ S: "sub", D: "del", I: "ins" }[letter], system), (i) => (system.alignments[i] ?? "").split(letter).length - 1]),
      [of("WER", system), (i) => (system.sizes[i] ? percentOf(system.errors[i], system.sizes[i]).toFixed(2) : "")],
      [of("CER", system), (i) => (system.characters[i] ? percentOf(system.characterErrors[i], system.characters[i]).toFixed(2) : "")],
    ]),
    ["reference", writtenReference],
    ...SYSTEMS.map((system) => [of("hypothesis", system), (i) => writtenHypothesis(i, system)]),
    ["corrected", (i) => corrections.get(i) ?? ""],
  ];
  const lines = [columns.map(([name]) => name), ...found.map((i) => columns.map(([, value]) => value(i)))];
  save("utterances.csv", "text/csv", "\ufeff" + lines.map((line) => line.map(cell).join(",") + "\r\n").join(""));
};

// ---- what the user does

const find = (query) => {
  search.value = query;
  which.value = "";
  choose();
  byId("bench").scrollIntoView({ block: "start" });
  draw();
};

const keys = {
  ArrowDown: (place) => goTo(place + 1), j: (place) => goTo(place + 1),
  ArrowUp: (place) => goTo(place - 1), k: (place) => goTo(place - 1),
  p: (place) => isPlayable(shown[place]) && playUtterance(shown[place]),
  w: (place) => toggle(shown[place]),
  e: (place) => correct(shown[place]),
  ArrowRight: (place, row) => nextWord(row, 1), ArrowLeft: (place, row) => nextWord(row, -1),
};
const nextWord = (row, by) => {
  const words = Array.from(row.querySelectorAll("button.word"));
  words[(words.indexOf(document.activeElement) + by + words.length) % words.length]?.focus();
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, audio")) return;
  if (event.key === "/") (event.preventDefault(), search.focus());
  const row = event.target.closest("article.row");
  if (!row || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key](Number(row.dataset.place), row);
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-find]");
  if (link) find(link.dataset.find);
});
document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
for (const control of [search, which, order]) control.addEventListener("input", choose);
byId("turn").addEventListener("click", () => ((state.isReversed = !state.isReversed), choose()));
byId("earlier").addEventListener("click", () => turnTo(page - 1));
byId("later").addEventListener("click", () => turnTo(page + 1));
byId("written").addEventListener("input", (event) => ((state.written = event.target.checked), redraw()));
byId("save-manifest").addEventListener("click", saveManifest);
byId("save-csv").addEventListener("click", saveCsv);
window.addEventListener("scroll", later, { passive: true });
window.addEventListener("resize", later);
if (window.matchMedia("(max-width: 900px)").matches) byId("evidence")?.removeAttribute("open");
byId("player").hidden = !DATA.sources.some(Boolean);
recall();
choose();
