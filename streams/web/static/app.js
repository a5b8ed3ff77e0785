// The page: login, routes, the stream of news, and which view is shown.

import { ask, logIn, logOut, Refused, Updates } from "./api.js";
import { empty, h, put } from "./dom.js";
import { here } from "./route.js";
import { compareView } from "./compare.js";
import { modelView } from "./model.js";
import { modelsView } from "./models.js";

const main = document.getElementById("main");
const link = document.getElementById("link");
const crumbs = document.getElementById("crumbs");
/** Before a view that could not be shown is tried again, once there are news. */
const AGAIN_MS = 1000;
/** Hidden for so long, a page takes no news until it is looked at. */
const REST_MS = 2000;
let view = null;
let shown = "";
let serial = 0;
let failed = false;
let retry = 0;

const STATES = { live: "live", lost: "no connection, trying again", full: "not live: too many pages are open" };

function state(word) {
  if (link.dataset.state === word || link.dataset.state === "out") return;
  const back = word === "live" && ["lost", "full"].includes(link.dataset.state);
  link.dataset.state = word;
  link.textContent = STATES[word];
  if (back) again();
}

/** What is shown may be old: ask anew, from the beginning where the view could not be shown. */
function again() {
  if (failed) show();
  else view?.again?.();
}

/** The worker is there and gives no news: the session is over, or too many pages are open. */
async function refused() {
  try {
    if ((await ask("session")).logged_in) state("full");
    else loginForm("The session is over.");
  } catch {
    state("lost");
  }
}

const updates = new Updates((rows) => {
  if (!failed) return view?.news?.(rows);
  clearTimeout(retry);
  retry = setTimeout(again, AGAIN_MS);
}, state, refused);

/** A page that nobody looks at gives its place, and its connection, to one that is looked at. */
let rest = 0;
let resting = false;
function looked() {
  clearTimeout(rest);
  if (document.visibilityState === "hidden") {
    rest = setTimeout(() => { resting = true; updates.close(); }, REST_MS);
  } else if (resting) {
    resting = false;
    if (link.dataset.state === "out") return;
    updates.open();
    again();
  }
}

/** The view of an address: those of one model share a view, so that moving in it keeps its place. */
function chosen(parts) {
  if (parts[0] === "model" && parts.length >= 3) return ["model", parts[1], parts[2]];
  if (parts[0] === "comparisons") return ["comparisons"];
  return ["models"];
}

async function show() {
  const { parts } = here();
  const wanted = chosen(parts);
  const key = JSON.stringify(wanted);
  const mine = ++serial;
  if (key === shown && view?.go) {
    await guarded(() => view.go());
    return;
  }
  view?.leave?.();
  shown = key;
  const made = wanted[0] === "model" ? modelView(wanted[1], wanted[2])
    : wanted[0] === "comparisons" ? compareView() : modelsView();
  view = made;
  document.title = wanted.length > 1 ? `${wanted[1]} ${wanted[2]} · Longshore` : "Longshore";
  put(crumbs, wanted.length > 1
    ? [h("a", { href: "#/" }, "Models"), h("span", { "aria-current": "page" }, `${wanted[1]} ${wanted[2]}`)]
    : [h("a", { href: "#/", "aria-current": wanted[0] === "models" ? "page" : null }, "Models"),
       h("a", { href: "#/comparisons", "aria-current": wanted[0] === "comparisons" ? "page" : null }, "Versions")]);
  await guarded(async () => {
    const element = await made.start();
    if (mine !== serial && view !== made) return;
    put(main, element);
    main.dataset.ready = key;
  });
}

async function guarded(work) {
  try {
    failed = false;
    await work();
  } catch (error) {
    failed = true;
    shown = ""; // whatever is asked for next begins anew
    if (error instanceof Refused && error.status === 401) return loginForm();
    if (error instanceof Refused && error.status === 403) return closed();
    if (error instanceof Refused && error.status === 404) {
      put(main, empty("Nothing is kept of this.", error.message,
        h("a", { href: "#/" }, "All models")));
    } else if (error instanceof Refused && error.status === 400) {
      put(main, empty("This address asks for what cannot be.", error.message,
        h("a", { href: "#/" }, "All models")));
    } else if (error instanceof Refused || error instanceof TypeError) {
      put(main, empty("The worker does not answer as it should.", error.message));
      if (!(error instanceof Refused)) throw error;
    } else throw error;
  }
}

function closed() {
  view = null;
  shown = "";
  put(main, empty("This worker shows no data.",
    "It has no token, so the page stays closed to everybody. Write one into a file of its own,",
    h("code", {}, "openssl rand -hex 24 > page.token; chmod 600 page.token"),
    "name it in the settings (http: {token_file: page.token}) and start the worker again."));
}

function loginForm(trouble = "") {
  view?.leave?.();
  view = null;
  shown = "";
  updates.close();
  link.dataset.state = "out";
  link.textContent = "not logged in";
  const field = h("input", { id: "token", type: "password", autocomplete: "off", required: true, "aria-describedby": "token-help" });
  const form = h("form", { class: "login", submit: async (event) => {
    event.preventDefault();
    try {
      await logIn(field.value);
      await begin();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      loginForm(error.message);
    }
  } },
  h("h1", {}, "Log in"),
  h("label", { for: "token" }, "Token"), field,
  h("p", { id: "token-help", class: "note" }, "It is in the file that the worker's setting http.token_file names."),
  h("p", { class: "trouble", role: "alert" }, trouble),
  h("button", { type: "submit" }, "Log in"));
  put(main, form);
  field.focus();
}

/** A token in the fragment is used once and taken out of the address at once. */
function tokenOfAddress() {
  const found = /^#token=([^&]+)(?:&(.*))?$/.exec(location.hash);
  if (!found) return "";
  history.replaceState(null, "", found[2] ? `#${found[2]}` : "#/");
  try {
    return decodeURIComponent(found[1]);
  } catch {
    return "";
  }
}

async function begin() {
  document.getElementById("logout").hidden = false;
  link.dataset.state = "connecting";
  link.textContent = "connecting";
  updates.open();
  looked();
  await show();
}

async function start() {
  const token = tokenOfAddress();
  const session = await ask("session");
  if (!session.token_set) return closed();
  if (!session.logged_in && token) {
    try {
      await logIn(token);
    } catch (error) {
      if (error instanceof Refused) return loginForm(error.message);
      throw error;
    }
  } else if (!session.logged_in) return loginForm();
  return begin();
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  const dark = name === "dark" || (name === "" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.getElementById("theme").textContent = dark ? "Light" : "Dark";
  view?.repaint?.();
}

document.getElementById("theme").addEventListener("click", (event) => {
  const next = event.target.textContent === "Dark" ? "dark" : "light";
  localStorage.setItem("theme", next);
  setTheme(next);
});
document.getElementById("logout").addEventListener("click", async () => {
  await logOut();
  document.getElementById("logout").hidden = true;
  loginForm();
});
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", async () => {
  if (location.hash.startsWith("#token=")) return start();
  if (link.dataset.state === "out") return null;
  const before = view;
  await show();
  if (view !== before) {
    // As a new page would be: from its top, for the eye and for the keyboard.
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
});
document.addEventListener("visibilitychange", looked);
window.addEventListener("unhandledrejection", (event) => {
  // What a view asks for by itself, when news come: the session may be over, the worker away.
  if (event.reason instanceof Refused && event.reason.status === 401) loginForm("The session is over.");
  else if (!(event.reason instanceof Refused) && !/fetch/i.test(String(event.reason))) return;
  event.preventDefault();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(localStorage.getItem("theme") ?? ""));
setTheme(localStorage.getItem("theme") ?? "");
start().catch((error) => {
  put(main, empty("The worker does not answer.", "Is it running? This page asks again when it is loaded again."));
  throw error;
});
