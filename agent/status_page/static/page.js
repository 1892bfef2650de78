"use strict";
/* Renews the page's parts every half minute, without moving what somebody looks at, reads or has opened. */
(() => {
  const EVERY = 30_000;
  const said = new Map();

  const parts = (page) => page.querySelectorAll("[data-part]");

  for (const part of parts(document)) {
    said.set(part.dataset.part, part.outerHTML);
  }

  function exchange(part, fresh) {
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const opened = [...part.querySelectorAll("details[open]")].map((one) => one.id);
    const scrolled = [...part.querySelectorAll(".scroller")].map((one) => [one.id, one.scrollLeft]);
    part.replaceWith(fresh);
    for (const id of opened) {
      document.getElementById(id)?.setAttribute("open", "");
    }
    for (const [id, left] of scrolled) {
      const scroller = document.getElementById(id);
      if (scroller) scroller.scrollLeft = left;
    }
    if (focused) {
      (document.getElementById(focused) ?? document.getElementById("main")).focus({ preventScroll: true });
    }
    document.dispatchEvent(new CustomEvent("part-renewed", { detail: fresh.dataset.part }));
  }

  function tellNewAnswer(page) {
    const answer = page.getElementById("answer").textContent;
    if (answer !== document.getElementById("answer").textContent) {
      document.getElementById("changed").textContent = answer; // for whoever hears the page
    }
  }

  function take(page) {
    document.title = page.title;
    tellNewAnswer(page);
    for (const fresh of parts(page)) {
      const name = fresh.dataset.part;
      const part = document.querySelector(`[data-part="${name}"]`);
      if (part && said.get(name) !== fresh.outerHTML) {
        said.set(name, fresh.outerHTML);
        exchange(part, document.importNode(fresh, true));
      }
    }
  }

  async function renew() {
    const lost = document.getElementById("lost");
    try {
      const answer = await fetch("/", { cache: "no-store", credentials: "same-origin" });
      if (new URL(answer.url).pathname !== "/") {
        location.reload(); // the sign-in is over
        return;
      }
      if (!answer.ok) throw new Error(answer.status);
      take(new DOMParser().parseFromString(await answer.text(), "text/html"));
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
  }

  document.addEventListener("renew", renew);
  setInterval(() => {
    if (!document.hidden) renew();
  }, EVERY);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) renew();
  });
})();
