// Runs the example of the guide against this server: send, read the code from the sandbox inbox, verify, read the session.
//
// The test key comes from the fragment of the address (#key=…), which browsers never send to a server, or from the field.
// It stays in this tab's session storage and travels in the Authorization header to this server only.

const NUMBER = "+12025550100";
const STORED_KEY = "whatotp.example.key";
const REASONS = { 200: "OK", 202: "Accepted" };

const panel = document.getElementById("example");
const field = document.getElementById("example-key");
const button = document.getElementById("example-run");
const log = document.getElementById("example-log");

/** Session storage may be switched off; then the key lives as long as the page. */
const memory = {
  get: () => { try { return sessionStorage.getItem(STORED_KEY) ?? ""; } catch { return ""; } },
  set: (key) => { try { sessionStorage.setItem(STORED_KEY, key); } catch { /* kept in the field */ } },
  clear: () => { try { sessionStorage.removeItem(STORED_KEY); } catch { /* nothing to clear */ } },
};

/** Says why a key is refused here, or nothing. */
function refusal(key) {
  if (key.startsWith("sk_live_")) {
    return "this is a live key | It was not sent. A live key never belongs in a browser: use a test key (sk_test_…).";
  }
  if (key === "") return "no key | Paste the test key (sk_test_…) that the quick start printed.";
  if (!key.startsWith("sk_test_")) return "this is not a test key | A test key begins with sk_test_. Nothing was sent.";
  if (!/^\w+$/.test(key)) return "the key is not complete | Copy the whole key: letters, digits and underscores only.";
  return null;
}

/** Adds one line, such as "[14:22:01] EXEC: POST /v1/otp/send". */
function print(kind, text) {
  const line = document.createElement("p");
  const time = new Date().toTimeString().slice(0, 8);
  line.className = kind.toLowerCase();
  line.textContent = `[${time}] ${kind}: ${text}`;
  log.append(line);
  log.scrollTop = log.scrollHeight;
}

/** A run that ended early, with the text for its last line. */
class Failure extends Error {}

/** Makes one call and returns its status line and its body. */
async function call(method, path, body) {
  print("EXEC", `${method} ${path}`);
  const headers = { Authorization: `Bearer ${field.value.trim()}`, Accept: "application/json, application/problem+json" };
  if (body) headers["Content-Type"] = "application/json";
  let response, answer;
  try {
    const options = { method, headers, body: body && JSON.stringify(body), cache: "no-store" };
    response = await fetch(path, { ...options, signal: AbortSignal.timeout(15_000) });
  } catch {
    throw new Failure("no answer | The server did not answer within 15 seconds. Is it still running?");
  }
  try {
    answer = await response.json();
  } catch {
    throw new Failure(`${response.status} | The answer is not JSON. Is this address a WhatOTP server?`);
  }
  if (!response.ok) {
    throw new Failure(`${response.status} ${answer.code} | ${answer.detail} (${answer.request_id})`);
  }
  return { status: `${response.status} ${response.statusText || REASONS[response.status] || ""}`.trim(), answer };
}

/** Reads the code from the inbox; the message may land a moment after the answer to the send. */
async function readCode(session) {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const { status, answer } = await call("GET", `/v1/sandbox/messages?session_id=${encodeURIComponent(session)}`);
    const message = answer.data.find((candidate) => candidate.code);
    if (message) {
      print("SUCCESS", `${status} | code: ${message.code}`);
      return message.code;
    }
    print("SUCCESS", `${status} | no message yet`);
    await new Promise((resolve) => { setTimeout(resolve, 400); });
  }
  throw new Failure("no code | The message did not reach the sandbox inbox.");
}

async function run() {
  const start = performance.now();

  const sent = await call("POST", "/v1/otp/send", { to: NUMBER, channel: "whatsapp", purpose: "docs-example" });
  const session = sent.answer.session_id;
  print("SUCCESS", `${sent.status} | session_id: ${session}`);

  const code = await readCode(session);

  const checked = await call("POST", "/v1/otp/verify", { session_id: session, code });
  print("SUCCESS", `${checked.status} | status: ${checked.answer.status}`);

  const read = await call("GET", `/v1/otp/${encodeURIComponent(session)}`);
  const total = Math.round(performance.now() - start);
  print("SUCCESS", `${read.status} | verified: ${read.answer.status === "verified"} | ${total} ms in total`);
}

async function start() {
  if (button.disabled) return;
  log.replaceChildren();
  const reason = refusal(field.value.trim());
  if (reason) {
    if (field.value.includes("sk_live_")) field.value = "";
    memory.clear();
    print("ERROR", reason);
    field.focus();
    return;
  }
  memory.set(field.value.trim());
  button.disabled = true;
  try {
    await run();
  } catch (failure) {
    print("ERROR", failure instanceof Failure ? failure.message : "unexpected answer | Look at the server's log.");
  } finally {
    button.disabled = false;
  }
}

/** Takes the key out of the address, so that it is not copied or bookmarked along with it. */
function takeKeyFromAddress() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key === null) return;
  history.replaceState(null, "", `${location.pathname}#example-execution`);
  field.value = key.trim();
  if (refusal(field.value)) start();
  else memory.set(field.value);
  // Not before the page has loaded: until then the browser still moves the focus to the fragment.
  if (document.readyState === "complete") show();
  else addEventListener("load", show, { once: true });
}

function show() {
  document.getElementById("example-execution").scrollIntoView();
  button.focus({ preventScroll: true });
}

document.getElementById("example-static").hidden = true;
panel.hidden = false;
field.value = memory.get();
button.addEventListener("click", start);
field.addEventListener("keydown", (event) => { if (event.key === "Enter") start(); });
addEventListener("hashchange", takeKeyFromAddress);
takeKeyFromAddress();
