// The keyboard: `/` searches, arrows or j and k go through rows, Enter opens, x chooses, ? shows help, Escape closes.

const help = () => document.querySelector("#keyboard-help");

function typing(target) {
  return target.closest?.("input:not([type=checkbox], [type=radio], [type=range]), select, textarea, [contenteditable], [role=img], dialog[open]");
}

function rows() {
  return [...document.querySelectorAll("tbody[data-rows] > tr")];
}

function focused() {
  return document.activeElement?.closest("tbody[data-rows] > tr");
}

/** Put the focus on the link that opens a row: then Enter, and what the browser shows of a link, work as everywhere. */
function go(count) {
  const all = rows();
  if (!all.length) return false;
  const at = all.indexOf(focused());
  const next = at < 0 ? (count > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + count));
  const link = all[next].querySelector("a[data-open]");
  link?.focus();
  all[next].scrollIntoView({ block: "nearest" });
  return Boolean(link);
}

const ACTIONS = {
  "/": () => {
    const field = document.querySelector("input[type=search]");
    field?.focus();
    field?.select();
    return Boolean(field);
  },
  "?": () => {
    help()?.showModal();
    return true;
  },
  j: () => go(1),
  k: () => go(-1),
  ArrowDown: () => Boolean(focused()) && go(1),
  ArrowUp: () => Boolean(focused()) && go(-1),
  x: () => {
    const box = focused()?.querySelector("input[type=checkbox]");
    box?.click();
    return Boolean(box);
  },
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
    if (event.target.matches("input[type=search]")) event.target.blur();
    return;
  }
  if (event.key === "ArrowDown" && event.target.matches("input[type=search]")) {
    if (go(1)) event.preventDefault();
    return;
  }
  if (typing(event.target)) return;
  if (ACTIONS[event.key]?.()) event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-help]")) help()?.showModal();
  if (event.target.closest("[data-close-dialog]") || event.target === help()) event.target.closest("dialog")?.close();
});
