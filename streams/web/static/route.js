// Addresses: #/ for all models, #/model/NAME/VERSION/VIEW[/WHAT]?window=7d&at=TIME for one.

/** The address as parts. */
export function here() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { parts, query: new URLSearchParams(query ?? "") };
}

/** The address of parts and a question. */
export function address(parts, question = {}) {
  const given = Object.entries(question).filter(([, value]) => value);
  const query = new URLSearchParams(given).toString();
  return `#/${parts.map(encodeURIComponent).join("/")}${query ? `?${query}` : ""}`;
}

/** Change the question of the address we are at, without a step in the browser's history. */
export function amend(changes) {
  const { parts, query } = here();
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  history.replaceState(null, "", address(parts, Object.fromEntries(query)));
}
