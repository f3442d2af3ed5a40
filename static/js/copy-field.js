// Buttons that copy the value of a field. Without the clipboard they stay hidden: the field can be copied from by hand.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copy-field]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const before = button.textContent;
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copyField).value);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = before; }, 1500);
    });
  }
}
