// Small things on every page. Everything works without this file; with it, it works in place.

import "./keyboard.js";
import "./live.js";

const root = document.documentElement;

// ------------------------------------------------------------------------------------------------------------------ light and dark

const YEAR_SECONDS = 31536000;

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-toggle-theme]")) return;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=${YEAR_SECONDS}; SameSite=Lax`;
});

// ------------------------------------------------------------------------------------------------------------------------- copying

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.dataset.copy || button.parentElement.querySelector("code").textContent;
  const done = await copied(text);
  button.classList.toggle("copied", done);
  announce(done ? "Copied" : "Not copied: select the text and copy it");
  setTimeout(() => button.classList.remove("copied"), 1500);
});

/** Copy a text; the clipboard of today's browsers is there on HTTPS and on this machine only. */
async function copied(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = text;
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

/** Tell screen readers, and show for a moment. */
export function announce(text) {
  const line = document.querySelector("[data-announce]");
  if (line) line.textContent = text;
}

// --------------------------------------------------------------------------------------------------------------------------- toasts

const TOAST_SECONDS = 12;

function watchToasts() {
  for (const toast of document.querySelectorAll(".toast:not([data-seen])")) {
    toast.dataset.seen = "";
    let timer;
    const start = () => (timer = setTimeout(() => toast.remove(), TOAST_SECONDS * 1000));
    toast.addEventListener("pointerenter", () => clearTimeout(timer));
    toast.addEventListener("focusin", () => clearTimeout(timer));
    toast.addEventListener("pointerleave", start);
    start();
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-close-toast]")) event.target.closest(".toast").remove();
});

// ---------------------------------------------------------------------------------------------------------------------- menus, times

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

const UNITS = [
  [31536000, "y"],
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

function age(seconds) {
  const [size, unit] = UNITS.find(([least]) => seconds >= least) ?? [1, ""];
  return unit ? `${Math.floor(seconds / size)} ${unit} ago` : "now";
}

function tellAges() {
  const now = Date.now() / 1000;
  for (const time of document.querySelectorAll("time")) {
    const text = age(now - Date.parse(time.dateTime) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(tellAges, 15000);

// ------------------------------------------------------------------------------------------------------------- choosing, typing, titles

/** The button that compares says how many are chosen, and rests with fewer than two. */
function countChosen() {
  for (const form of document.querySelectorAll("form[data-chooses]")) {
    const count = document.querySelectorAll(`input[form="${form.id}"]:checked, #${form.id} input[type="checkbox"]:checked`).length;
    const button = form.querySelector("button");
    button.disabled = count < 2;
    button.querySelector("span").textContent = count ? `Compare ${count}` : "Compare";
  }
}

document.addEventListener("change", countChosen);

// Escape gives up an edit; a press on the title begins one.
document.addEventListener("keydown", (event) => {
  const edit = event.target.closest("details.edit[open]");
  if (event.key !== "Escape" || !edit) return;
  edit.open = false;
  edit.querySelector("summary").focus();
  event.stopPropagation();
});

document.addEventListener("click", (event) => {
  const title = event.target.closest("[data-edits]");
  if (title) document.getElementById(title.dataset.edits).open = true;
});

document.addEventListener(
  "toggle",
  (event) => {
    if (event.target.matches?.("details.edit") && event.target.open) {
      const field = event.target.querySelector("input:not([type=hidden]), textarea");
      field?.focus();
      field?.select?.();
    }
  },
  true,
);

// A question is asked before what cannot be undone.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.ask ?? event.target.dataset.ask;
  if (question && !confirm(question)) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

/** Tables that are drawn as cards are still tables to those who hear them: not every browser keeps that when the display is another. */
function keepTables() {
  const roles = { "thead, tbody": "rowgroup", tr: "row", td: "cell", "thead th": "columnheader", "tbody th": "rowheader" };
  for (const table of document.querySelectorAll(":is(.folds, .as-cards):not([role])")) {
    table.setAttribute("role", "table");
    for (const [selector, role] of Object.entries(roles)) {
      for (const part of table.querySelectorAll(selector)) part.setAttribute("role", role);
    }
  }
}

/** What was told once is not told again when the page is loaded again. */
function forgetToast() {
  const here = new URL(location);
  if (!here.searchParams.has("toast")) return;
  here.searchParams.delete("toast");
  history.replaceState(history.state, "", here);
}

function settle() {
  keepTables();
  forgetToast();
  countChosen();
  watchToasts();
  tellAges();
}

document.addEventListener("htmx:after:swap", settle);
addEventListener("pageshow", settle);
settle();
