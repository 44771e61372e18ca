// The one file that talks to the box.

/** What went wrong, in the box's words. */
export class ApiError extends Error {
  /** @param status HTTP status; 0 where nobody answered.  @param answer What the box said. */
  constructor(status, answer) {
    super(answer.error || `The box answered ${status} and said nothing more.`);
    this.status = status;
    this.answer = answer;
    this.problems = answer.problems || [];
  }
}

/** `signed-out` is dispatched here when the box no longer knows this browser. */
export const session = new EventTarget();
session.who = null;

async function ask(method, path, { body, raw, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Edge-CSRF"] = session.who ? session.who.csrf : "";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  else if (raw) headers["Content-Type"] = raw.type || "application/octet-stream";
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: raw || (body === undefined ? undefined : JSON.stringify(body)) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { error: "The box does not answer. Check the network, then try again." });
  }
  const text = await response.text();
  let answer = {};
  if (text) {
    try {
      answer = JSON.parse(text);
    } catch {
      answer = { error: text.slice(0, 300) };
    }
  }
  if (response.ok) return answer;
  if (response.status === 401 && path !== "/api/login") {
    session.who = null;
    session.dispatchEvent(new Event("signed-out"));
  }
  throw new ApiError(response.status, answer);
}

export const get = (path, options) => ask("GET", path, options);
export const post = (path, body = {}, options) => ask("POST", path, { body, ...options });
export const put = (path, body) => ask("PUT", path, { body });
export const send = (path, file, options) => ask("POST", path, { raw: file, ...options });

/** Where a camera is found. */
export const camera = (id, rest = "") => `/api/cameras/${encodeURIComponent(id)}${rest}`;

/** Who is logged in; null where nobody is. */
export async function whoAmI() {
  try {
    session.who = await get("/api/session");
  } catch (error) {
    if (error.status !== 401) throw error;
    session.who = null;
  }
  return session.who;
}

export async function logIn(user, password) {
  session.who = await post("/api/login", { user, password });
  return session.who;
}

export async function logOut() {
  await post("/api/logout");
  session.who = null;
}

export const mayChange = () => session.who !== null && session.who.role === "technician";

const AGAIN_MS = 3000;

/**
 * Hear what the box sends as it happens, and come back after a loss.
 * @param path Of a stream of server-sent events.
 * @param heard Called with each message.
 * @param changed Called with true when the stream is open, with false when it is lost.
 * @returns A function that ends it.
 */
export function listen(path, heard, changed = () => {}) {
  let source = null;
  let timer = 0;
  let ended = false;
  const open = () => {
    source = new EventSource(path);
    source.onopen = () => changed(true);
    source.onmessage = (event) => heard(JSON.parse(event.data));
    source.onerror = () => {
      changed(false);
      if (source.readyState !== EventSource.CLOSED || ended) return;
      // It was refused, and the browser will not try again: the session may be over.
      timer = setTimeout(async () => {
        const who = await whoAmI().catch(() => null);
        if (!ended && who) open();
        else if (!ended) timer = setTimeout(open, AGAIN_MS);
      }, AGAIN_MS);
    };
  };
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    source.close();
  };
}
