import { make } from "../shared/dom.ts";
import type { View } from "../shared/model.ts";

interface Content {
  question: string;
  options: string[];
  /** What is said to each option. */
  feedback: string[];
  /** Index of the right option. */
  answer: number;
  /** Of what is said to the right option, and to a wrong one. */
  colors: [right: string, wrong: string];
}

let count = 0;

/** One question with radio buttons. ipywidgets' own lose the arrow keys to JupyterLab, which moves to the next cell. */
function render({ model, el }: View): () => void {
  const { question, options, feedback, answer, colors } = model.get("content") as Content;
  const name = `vizkit-quiz-${Date.now()}-${count++}`;
  const legend = make("legend", { style: "font-weight:bold;padding:0;margin-bottom:6px" }, question);
  const box = make(
    "fieldset",
    {
      "data-lm-suppress-shortcuts": "true",
      style:
        "border:0;margin:4px 0;padding:0;min-width:0;max-width:60em;overflow-wrap:anywhere;line-height:1.5;font-size:14px;color:var(--jp-ui-font-color1,inherit)",
    },
    legend,
  );
  el.append(box);
  const buttons = options.map((option) => {
    const button = make("input", { type: "radio", name, style: "flex:none;margin:0" });
    const style = "display:flex;gap:8px;align-items:baseline;padding:4px 0;cursor:pointer";
    box.append(make("label", { style }, button, make("span", {}, option)));
    return button;
  });
  const note = make("div", {
    role: "status",
    style:
      "display:none;border-left:6px solid;border-radius:4px;padding:8px 14px;margin-top:6px;background:var(--jp-layout-color2,rgba(128,128,128,.12))",
  });
  box.append(note);
  buttons.forEach((button, index) => {
    button.addEventListener("change", () => {
      const right = index === answer;
      note.style.display = "block";
      note.style.borderLeftColor = colors[right ? 0 : 1];
      note.textContent = (right ? "\u2713 " : "\u2717 ") + feedback[index];
    });
  });
  return () => box.remove();
}

export default { render };
