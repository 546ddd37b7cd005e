"use strict";
const form = document.getElementById("filter");
if (form) {
  const rows = [...document.querySelectorAll(".front tbody tr:not(.chapter)")];
  const items = rows.map((row) => {
    const id = row.querySelector("a").getAttribute("href").slice(1);
    const panel = document.getElementById(id).closest("details");
    return {row, panel, chapter: row.parentNode.dataset.chapter,
      verdicts: panel.dataset.verdicts.split(" "), text: ""};
  });
  const groups = [...document.querySelectorAll("[data-chapter]")];
  const apply = () => {
    const words = form.words.value.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
    let shown = 0;
    for (const item of items) {
      if (words.length && !item.text) item.text = item.panel.textContent.toLowerCase();
      const fits = (!form.chapter.value || item.chapter === form.chapter.value)
        && (!form.verdict.value || item.verdicts.includes(form.verdict.value))
        && words.every((word) => item.text.includes(word));
      item.row.hidden = item.panel.hidden = !fits;
      shown += fits;
    }
    for (const group of groups) {
      group.hidden = !group.querySelector("tr:not(.chapter):not([hidden]), details.script:not([hidden])");
    }
    document.getElementById("shown").textContent = `${shown} of ${items.length} scripts`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}
const open = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const panel = target && target.closest("details");
  if (panel) {
    panel.hidden = false;
    panel.open = true;
    panel.scrollIntoView();
  }
};
addEventListener("hashchange", open);
open();
