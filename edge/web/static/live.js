// A live picture: JPEG after JPEG over one request, drawn on a canvas. It ends when nobody looks.
// Not an <img>: a picture that has stopped must be told from one in which nothing moves.

const STALE_MS = 4000;
const AGAIN_MS = 1000;
const DECODER = new TextDecoder("latin1");

/** Yields the JPEGs of a multipart stream, each with its stream time. */
async function* parts(body) {
  const reader = body.getReader();
  let held = new Uint8Array(0);
  const more = async () => {
    const { done, value } = await reader.read();
    if (done) return false;
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
    return true;
  };
  try {
    for (;;) {
      let end = -1;
      while ((end = headerEnd(held)) < 0) if (!(await more())) return;
      const head = DECODER.decode(held.subarray(0, end));
      const length = /content-length:\s*(\d+)/i.exec(head);
      if (!length) throw new Error("a picture of unknown length");
      const size = end + Number(length[1]);
      while (held.length < size) if (!(await more())) return;
      yield { jpeg: held.slice(end, size), pts: Number(/x-pts:\s*(-?[\d.]+)/i.exec(head)?.[1] ?? NaN) };
      held = held.slice(size);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function headerEnd(bytes) {
  for (let i = 0; i + 3 < bytes.length; i += 1) {
    if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) return i + 4;
  }
  return -1;
}

/** Draws a camera's pictures on a canvas while it is on screen. */
export class Live {
  #canvas;
  #url;
  #told;
  #abort = null;
  #timer = 0;
  #stale = 0;
  #looking = false;
  #held = false;
  #ended = false;
  #observer;
  #onVisibility = () => this.#attend();

  /** Stream time of the picture that is shown; NaN before the first. */
  pts = NaN;

  /** @param told Called with ("live" | "waiting" | "held", words). */
  constructor(canvas, url, told = () => {}) {
    this.#canvas = canvas;
    this.#url = url;
    this.#told = told;
    this.#observer = new IntersectionObserver((seen) => {
      this.#looking = seen.at(-1).isIntersecting;
      this.#attend();
    });
    this.#observer.observe(canvas);
    document.addEventListener("visibilitychange", this.#onVisibility);
  }

  /** Keep this picture still, or go on. */
  hold(held) {
    this.#held = held;
    if (held) this.#told("held", "Picture held");
    this.#attend();
  }

  end() {
    this.#ended = true;
    this.#observer.disconnect();
    document.removeEventListener("visibilitychange", this.#onVisibility);
    this.#attend();
  }

  #attend() {
    const wanted = this.#looking && !this.#held && !this.#ended && document.visibilityState === "visible";
    if (wanted && !this.#abort) this.#run();
    else if (!wanted && this.#abort) {
      this.#abort.abort();
      this.#abort = null;
      clearTimeout(this.#timer);
      clearTimeout(this.#stale);
    }
  }

  async #run() {
    const abort = new AbortController();
    this.#abort = abort;
    let why = "The picture ended; asking for it again.";
    try {
      const response = await fetch(this.#url, { signal: abort.signal });
      if (!response.ok) why = response.status === 404 ? "No picture: this camera is not watched." : `No picture: the box answered ${response.status}.`;
      else for await (const part of parts(response.body)) await this.#show(part, abort);
    } catch (error) {
      if (abort.signal.aborted) return;
      why = "No picture: the box does not answer.";
    }
    if (abort.signal.aborted) return;
    clearTimeout(this.#stale);
    this.#told("waiting", why);
    this.#timer = setTimeout(() => {
      if (this.#abort === abort) this.#run();
    }, AGAIN_MS);
  }

  async #show({ jpeg, pts }, abort) {
    const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    if (abort.signal.aborted) return;
    draw(this.#canvas, picture);
    this.pts = pts;
    this.#told("live", "");
    clearTimeout(this.#stale);
    this.#stale = setTimeout(() => this.#told("waiting", `No new picture for ${STALE_MS / 1000} s.`), STALE_MS);
  }
}

function draw(canvas, picture) {
  if (canvas.width !== picture.width || canvas.height !== picture.height) [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
}

/** One picture of a camera on a canvas; whether there was one. */
export async function still(canvas, url) {
  try {
    const response = await fetch(url);
    if (!response.ok) return false;
    draw(canvas, await createImageBitmap(await response.blob()));
    return true;
  } catch {
    return false;
  }
}
