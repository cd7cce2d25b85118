// Comforts for the documentation. Every page is complete without this file.

/** Session storage may be switched off; then nothing is remembered. */
const memory = {
  get: (name) => { try { return sessionStorage.getItem(name); } catch { return null; } },
  set: (name, value) => { try { sessionStorage.setItem(name, value); } catch { /* not remembered */ } },
};

// A language chosen once is chosen for all samples.
const tabs = document.querySelectorAll(".tabs > input");
const choose = (language) => {
  for (const tab of tabs) if (tab.value === language) tab.checked = true;
};
for (const tab of tabs) {
  tab.addEventListener("change", () => {
    const before = tab.getBoundingClientRect().top;
    choose(tab.value);
    // Samples above may have changed their height; keep the chosen tab where the hand is.
    scrollBy({ top: tab.getBoundingClientRect().top - before, behavior: "instant" });
    memory.set("whatotp.docs.language", tab.value);
    markScrollable();
  });
}
choose(memory.get("whatotp.docs.language"));

// What scrolls sideways can be reached with the keyboard and has a name; what does not is no stop on the way.
function markScrollable() {
  for (const box of document.querySelectorAll("[data-label]")) {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", box.dataset.label]]) {
      if (scrolls) box.setAttribute(name, value);
      else box.removeAttribute(name);
    }
  }
}
markScrollable();
addEventListener("resize", markScrollable);
document.addEventListener("toggle", markScrollable, true);

// Copy buttons, where the browser lets a page write to the clipboard.
if (navigator.clipboard) {
  for (const block of document.querySelectorAll("pre")) {
    const frame = document.createElement("div");
    frame.className = "copyable";
    block.replaceWith(frame);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy: ${block.dataset.label}`);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(block.textContent.trimEnd());
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    frame.append(block, button);
  }
}

// A link in the folded contents folds them again.
for (const link of document.querySelectorAll(".toc-small nav a")) {
  link.addEventListener("click", () => link.closest("details").removeAttribute("open"));
}

// The contents show which part is being read.
const links = new Map([...document.querySelectorAll(".toc a")].map((link) => [link.hash.slice(1), link]));
const parts = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
let current = null;
function follow() {
  const line = innerHeight * 0.3;
  const part = parts.findLast((candidate) => candidate.getBoundingClientRect().top <= line) ?? parts[0];
  if (!part || part === current) return;
  current = part;
  for (const [id, link] of links) {
    if (id === part.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const contents = document.querySelector(".toc");
  const link = links.get(part.id);
  const away = link.offsetTop - contents.scrollTop;
  if (away < 40 || away > contents.clientHeight - 40) contents.scrollTop = link.offsetTop - contents.clientHeight / 2;
}
let waiting = false;
addEventListener("scroll", () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; follow(); });
}, { passive: true });
follow();
