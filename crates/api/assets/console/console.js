// What the console's pages need a script for. A page is made by the server; every change goes to the JSON API.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const csrf = $('meta[name="csrf-token"]');

// --- Forms: <form data-api="POST /api/v1/keys" data-then="/console/keys"> ---------------------------------------------

/** The value of a field as the API wants it; nothing when it is empty. */
function valueOf(field) {
  if (field.type === "checkbox") return field.dataset.type === "list" ? (field.checked ? [field.value] : []) : field.checked;
  if (field.type === "radio" && !field.checked) return undefined;
  const text = field.type === "password" ? field.value : field.value.trim();
  if (field.dataset.type === "list") return text.split(/[\s,]+/).filter(Boolean);
  if (field.dataset.type === "lines") return text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (field.dataset.type === "boolean") return text === "true";
  if (text === "") return field.dataset.empty === undefined ? undefined : JSON.parse(field.dataset.empty);
  if (field.dataset.type === "number") return Number(text) * Number(field.dataset.times ?? 1);
  if (field.dataset.type === "time") return new Date(text).toISOString();
  return text;
}

/** The form as JSON. Checkboxes of one name and `data-type="list"` become one list; a name `a.b` becomes `{a: {b: …}}`,
 * and `a[0].b` becomes `{a: [{b: …}]}`. */
function bodyOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.matches(":disabled") || field.type === "submit") continue;
    const value = valueOf(field);
    if (value === undefined) continue;
    const path = field.name.split(/[.[\]]+/);
    const last = path.pop();
    const place = path.reduce((into, name, at) => (into[name] ??= /^\d+$/.test(path[at + 1]) ? [] : {}), body);
    place[last] = Array.isArray(value) && Array.isArray(place[last]) ? place[last].concat(value) : value;
  }
  return body;
}

async function call(method, path, body) {
  const headers = { accept: "application/json, application/problem+json" };
  if (csrf) headers["x-csrf-token"] = csrf.content;
  const text = body && Object.keys(body).length > 0 ? JSON.stringify(body) : undefined;
  if (text) headers["content-type"] = "application/json";
  const options = { method, headers, body: text };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    return { ok: false, problem: { title: "The server cannot be reached", detail: "Nothing was changed. Try again in a moment." } };
  }
  const json = await answer.json().catch(() => ({}));
  if (json.csrf_token && csrf) csrf.content = json.csrf_token;
  json.retry_after_seconds ??= Number(answer.headers.get("retry-after")) || undefined;
  return { ok: answer.ok, problem: json, answer: json };
}

/** Says what is wrong, beside the field it is about where there is one. */
function complain(form, problem) {
  settle(form);
  const rest = [];
  for (const error of problem.errors ?? []) {
    const field = form.elements.namedItem(error.field) ?? form.elements.namedItem(error.field.replace(/[[.].*$/, ""));
    const place = field?.closest?.(".field") ?? $(`fieldset#${CSS.escape(error.field)}`, form);
    if (!place) { rest.push(`${error.field}: ${error.message}`); continue; }
    const note = document.createElement("p");
    note.className = "complaint";
    note.id = `${field?.id || error.field}-complaint`;
    note.textContent = error.message;
    place.append(note);
    if (!field) continue;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", note.id);
  }
  const box = $(".form-problem", form) ?? form.insertAdjacentElement("afterbegin", document.createElement("div"));
  box.className = "form-problem";
  box.setAttribute("role", "alert");
  box.tabIndex = -1;
  const title = document.createElement("strong");
  title.textContent = problem.title ?? "That did not work";
  const detail = document.createElement("p");
  const wait = problem.retry_after_seconds ? ` Try again in ${problem.retry_after_seconds} seconds.` : "";
  detail.textContent = [problem.detail, ...rest].filter(Boolean).join(" ") + wait;
  box.replaceChildren(title, detail);
  ($('[aria-invalid="true"]', form) ?? box).focus();
}

function settle(form) {
  $$(".complaint", form).forEach((note) => note.remove());
  $$('[aria-invalid="true"]', form).forEach((field) => {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  });
  $(".form-problem", form)?.remove();
}

/** What an answer leads to: a part of the page that shows it, another page, or this one anew. */
function conclude(form, answer) {
  const shown = form.dataset.shows && document.getElementById(form.dataset.shows);
  if (shown) {
    for (const slot of $$("[data-field]", shown)) {
      const value = slot.dataset.field.split(".").reduce((from, name) => from?.[name], answer);
      const text = Array.isArray(value) ? value.join("\n") : String(value ?? "");
      if (slot.dataset.into) slot.setAttribute(slot.dataset.into, text);
      else slot.textContent = (slot.dataset.before ?? "").replace("{origin}", location.origin) + text + (slot.dataset.after ?? "");
    }
    shown.hidden = false;
    if (!form.hasAttribute("data-stays")) (form.closest("[data-gone]") ?? form).hidden = true;
    shown.tabIndex = -1;
    shown.focus();
    return;
  }
  const then = (form.dataset.then ?? "").replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name] ?? ""));
  if (then) location.assign(then);
  else location.reload();
}

async function submit(form, again = false) {
  const [method, path] = form.dataset.api.split(" ");
  const button = $('[type="submit"]', form);
  if (button) button.disabled = true;
  form.setAttribute("aria-busy", "true");
  const sent = await call(method, path, bodyOf(form));
  form.removeAttribute("aria-busy");
  if (button) button.disabled = false;
  if (sent.ok) return conclude(form, sent.answer);
  const code = sent.problem.code;
  if (code === "reauthentication_required" && !again && (await reauthenticate())) return submit(form, true);
  if (code === "second_factor_required") {
    const field = $("[data-second-factor]", form);
    if (field && field.hidden) {
      settle(form);
      field.hidden = false;
      $("input", field).disabled = false;
      return $("input", field).focus();
    }
  }
  if (code === "session_required" && !form.hasAttribute("data-open")) {
    return location.assign(`/console/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  complain(form, sent.problem);
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-api]");
  if (!form) return;
  event.preventDefault();
  submit(form);
});

/** Asks for the password once more, for what could do harm in the wrong hands. Whether it was given. */
function reauthenticate() {
  const dialog = $("#reauthenticate");
  if (!dialog) return Promise.resolve(false);
  const form = $("form", dialog);
  form.reset();
  settle(form);
  dialog.showModal();
  return new Promise((resolve) => {
    const finish = (given) => {
      form.onsubmit = null;
      dialog.onclose = null;
      if (dialog.open) dialog.close();
      resolve(given);
    };
    dialog.onclose = () => finish(false);
    form.onsubmit = async (event) => {
      event.preventDefault();
      event.stopPropagation();
      const sent = await call("POST", "/api/v1/auth/reauthenticate", bodyOf(form));
      if (sent.ok) return finish(true);
      if (sent.problem.code === "second_factor_required") {
        const field = $("[data-second-factor]", form);
        field.hidden = false;
        $("input", field).disabled = false;
      }
      complain(form, sent.problem);
    };
  });
}
$("#reauthenticate [data-close]")?.addEventListener("click", () => $("#reauthenticate").close());

// --- Links with a token in their fragment, which no server ever sees -----------------------------------------------------

const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  $$('input[name="token"]').forEach((field) => { field.value = token; });
  history.replaceState(null, "", location.pathname + location.search);
}
const next = new URLSearchParams(location.search).get("next");
if (next?.startsWith("/console")) $$("form[data-next]").forEach((form) => { form.dataset.then = next; });

// --- Times in the viewer's zone, with UTC on hover ---------------------------------------------------------------------

const today = new Date().toDateString();
function localise(within) {
  for (const time of $$("time[datetime]:not([data-done])", within)) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const clock = { hour: "2-digit", minute: "2-digit", second: time.dataset.precise === undefined ? undefined : "2-digit" };
    const day = moment.toDateString() === today ? {} : { day: "numeric", month: "short", year: "numeric" };
    time.title = time.textContent.trim();
    time.textContent = moment.toLocaleString(undefined, { ...day, ...clock });
    time.dataset.done = "";
  }
}
localise(document);
document.addEventListener("htmx:afterSwap", (event) => localise(event.target.parentElement ?? document));

// --- Small comforts ----------------------------------------------------------------------------------------------------

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (!copy) return;
  const text = document.getElementById(copy.dataset.copy)?.textContent ?? "";
  const label = copy.textContent;
  try {
    await navigator.clipboard.writeText(text);
    copy.textContent = "Copied";
  } catch {
    copy.textContent = "Select it and copy";
  }
  setTimeout(() => { copy.textContent = label; }, 1500);
});

for (const choice of $$("input[name='theme'][data-theme-choice]")) {
  const chosen = document.documentElement.dataset.theme ?? "";
  choice.checked = choice.value === chosen;
  choice.addEventListener("change", () => {
    try {
      if (choice.value) localStorage.setItem("whatotp.theme", choice.value);
      else localStorage.removeItem("whatotp.theme");
    } catch { /* not remembered */ }
    if (choice.value) document.documentElement.dataset.theme = choice.value;
    else delete document.documentElement.dataset.theme;
  });
}

for (const text of $$("[data-counts]")) {
  const counter = document.getElementById(text.dataset.counts);
  const count = () => { counter.textContent = `${[...text.value].length} of ${text.maxLength}`; };
  text.addEventListener("input", count);
  count();
}

// A canned reply is put where the answer is written.
for (const choice of $$("select[data-inserts]")) {
  choice.addEventListener("change", () => {
    const into = document.getElementById(choice.dataset.inserts);
    into.value = [into.value.trim(), choice.selectedOptions[0]?.dataset.text ?? ""].filter(Boolean).join("\n\n");
    choice.selectedIndex = 0;
    into.focus();
  });
}

// The editor of templates: rows for buttons, a field for each variable, and what it will look like.
for (const form of $$("form[data-preview]")) {
  const screen = document.getElementById(form.dataset.preview);
  const examples = $("[data-examples]", form);
  const VARIABLE = /\{\{\s*(\w+)\s*\}\}/g;
  const named = (text) => [...text.matchAll(VARIABLE)].map((match) => match[1]);
  const inHeader = (name) => (/^\d+$/.test(name) ? `header_${name}` : name);
  const put = (text, nameOf) => text.replace(VARIABLE, (whole, name) => form.elements.namedItem(`examples.${nameOf(name)}`)?.value || whole);
  const used = () => $$("[data-row]:not([disabled])", form);

  /** A field for each variable; what was typed stays. */
  const ask = (names) => {
    const stale = $$("[data-example]", examples).filter((field) => !names.includes(field.dataset.example));
    stale.forEach((field) => field.remove());
    for (const name of names) {
      if (form.elements.namedItem(`examples.${name}`)) continue;
      const field = document.createElement("div");
      const label = field.appendChild(document.createElement("label"));
      const input = field.appendChild(document.createElement("input"));
      field.className = "field";
      field.dataset.example = name;
      label.textContent = name;
      label.htmlFor = input.id = `example-${name}`;
      input.name = `examples.${name}`;
      input.required = examples.hasAttribute("data-required");
      examples.append(field);
    }
    examples.hidden = names.length === 0;
  };

  /** Of a button's fields, only those that its kind has. */
  const fit = (row) => {
    const kind = $('[name$=".type"]', row).value;
    for (const field of $$("[data-only]", row)) {
      field.hidden = field.dataset.only !== kind;
      $("input", field).disabled = field.hidden;
    }
  };

  const draw = () => {
    const { header, body, footer } = form.elements;
    used().forEach(fit);
    const rows = used().map((row) => ({ label: $('[name$=".label"]', row).value, url: $('[name$=".url"]:enabled', row)?.value ?? "" }));
    const ends = rows.flatMap((row, at) => (named(row.url).length ? [`button_${at}`] : []));
    ask([...new Set([...named(header.value).map(inHeader), ...named(body.value), ...ends])]);
    const same = (name) => name;
    for (const [part, text] of [["header", put(header.value, inHeader)], ["body", put(body.value, same)], ["footer", footer.value]]) {
      const line = $(`.bubble-${part}`, screen);
      line.textContent = text;
      line.hidden = !text;
    }
    $$("[data-button]", screen).forEach((button) => button.remove());
    for (const { label } of rows) {
      const button = screen.appendChild(document.createElement("div"));
      button.className = "bubble";
      button.dataset.button = "";
      button.textContent = label || "…";
    }
  };
  form.addEventListener("input", draw);
  form.addEventListener("click", (event) => {
    const rows = event.target.closest("[data-rows]");
    if (!rows) return;
    const more = rows.dataset.rows === "more";
    const row = more ? $("[data-row][disabled]", form) : used().pop();
    if (!row) return;
    row.hidden = row.disabled = !more;
    if (more) $("select", row).focus();
    draw();
  });
  draw();
}
