// A copy button beside the completion code. Without the clipboard it stays hidden: the code can be selected.
const button = document.querySelector("[data-copy]");
const code = document.querySelector("[data-code]");
if (button && code && navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent.trim());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy by hand";
    }
  });
}
