"use strict";
// A picture that does not load gives way to the placeholder behind it.
addEventListener("error", (event) => { if (event.target.tagName === "IMG") event.target.remove(); }, true);
// Order pages follow the order without a click.
addEventListener("DOMContentLoaded", () => {
  const live = document.querySelector("main[data-live]");
  if (!live) return;
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(location.href).catch(() => null);
    if (!answer || !answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (fresh && fresh.innerHTML !== live.innerHTML) live.innerHTML = fresh.innerHTML;
  }, 3000);
});
