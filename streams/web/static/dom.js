// Elements from names, attributes and children. Text is only ever text: nothing here reads markup,
// so a model called "<script>" is shown by that name.

/** An element; attributes that are null or false are left out, functions are listeners. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** As h, of SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(2)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** Take the place of what stood in an element, and keep the focus where it was, by id. */
export function put(place, ...children) {
  const active = document.activeElement;
  const id = active && place.contains(active) ? active.id : "";
  place.replaceChildren(...children.flat(2).filter((child) => child !== null && child !== false));
  if (id) document.getElementById(id)?.focus({ preventScroll: true });
}

/** What there is instead of data, and what to do next. */
export function empty(title, ...lines) {
  return h("div", { class: "empty" }, h("p", { class: "strong" }, title), lines.map((line) => h("p", {}, line)));
}

/** What is drawn of each record; one that is not as its topic says costs the others nothing. */
export function each(records, draw, columns = 0) {
  return records.map((one) => {
    try {
      return draw(one);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      const what = "A record that cannot be shown.";
      return columns ? h("tr", {}, h("td", { colspan: columns }, what)) : h("p", { class: "dim" }, what);
    }
  });
}

/** A table: heads are texts or {text, class}, rows lists of cells. */
export function table(caption, heads, rows, attributes = {}) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", attributes,
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, heads.map((head) =>
        h("th", { scope: "col", class: head.class }, head.text ?? head)))),
      h("tbody", {}, rows)));
}
