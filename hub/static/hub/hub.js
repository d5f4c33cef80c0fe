// Copy buttons: <button data-copy="#id"> copies that element's text and says so for a moment.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  if (!source) return;
  navigator.clipboard.writeText(source.textContent.trim()).then(() => {
    const before = button.textContent;
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = before; }, 1500);
  });
});

// Buttons and forms that change something for good ask first, in the page's language.
document.addEventListener("submit", (event) => {
  const words = event.target.dataset.confirm;
  if (words && !window.confirm(words)) event.preventDefault();
});

// The ERP's pictures live on other machines; one that is gone leaves a grey frame, not a broken icon.
const GONE = "data:image/svg+xml," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" fill="#e5e7eb"/>' +
  '<path d="M12 26l6-8 4 5 3-3 4 6z" fill="#9ca3af"/></svg>'
);
document.addEventListener("error", (event) => {
  if (event.target.tagName === "IMG" && event.target.src !== GONE) event.target.src = GONE;
}, true);

// An icon is a word of its font; a screen reader must not read "inventory_2" before "Products".
const silence = (root) => root.querySelectorAll(".material-symbols-outlined:not([aria-hidden])")
  .forEach((icon) => icon.setAttribute("aria-hidden", "true"));
document.addEventListener("DOMContentLoaded", () => silence(document));

// On a phone each cell carries its column's name: "Feito em", not "Feito Em" as the theme would have it.
document.addEventListener("DOMContentLoaded", () => {
  for (const cell of document.querySelectorAll("#result_list td[data-label]")) {
    const name = cell.dataset.label;
    cell.dataset.label = name.charAt(0).toUpperCase() + name.slice(1);
  }
});
document.addEventListener("htmx:load", (event) => silence(event.target));
