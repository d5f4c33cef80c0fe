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

// The ERP's pictures live on other machines; one that is gone must not look like our fault.
document.addEventListener("error", (event) => {
  if (event.target.tagName === "IMG") event.target.classList.add("hub-broken");
}, true);
