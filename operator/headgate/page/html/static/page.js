// Keeps an open page up to date. Without it, the page is complete, and a reload shows changes.
//
// The server sends the new HTML of <main> (event "morph"), and how the operator is (event "state"). Focus, scrolling,
// selected text, open <details> and what somebody types stay.
import { Idiomorph } from "./idiomorph.js";

const WORDS_EVERY = 20_000; // ms between two updates of "5 minutes ago"
const SILENCE = 40_000; // ms without a heartbeat, after which a connection counts as lost
const SHORTEST_RETRY = 1_000;
const LONGEST_RETRY = 10_000;

const address = document.getElementById("main")?.dataset.stream;
const lost = document.getElementById("lost");
const spoken = document.getElementById("spoken");
let source = null;
let retry = SHORTEST_RETRY;
let build = null;
let lastHeard = Date.now();
let hasHeartbeat = false;

// The words of headgate/page/html/times.py.
function ago(then, now) {
  const seconds = Math.floor((now - then) / 1000);
  const size = Math.abs(seconds);
  const counted = (number, unit) => `${number} ${unit}${number === 1 ? "" : "s"}`;
  const words =
    size < 60 ? "less than a minute"
    : size < 3600 ? counted(Math.floor(size / 60), "minute")
    : size < 172800 ? counted(Math.floor(size / 3600), "hour")
    : counted(Math.floor(size / 86400), "day");
  return seconds < 0 ? `in ${words}` : `${words} ago`;
}

function updateWords(root) {
  const now = Date.now();
  for (const each of root.querySelectorAll("time[datetime]")) {
    const words = ago(Date.parse(each.dateTime), now);
    if (each.textContent !== words) each.textContent = words;
  }
}

function say(text, link, address) {
  const parts = text ? [text] : [];
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = address;
    anchor.textContent = link;
    parts.push(" ", anchor);
  }
  if (lost.textContent !== parts.map((each) => each.textContent ?? each).join("")) lost.replaceChildren(...parts);
}

const isField = (node) => node instanceof HTMLInputElement || node instanceof HTMLSelectElement || node instanceof HTMLTextAreaElement;

function isEdited(field) {
  if (field === document.activeElement) return true;
  if (field instanceof HTMLSelectElement) return [...field.options].some((each) => each.selected !== each.defaultSelected);
  return field.value !== field.defaultValue;
}

const callbacks = {
  beforeNodeMorphed: (old) => !(isField(old) && isEdited(old)),
  beforeAttributeUpdated: (name, element) => !(name === "open" && element instanceof HTMLDetailsElement),
};

function morph(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").querySelector("main");
  const main = document.getElementById("main");
  if (!fresh || !main) return;
  updateWords(fresh);
  const before = main.dataset.summary;
  Idiomorph.morph(main, fresh, { morphStyle: "outerHTML", ignoreActiveValue: true, callbacks });
  const now = document.getElementById("main").dataset;
  if (now.title && document.title !== now.title) document.title = now.title;
  if (now.summary && now.summary !== before) spoken.textContent = now.summary;
}

function onState(state) {
  if (state.state === "login") {
    say(state.message || "You are logged out.", "Log in again", location.href);
    return;
  }
  if (build !== null && state.build && state.build !== build) {
    say("Headgate has been updated.", "Load the page again", location.href);
    return;
  }
  build = state.build ?? build;
  // What the operator is, <main> says itself.
  say(state.state === "refused" || state.state === "stopping" ? state.message : "");
}

function heard() {
  lastHeard = Date.now();
  retry = SHORTEST_RETRY;
}

function onLost() {
  const since = new Date(lastHeard).toISOString().slice(11, 19);
  say(`The connection to the operator is lost. What you see is from ${since} UTC; it updates by itself when the operator is back.`);
}

function connect() {
  if (!address) return;
  source?.close();
  source = new EventSource(address);
  source.addEventListener("open", () => { heard(); say(""); });
  source.addEventListener("morph", (event) => { heard(); morph(event.data); });
  source.addEventListener("state", (event) => { heard(); onState(JSON.parse(event.data)); });
  source.addEventListener("beat", () => { heard(); hasHeartbeat = true; });
  source.addEventListener("error", () => {
    onLost();
    // The browser retries by itself unless the answer was an error.
    if (source.readyState === EventSource.CLOSED) again();
  });
}

async function again() {
  source.close();
  const wait = retry;
  retry = Math.min(LONGEST_RETRY, retry * 2);
  await new Promise((resolve) => setTimeout(resolve, wait));
  try {
    const answer = await fetch(location.href, { method: "HEAD", redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect" || answer.status === 401) {
      say("You are logged out.", "Log in again", location.href);
      return;
    }
  } catch {
    // Nobody answers: as before.
  }
  connect();
}

setInterval(() => {
  updateWords(document);
  if (source && hasHeartbeat && Date.now() - lastHeard > SILENCE) {
    onLost();
    connect();
  }
}, WORDS_EVERY);
addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
connect();

// A wide graph shows its own object first.
for (const canvas of document.querySelectorAll(".canvas")) {
  const box = canvas.querySelector(".focus rect");
  if (box) canvas.scrollLeft = Number(box.getAttribute("x")) + Number(box.getAttribute("width")) / 2 - canvas.clientWidth / 2;
}
