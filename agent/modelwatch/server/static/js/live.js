// Tells the page that models have changed: one stream of events from the server, while the page is seen.
//
// <body data-events="URL" data-model="ID">: only changes of that model count where one is named. Listeners wait for `modelwatch:changed`.
// The URL says when the page was made, and each event when it was told, which the browser sends with it when it comes again: what happens
// before the stream is open, or while it is broken, is told then.

const PAUSE_MILLISECONDS = 700;

const { events, model } = document.body.dataset;
let source = null;
let timer = null;
let missed = false;

function changed() {
  if (document.hidden) {
    missed = true;
    return;
  }
  clearTimeout(timer);
  timer = setTimeout(() => {
    document.body.dispatchEvent(new CustomEvent("modelwatch:changed", { bubbles: true }));
  }, PAUSE_MILLISECONDS);
}

function listen() {
  source = new EventSource(events);
  source.addEventListener("models", (event) => {
    const { models } = JSON.parse(event.data);
    if (!model || !models || models.includes(model)) changed();
  });
  source.addEventListener("open", () => document.body.classList.add("is-live"));
  source.addEventListener("error", () => document.body.classList.remove("is-live"));
}

if (events) {
  listen();
  addEventListener("pagehide", () => source.close()); // else the page is not kept for going back to it
  addEventListener("pageshow", (event) => event.persisted && listen());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && missed) {
      missed = false;
      changed();
    }
  });
}
