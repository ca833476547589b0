// Keeps open pages up to date: when something changes, the page is asked for again and its live parts are exchanged. Everything works
// without this, by loading pages.
"use strict";

(() => {
  const note = document.getElementById("live-note");
  const say = (text) => { if (note && note.textContent !== text) note.textContent = text; };

  // Times as words, the exact one stays in the title.
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const words = new Intl.RelativeTimeFormat("en", { numeric: "always" });
  const tellTimes = () => {
    for (const element of document.querySelectorAll("time[datetime]")) {
      const at = Date.parse(element.dateTime);
      if (Number.isNaN(at)) continue;
      const seconds = Math.round((at - Date.now()) / 1000);
      if (Math.abs(seconds) > 7 * 86400) continue;
      const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units[3];
      element.textContent = words.format(Math.trunc(seconds / size), unit);
    }
  };

  // What somebody is typing in is left alone.
  const isBusy = (part) =>
    part.contains(document.activeElement) && document.activeElement !== part
    || [...part.querySelectorAll("textarea, input:not([type=hidden])")].some((field) =>
      field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);

  // What the server sent, without what the script made of it.
  const sent = new WeakMap();
  document.querySelectorAll("[data-live][id]").forEach((part) => sent.set(part, part.innerHTML));
  const exchange = (fresh, topic) => {
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const other = fresh.getElementById(part.id);
      if (!other || part.dataset.live !== topic || isBusy(part)) continue;
      const text = other.innerHTML;
      if (sent.get(part) === text) continue;
      part.replaceChildren(...document.adoptNode(other).childNodes);
      sent.set(part, text);
      part.classList.remove("fresh");
      void part.offsetWidth;
      part.classList.add("fresh");
    }
    tellTimes();
  };

  let asking = false;
  const again = new Set();
  const refresh = async (topic) => {
    again.add(topic);
    if (asking || document.hidden) return;
    asking = true;
    try {
      while (again.size > 0) {
        const topics = [...again];
        again.clear();
        if (!topics.some((topic) => document.querySelector(`[data-live="${topic}"]`))) continue;
        const answer = await fetch(location.pathname + location.search, { credentials: "same-origin", cache: "no-store" });
        if (answer.status === 401 || answer.redirected) { location.reload(); return; }
        if (!answer.ok) continue;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        topics.forEach((topic) => exchange(fresh, topic));
      }
    } catch { /* The stream says when the sidecar is back. */ } finally { asking = false; }
  };

  const from = document.body?.dataset.liveFrom;
  if (from && "EventSource" in window) {
    let lost = false;
    const source = new EventSource(from);
    source.addEventListener("hello", () => {
      say("");
      // What happened between the page and the stream, or while there was none.
      ["tickets", "log", "policies"].forEach(refresh);
      lost = false;
    });
    source.addEventListener("changed", (event) => refresh(event.data));
    source.addEventListener("error", () => {
      lost = true;
      // Between two streams there is always a moment without one.
      setTimeout(() => { if (lost) say("The sidecar does not answer; this page may be out of date."); }, 8000);
    });
    document.addEventListener("visibilitychange", () => { if (!document.hidden && again.size > 0) refresh([...again][0]); });
  }

  tellTimes();
  setInterval(tellTimes, 1000);
  if (location.hash === "#answer") document.getElementById("answer")?.focus();
})();
