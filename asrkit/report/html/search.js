"use strict";
// The data of the page, what can be said of an utterance, and the language of the search box.

const DATA = JSON.parse(document.getElementById("data").textContent);
const SYSTEMS = DATA.systems;
const COUNT = DATA.ids.length;
const corrections = new Map(); // place of an utterance -> what its reference should be

const visible = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu, "\ufffd");
const referenceOf = (i, system = SYSTEMS[0]) => system.references[i] ?? DATA.references[i];
const hypothesisOf = (i, system) => system.hypotheses[i] ?? referenceOf(i, system);
const writtenReference = (i) => DATA.written[i] ?? DATA.references[i];
const writtenHypothesis = (i, system) => system.written[i] ?? hypothesisOf(i, system);
const percentOf = (errors, size) => (100 * errors) / Math.max(size, 1);
const wordsOf = (text) => (text ? text.split(" ") : []);

const numbers = {
  errors: (i, system) => system.errors[i],
  words: (i, system) => system.sizes[i],
  wer: (i, system) => percentOf(system.errors[i], system.sizes[i]),
  cer: (i, system) => percentOf(system.characterErrors[i], system.characters[i]),
  seconds: (i) => DATA.columns.duration_s?.[i] ?? NaN,
  gain: (i, system) => Math.min(...SYSTEMS.filter((other) => other !== system).map((other) => other.errors[i])) - system.errors[i],
};
const comparisons = {
  ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, "<": (a, b) => a < b, "=": (a, b) => a === b,
};

// The steps of an alignment: what was said, what was heard (null where nothing), and the place of the word heard.
const stepsOf = (i, system) => {
  const said = wordsOf(referenceOf(i, system));
  const heard = wordsOf(hypothesisOf(i, system));
  const letters = system.alignments[i] ?? "=".repeat(said.length);
  let r = 0, h = 0;
  return Array.from(letters, (letter) => ({
    letter,
    said: letter === "I" ? null : said[r++],
    heard: letter === "D" ? null : heard[h],
    place: letter === "D" ? h : h++,
  }));
};

// Start, end and confidence of each word heard, null where they are not known.
const timesOf = (i, system) =>
  system.words[i]?.split(";").map((word) => word.split(",").map((number) => (number ? Number(number) : null)));

const phraseIn = (phrase, text) => ` ${text} `.includes(` ${phrase} `);
const haystacks = [];
const textOf = (i) =>
  (haystacks[i] ??= [
    DATA.ids[i], DATA.speakers?.[i] ?? "", DATA.references[i], writtenReference(i), corrections.get(i) ?? "",
    ...SYSTEMS.flatMap((system) => [hypothesisOf(i, system), writtenHypothesis(i, system)]),
  ].join("\n").toLowerCase());

const unquote = (text) => text.replace(/"((?:\\.|[^"\\])*)"/g, (_, inner) => inner.replace(/\\(.)/g, "$1"));

const wordTests = {
  said: (word) => (i, system) => phraseIn(word, referenceOf(i, system)),
  heard: (word) => (i, system) => phraseIn(word, hypothesisOf(i, system)),
  missed: (word) => (i, system) =>
    system.alignments[i] && stepsOf(i, system).some((step) => step.said === word && step.letter !== "="),
  confidence: (range) => {
    const [low, high] = range.split("-").map(Number);
    return (i, system) => timesOf(i, system)?.some(([, , c]) => c !== null && c >= low && (c < high || high >= 1));
  },
};

const groupTest = (key, value) => {
  const groups = DATA.groups[key];
  const name = value in groups ? value : Object.keys(groups).find((other) => other.toLowerCase() === value.toLowerCase());
  const members = new Set(groups[name] ?? []);
  return (i) => members.has(i);
};

const confusionTest = (said, heard) => (i, system) =>
  system.alignments[i] !== undefined &&
  stepsOf(i, system).some((step) =>
    step.letter !== "=" &&
    (said ? step.said !== null && (said === "*" || step.said === said) : step.said === null) &&
    (heard ? step.heard !== null && (heard === "*" || step.heard === heard) : step.heard === null));

// Return what a term asks of an utterance and a system, or null where it is but text.
const specialTest = (term) => {
  const number = /^([a-z]+)(>=|<=|>|<|=)(-?[\d.]+)$/.exec(term);
  if (number && numbers[number[1]]) {
    return (i, system) => comparisons[number[2]](numbers[number[1]](i, system), Number(number[3]));
  }
  const confusion = /^((?:[^"]|"(?:\\.|[^"\\])*")*?)=>(.*)$/.exec(term);
  if (confusion && term !== "=>") return confusionTest(unquote(confusion[1]), unquote(confusion[2]));
  const [, key, rest] = /^([^\s:"=<>]+):(.+)$/.exec(term) ?? [];
  if (key === undefined) return null;
  if (key === "is" && rest === "corrected") return (i) => corrections.has(i);
  if (key === "cause") return (i) => DATA.causes[i]?.includes(unquote(rest));
  if (Object.hasOwn(wordTests, key)) return wordTests[key](unquote(rest));
  return Object.hasOwn(DATA.groups, key) ? groupTest(key, unquote(rest)) : null;
};

const parseTerm = (term) => {
  if (/^-./.test(term)) {
    const wanted = parseTerm(term.slice(1));
    return (i) => !wanted(i);
  }
  const pattern = /^\/(.+)\/$/.exec(term);
  if (pattern) {
    try {
      const expression = new RegExp(pattern[1], "iu");
      return (i) => expression.test(textOf(i));
    } catch {
      return () => false; // not yet a regular expression
    }
  }
  const [, name, own] = /^([A-Z]|S\d+)\.(.+)$/.exec(term) ?? [];
  const system = name === undefined ? undefined : SYSTEMS.find((some) => some.name === name);
  const test = specialTest(system ? own : term);
  if (test) return system ? (i) => test(i, system) : (i) => SYSTEMS.some((some) => test(i, some));
  const text = unquote(term).toLowerCase();
  return (i) => textOf(i).includes(text);
};

const parseQuery = (query) => {
  const terms = query.match(/-?\/(?:\\.|[^/\\])+\/(?=\s|$)|(?:[^\s"]|"(?:\\.|[^"\\])*")+|"/g) ?? [];
  const tests = terms.map(parseTerm);
  return (i) => tests.every((test) => test(i));
};
