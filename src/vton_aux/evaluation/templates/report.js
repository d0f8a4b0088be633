"use strict";
// the sliders: --at says how far the left picture reaches
for (const slider of document.querySelectorAll(".compare input")) {
  const move = () => slider.parentElement.style.setProperty("--at", `${slider.value}%`);
  slider.addEventListener("input", move);
  move();
}
for (const choice of document.querySelectorAll(".choice input")) {
  choice.addEventListener("change", () => {
    document.getElementById("galleries").dataset.left = choice.value;
  });
}
// on paper nothing can be opened
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});
