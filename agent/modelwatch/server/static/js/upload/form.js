// The upload form: what was dropped or chosen is listed, sent with its progress, and then made a version of.
//
// Without this file the form posts its files as every form does, which is enough for small ones.

import { dropped, chosen } from "./entries.js";
import { ask, send } from "./transfer.js";

const AT_ONCE = 3;
const SHOWN = 200;

class UploadForm {
  constructor(form) {
    this.form = form;
    this.zone = form.querySelector("[data-drop]");
    this.list = form.querySelector("[data-files]");
    this.total = form.querySelector("[data-total]");
    this.submit = form.querySelector("[data-submit]");
    this.cancel = form.querySelector("[data-cancel]");
    this.message = form.querySelector("[data-message]");
    this.picked = { root: "", files: [] };
    for (const input of form.querySelectorAll("input[type=file]")) {
      const pick = () => input.files.length && this.#pick(chosen(input.files));
      input.addEventListener("change", pick);
      pick(); // what was chosen before this script had arrived
    }
    form.addEventListener("submit", (event) => this.#send(event), true);
    this.cancel.addEventListener("click", () => this.stopping?.abort());
    this.#listenForDrops();
    addEventListener("beforeunload", (event) => this.stopping && event.preventDefault());
  }

  // ---------------------------------------------------------------------------------------------------------------- choosing

  #listenForDrops() {
    let depth = 0;
    const over = (count) => {
      depth = Math.max(0, depth + count);
      this.zone.classList.toggle("over", depth > 0);
    };
    addEventListener("dragenter", (event) => hasFiles(event) && (event.preventDefault(), over(1)));
    addEventListener("dragleave", (event) => hasFiles(event) && over(-1));
    addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    addEventListener("drop", async (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      over(0);
      if (this.stopping) return;
      try {
        this.#pick(await dropped(event.dataTransfer));
      } catch (error) {
        this.#say(`It could not be read: ${error.message}`, true);
      }
    });
  }

  #pick(picked) {
    this.picked = picked;
    const { name } = this.form.elements;
    const { root, files } = picked;
    if (!files.length) {
      this.#say("There are no files in it.", true);
      return;
    }
    if (!name.value && root) name.value = root.replace(/\.(onnx|keras|h5|zip|pt|pb|bin)$/i, "");
    this.rows = new Map(files.slice(0, SHOWN).map((entry) => [entry, row(entry)]));
    this.list.replaceChildren(...this.rows.values());
    if (files.length > SHOWN) this.list.append(item(`and ${files.length - SHOWN} more`));
    this.bytes = files.reduce((sum, { file }) => sum + file.size, 0);
    this.#say(`${count(files.length, "file")}, ${size(this.bytes)}`);
    this.zone.classList.add("filled");
    if (!name.value) name.focus();
  }

  // ----------------------------------------------------------------------------------------------------------------- sending

  async #send(event) {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (this.stopping || !this.form.reportValidity()) return;
    if (!this.picked.files.length) {
      this.#say("Choose a file or a folder first, or drop one here.", true);
      return;
    }
    this.stopping = new AbortController();
    const said = this.#said();
    this.#running(true);
    try {
      await this.#post(this.form.dataset.check, said);
      const files = await this.#sendFiles();
      this.#say("Making the version…");
      const made = await this.#post(this.form.dataset.finish, { ...said, root: this.picked.root, files });
      this.stopping = null;
      location.assign(made.href);
    } catch (error) {
      this.stopping?.abort();
      this.#say(error.name === "AbortError" ? "Cancelled; nothing was registered." : `Not uploaded: ${error.message}`, error.name !== "AbortError");
    } finally {
      this.stopping = null;
      this.#running(false);
    }
  }

  async #sendFiles() {
    const { files } = this.picked;
    const sent = new Map(files.map((entry) => [entry, 0]));
    const results = [];
    const began = performance.now();
    const waiting = [...files.entries()];
    const tell = () => {
      const bytes = [...sent.values()].reduce((sum, part) => sum + part, 0);
      this.total.value = this.bytes ? bytes / this.bytes : 1;
      const rate = bytes / ((performance.now() - began) / 1000);
      const left = rate > 0 ? (this.bytes - bytes) / rate : 0;
      if (!this.trouble) this.#say(`${size(bytes)} of ${size(this.bytes)}, ${size(rate)}/s${left > 3 ? `, ${time(left)} left` : ""}`);
    };
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [index, entry] = next;
        const shown = this.rows.get(entry);
        const done = await send(this.form.dataset.uploads, entry.file, {
          token: this.#token(),
          signal: this.stopping.signal,
          progress: (bytes) => {
            sent.set(entry, Math.min(bytes, entry.file.size));
            show(shown, entry.file.size ? bytes / entry.file.size : 1);
            tell();
          },
          trouble: (text) => {
            this.trouble = text;
            if (text) this.#say(`${entry.path}: ${text}`, true);
          },
        });
        sent.set(entry, entry.file.size);
        show(shown, 1, true);
        tell();
        results[index] = { path: entry.path, size: done.size, digest: done.digest };
      }
    };
    const workers = Array.from({ length: AT_ONCE }, work);
    try {
      await Promise.all(workers);
    } catch (error) {
      this.stopping.abort();
      await Promise.allSettled(workers);
      throw error;
    }
    return results;
  }

  #said() {
    const { name, type, notes, summary, tags } = this.form.elements;
    return { name: name.value, type: type.value, notes: notes.value, summary: summary.value, tags: tags.value };
  }

  async #post(url, value) {
    const watch = { token: this.#token(), signal: this.stopping.signal };
    return (await ask("POST", url, watch, JSON.stringify(value), { "Content-Type": "application/json" })).body;
  }

  // -------------------------------------------------------------------------------------------------------------- small things

  #token() {
    return document.querySelector("meta[name=csrf-token]")?.content ?? "";
  }

  #running(running) {
    this.form.classList.toggle("running", running);
    this.submit.disabled = running;
    this.cancel.hidden = !running;
    this.total.hidden = !running;
    if (!running) this.total.value = 0;
    for (const field of this.form.querySelectorAll("input, select, textarea, [data-choose]")) field.disabled = running;
  }

  #say(text, bad = false) {
    this.message.textContent = text;
    this.message.classList.toggle("bad", bad);
  }
}

function hasFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}

function row({ path, file }) {
  const line = item(path);
  const bytes = line.appendChild(document.createElement("span"));
  bytes.className = "n muted";
  bytes.textContent = size(file.size);
  const bar = line.appendChild(document.createElement("progress"));
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", path);
  return line;
}

function item(text) {
  const line = document.createElement("li");
  const name = line.appendChild(document.createElement("span"));
  name.className = "path";
  name.textContent = text;
  return line;
}

function show(line, part, done = false) {
  if (!line) return;
  const bar = line.querySelector("progress");
  if (bar) bar.value = part;
  line.classList.toggle("done", done);
}

function count(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

function time(seconds) {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

for (const form of document.querySelectorAll("form[data-upload]")) new UploadForm(form);
