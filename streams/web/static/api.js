// The interface of the worker: questions, the session, and the stream of news.

/** What a worker answered when it was not what was wanted. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function answer(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // Not JSON: the status says enough.
  }
  if (!response.ok) throw new Refused(response.status, body.error ?? `HTTP ${response.status}`);
  return body;
}

/** Ask the interface; parts of the question that are empty are left out. */
export async function ask(name, question = {}) {
  const given = Object.entries(question).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(given).toString();
  return answer(await fetch(`/api/${name}${query ? `?${query}` : ""}`, { cache: "no-store" }));
}

/** Show the token once; the worker answers with a cookie that scripts cannot read. */
export async function logIn(token) {
  const body = JSON.stringify({ token });
  return answer(await fetch("/api/session", { method: "POST", body, headers: { "Content-Type": "application/json" } }));
}

export async function logOut() {
  return answer(await fetch("/api/session", { method: "DELETE" }));
}

/** As many windows of a series as a worker keeps and tells. */
export const KEPT_WINDOWS = 400;

const SILENT_MS = 10_000;

/** News: told(rows) for versions that changed, state(word) when the connection changes, refused() when
 * the worker answers and gives none. */
export class Updates {
  constructor(told, state, refused) {
    this.told = told;
    this.state = state;
    this.refused = refused;
    this.source = null;
    this.timer = null;
  }

  open() {
    this.close();
    this.source = new EventSource("/api/updates");
    this.source.addEventListener("hello", () => this.heard("live"));
    this.source.addEventListener("beat", () => this.heard("live"));
    this.source.addEventListener("models", (event) => {
      this.heard("live");
      this.told(JSON.parse(event.data));
    });
    this.source.addEventListener("error", () => this.lost());
  }

  heard(word) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.lost(), SILENT_MS);
    this.state(word);
  }

  lost() {
    if (this.source?.readyState !== EventSource.CLOSED) return this.state("lost");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), 3000);
    this.refused();
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
