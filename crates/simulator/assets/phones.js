// Shows what each phone received. Asks for changes once a second; what did not change is not drawn again.
"use strict";

const EVERY_MS = 1000;
const SHOWN = 200;
const $ = (id) => document.getElementById(id);

let senders = [];
let phones = new Map();
let chosen = null;
let narrowChat = false;
const drawn = new Map();

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
};

const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const date = (seconds) => new Date(seconds * 1000).toLocaleDateString([], { dateStyle: "long" });
const initials = (name) => name.split(/\s+/).map((word) => word[0]).join("").slice(0, 2).toUpperCase();
const say = (text) => { $("said").textContent = text; };

// WhatsApp's *bold*, and nothing else of its marks; never HTML.
const formatted = (text) =>
  text.split(/(\*[^*\n]+\*)/).map((part) =>
    /^\*[^*\n]+\*$/.test(part) ? make("strong", { textContent: part.slice(1, -1) }) : part);

const plain = (text) => text.replace(/\*([^*\n]+)\*/g, "$1");

// Statuses may come in any order; a phone shows the furthest.
const standing = (message) => {
  const known = message.statuses.map((change) => change.status);
  return ["read", "delivered", "failed", "sent"].find((status) => known.includes(status)) ?? "accepted";
};

const TICKS = {
  accepted: ["M8 1.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6M8 3.6V6l1.6 1.1", "Accepted, not sent yet"],
  sent: ["m3 6.5 3 3 6-7", "Sent"],
  delivered: ["m1 6.5 3 3 6-7M8.5 9.2l.5.3 6-7", "Delivered"],
  read: ["m1 6.5 3 3 6-7M8.5 9.2l.5.3 6-7", "Read"],
  failed: ["M8 1v5.5M8 10v.4", "Failed"],
};

const ticks = (status) => {
  const [path, label] = TICKS[status];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 12");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  const element = make("span", { className: `ticks ${status}`, role: "img", title: label }, svg);
  element.setAttribute("aria-label", label);
  return element;
};

const copy = async (button, text, shown) => {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    say("Copied");
  } catch {
    // Without a secure origin there is no clipboard: select the text instead, for the keyboard's own copy.
    getSelection().selectAllChildren(shown());
    button.textContent = "Selected, copy it now";
    say("Selected, copy it now");
  }
  setTimeout(() => { button.textContent = label; }, 1600);
};

const refuse = async (button, wamid) => {
  button.disabled = true;
  const answer = await fetch(`/simulator/api/messages/${encodeURIComponent(wamid)}/did-not-request`, { method: "POST" });
  say(answer.ok ? "The business was told that you did not request this code" : "That did not work");
  await refresh();
};

const actions = (message) => {
  const shown = message.buttons.map((button) => {
    if (message.code !== null && button.target === null) {
      const copying = make("button", { className: "action", type: "button", textContent: button.label });
      const shown = () => copying.closest(".message").querySelector(".text strong");
      copying.addEventListener("click", () => copy(copying, message.code, shown));
      return copying;
    }
    const target = button.target === null ? null : make("small", { textContent: button.target });
    return make("div", { className: "action" }, button.label, target);
  });
  if (message.category === "AUTHENTICATION") {
    const label = message.did_not_request ? "You said you didn’t request this" : "I didn’t request a code";
    const refusing = make("button", { className: "action", type: "button", textContent: label });
    refusing.disabled = message.did_not_request;
    refusing.addEventListener("click", () => refuse(refusing, message.wamid));
    shown.push(refusing);
  }
  return shown;
};

const behind = (message) => {
  const statuses = message.statuses.map((change) => change.code ? `${change.status} (${change.code})` : change.status);
  const facts = {
    "Template": `${message.template} · ${message.language}`,
    "Statuses": statuses.join(", ") || "none yet",
    "Message id": message.wamid,
    "Sent to": message.input,
    "Known as": message.wa_id,
    "Callback data": message.biz_opaque_callback_data ?? "none",
  };
  const list = make("dl");
  for (const [name, value] of Object.entries(facts)) {
    list.append(make("dt", { textContent: name }), make("dd", { textContent: value }));
  }
  return make("details", { className: "behind" }, make("summary", { textContent: "Behind the message" }), list);
};

const bubble = (message) => {
  const status = standing(message);
  const failure = message.statuses.find((change) => change.status === "failed");
  const words = make("div", { className: "words" },
    message.header === null ? null : make("p", { className: "title", textContent: message.header }),
    make("p", { className: "text", lang: message.language.replace("_", "-") }, ...formatted(message.text)),
    message.footer === null ? null : make("p", { className: "small", textContent: message.footer }),
    make("p", { className: "meta" },
      make("time", { textContent: time(message.timestamp), dateTime: new Date(message.timestamp * 1000).toISOString() }),
      ticks(status)));
  const inner = make("div", { className: `bubble ${status === "failed" ? "undelivered" : ""}` }, words,
    ...(status === "failed" ? [] : actions(message)),
    status === "failed" ? make("p", { className: "failure", textContent: `Not delivered: error ${failure.code}. The phone never showed this.` }) : null);
  return make("li", { className: `message ${message.code === null ? "" : "code-message"}` }, inner, behind(message));
};

const drawPhones = () => {
  const newest = [...phones.entries()].sort(([, a], [, b]) => b.order - a.order);
  const focused = document.activeElement?.dataset?.to;
  $("phones").replaceChildren(...newest.map(([to, phone]) => {
    const last = phone.messages.at(-1);
    const button = make("button", { className: "phone", type: "button" },
      make("span", { className: "face", textContent: to.slice(-2), ariaHidden: "true" }),
      make("span", { className: "number", textContent: to }),
      make("time", { textContent: time(last.timestamp) }),
      make("span", { className: "last", textContent: plain(last.text) }));
    button.dataset.to = to;
    if (to === chosen) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => choose(to));
    return make("li", {}, button);
  }));
  if (focused) document.querySelector(`.phone[data-to="${CSS.escape(focused)}"]`)?.focus();
};

const drawChat = () => {
  const phone = phones.get(chosen);
  const sender = senders.find((known) => known.phone_number_id === phone.messages.at(-1).phone_number_id);
  const name = sender?.verified_name ?? "Business";
  $("chat-name").textContent = name;
  $("chat-face").textContent = initials(name);
  $("chat-to").textContent = `${sender?.display_phone_number ?? ""} to ${chosen}`;
  const list = $("messages");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const rows = [];
  let day = "";
  for (const message of phone.messages) {
    if (date(message.timestamp) !== day) {
      day = date(message.timestamp);
      const key = `day ${chosen} ${day}`;
      if (!drawn.has(key)) drawn.set(key, { element: make("li", { className: "day", textContent: day }) });
      rows.push(drawn.get(key).element);
    }
    const state = JSON.stringify([message.statuses, message.did_not_request]);
    const before = drawn.get(message.wamid);
    if (before?.state !== state) {
      const element = bubble(message);
      if (before) {
        const opened = before.element.querySelector("details").open;
        element.querySelector("details").open = opened;
        const at = [...before.element.querySelectorAll("button, summary")].indexOf(document.activeElement);
        before.element.replaceWith(element);
        if (at >= 0) element.querySelectorAll("button, summary")[at]?.focus();
      } else {
        element.classList.add("new");
      }
      drawn.set(message.wamid, { state, element });
    }
    rows.push(drawn.get(message.wamid).element);
  }
  // Only what is new is put in: replacing the rest would tear the focus out of it.
  const current = new Set(rows);
  [...list.children].filter((child) => !current.has(child)).forEach((child) => child.remove());
  rows.forEach((row, at) => { if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null); });
  if (atEnd) list.scrollTop = list.scrollHeight;
};

const draw = () => {
  const any = phones.size > 0;
  $("empty").hidden = any;
  $("chat").hidden = !any;
  document.body.dataset.open = !any ? "empty" : narrowChat ? "chat" : "list";
  if (!any) {
    chosen = null;
    drawPhones();
    return;
  }
  if (!phones.has(chosen)) chosen = [...phones.entries()].sort(([, a], [, b]) => b.order - a.order)[0][0];
  drawPhones();
  drawChat();
};

const choose = (to) => {
  chosen = to;
  narrowChat = true;
  $("messages").replaceChildren();
  draw();
  $("messages").scrollTop = $("messages").scrollHeight;
  $("chat").focus();
};

let version = null;
let known = null;
const announce = (messages) => {
  const newest = messages.at(-1);
  if (known !== null && newest && !known.has(newest.wamid)) say(`New message to ${newest.to}: ${plain(newest.text)}`);
  known = new Set(messages.map((message) => message.wamid));
};

const refresh = async () => {
  const headers = version === null ? {} : { "If-None-Match": version };
  const answer = await fetch("/simulator/api/messages", { headers, cache: "no-store" });
  if (answer.status === 304) return;
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const { messages } = await answer.json();
  version = answer.headers.get("ETag");
  phones = new Map();
  messages.slice(-SHOWN).forEach((message, order) => {
    const phone = phones.get(message.to) ?? { messages: [], order: 0 };
    phone.messages.push(message);
    phone.order = order;
    phones.set(message.to, phone);
  });
  draw();
  announce(messages);
};

const live = (text, lost) => {
  if ($("live").textContent === text) return;
  $("live").textContent = text;
  $("live").classList.toggle("lost", lost);
};

const watch = async () => {
  try {
    if (senders.length === 0) {
      const state = await (await fetch("/simulator/api/state", { cache: "no-store" })).json();
      senders = state.senders;
      showExample(senders[0]);
    }
    await refresh();
    live("Live", false);
  } catch {
    live("The simulator does not answer", true);
  }
  setTimeout(watch, EVERY_MS);
};

const showExample = (sender) => {
  const body = '{"messaging_product":"whatsapp","to":"+12025550123","type":"template","template":{"name":"verification_code","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"493027"}]},{"type":"button","sub_type":"url","index":"0","parameters":[{"type":"text","text":"493027"}]}]}}';
  $("try").textContent = [
    `curl ${location.origin}/v23.0/${sender.phone_number_id}/messages \\`,
    `  -H "Authorization: Bearer ${sender.demonstration_token ?? "$ACCESS_TOKEN"}" -H 'Content-Type: application/json' \\`,
    `  -d '${body}'`,
  ].join("\n");
};

$("copy-try").addEventListener("click", () => copy($("copy-try"), $("try").textContent, () => $("try")));

$("back").addEventListener("click", () => {
  narrowChat = false;
  draw();
  document.querySelector(".phone[aria-current]")?.focus();
});
watch();
