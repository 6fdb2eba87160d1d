// One file on its way to the server, in parts, going on where it broke off.
//
// The server hashes what arrives and answers the last part with the digest: hashing here as well would read a large file twice, and the
// browser's own SHA-256 wants it in memory at once and is not there at all without HTTPS.

const PART_BYTES = 32 * 1024 * 1024;
const WAITS_SECONDS = [1, 2, 4, 8, 15, 30];
const STALL_SECONDS = 45; // nothing moves: a line that is dead without anybody having said so
const ANSWER_SECONDS = 300; // all is sent: the server writes it to its disk

/** The server has refused: trying again would not help. */
export class RefusedError extends Error {}

/**
 * Send a file. Resolves to `{digest, size}`.
 *
 * @param {string} uploads              the address of the team's uploads
 * @param {File} file
 * @param {object} watch                `{token, signal, progress(bytes), trouble(text)}`; trouble("") when it is over
 */
export async function send(uploads, file, watch) {
  let place = null;
  let offset = 0;
  for (let attempt = 0; ; ) {
    try {
      if (place === null) {
        const begun = await ask("POST", uploads, watch, JSON.stringify({ size: file.size }), { "Content-Type": "application/json" });
        place = begun.xhr.getResponseHeader("Location");
        offset = 0;
      }
      const done = await parts(place, file, offset, watch);
      watch.trouble("");
      return done;
    } catch (error) {
      if (watch.signal.aborted) {
        if (place) ask("DELETE", place, { ...watch, signal: new AbortController().signal }).catch(() => {});
        throw error;
      }
      if (error instanceof RefusedError) throw error;
      const wait = WAITS_SECONDS[Math.min(attempt, WAITS_SECONDS.length - 1)];
      watch.trouble(`${error.message}; going on in ${wait} s`);
      attempt += 1;
      await pause(wait, watch.signal);
      const before = offset;
      [place, offset] = await standing(place, watch, offset);
      if (offset > before) attempt = 0;
      watch.progress(offset);
    }
  }
}

async function parts(place, file, offset, watch) {
  let at = offset;
  for (;;) {
    const part = file.slice(at, at + PART_BYTES);
    const from = at;
    const { status, body } = await ask("PATCH", place, watch, part, { "Upload-Offset": String(at), "Content-Type": "application/octet-stream" }, (sent) => {
      watch.progress(from + sent);
    });
    at += part.size;
    watch.progress(at);
    if (status === 200) return body;
  }
}

/** Ask how far the upload has come: `[place, offset]`, place null when the server has forgotten it. */
async function standing(place, watch, offset) {
  if (place === null) return [null, 0];
  try {
    const { xhr } = await ask("HEAD", place, watch);
    return [place, Number(xhr.getResponseHeader("Upload-Offset"))];
  } catch (error) {
    return error instanceof RefusedError && !watch.signal.aborted ? [null, 0] : [place, offset];
  }
}

/** One request. fetch() cannot tell how much of a body has been sent, XMLHttpRequest can. */
export function ask(method, url, { token, signal }, body = null, headers = {}, progress = null) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.setRequestHeader("Accept", "application/json");
    if (token) xhr.setRequestHeader("X-CSRF-Token", token);
    if (progress) xhr.upload.addEventListener("progress", (event) => progress(event.loaded));
    const stop = () => xhr.abort();
    let timer = null;
    const within = (seconds) => {
      clearTimeout(timer);
      timer = setTimeout(stop, seconds * 1000);
    };
    within(body ? STALL_SECONDS : ANSWER_SECONDS);
    xhr.upload.addEventListener("progress", () => within(STALL_SECONDS));
    xhr.upload.addEventListener("load", () => within(ANSWER_SECONDS));
    signal.addEventListener("abort", stop, { once: true });
    xhr.addEventListener("loadend", () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    });
    xhr.addEventListener("abort", () => reject(signal.aborted ? new DOMException("cancelled", "AbortError") : new Error("nothing moved any more")));
    xhr.addEventListener("error", () => reject(new Error("the connection broke")));
    xhr.addEventListener("load", () => {
      const { status } = xhr;
      const answer = parsed(xhr.responseText);
      if (status < 400) resolve({ status, body: answer, xhr });
      else if ([408, 409, 425, 429].includes(status) || status >= 500) reject(new Error(`the server is not ready (${status})`));
      else reject(new RefusedError(told(answer, status)));
    });
    if (signal.aborted) xhr.abort();
    xhr.send(body);
  });
}

function told(answer, status) {
  const error = answer?.error;
  if (!error) return `the server answered ${status}`;
  return error.hint ? `${error.message}: ${error.hint}` : error.message;
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/** Wait, or until the network is back. */
function pause(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, seconds * 1000);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    }
    addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
