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

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  parent: HTMLElement,
  text: string,
  style: string,
) {
  const node = document.createElement(tag);
  node.textContent = text;
  node.style.cssText = style;
  return parent.appendChild(node);
}

/** One question with radio buttons. ipywidgets' own lose the arrow keys to JupyterLab, which moves to the next cell. */
function render({ model, el }: View): () => void {
  const { question, options, feedback, answer, colors } = model.get("content") as Content;
  const name = `vizkit-quiz-${Date.now()}-${count++}`;
  const box = make(
    "fieldset",
    el,
    "",
    "border:0;margin:4px 0;padding:0;max-width:60em;line-height:1.5;font-size:14px;color:var(--jp-ui-font-color1,inherit)",
  );
  box.setAttribute("data-lm-suppress-shortcuts", "true");
  make("legend", box, question, "font-weight:bold;padding:0;margin-bottom:6px");
  const buttons = options.map((option) => {
    const label = make(
      "label",
      box,
      "",
      "display:flex;gap:8px;align-items:baseline;padding:4px 0;cursor:pointer",
    );
    const button = make("input", label, "", "flex:none;margin:0");
    button.type = "radio";
    button.name = name;
    make("span", label, option, "");
    return button;
  });
  const note = make(
    "div",
    box,
    "",
    "display:none;border-left:6px solid;border-radius:4px;padding:8px 14px;margin-top:6px;background:var(--jp-layout-color2,rgba(128,128,128,.12))",
  );
  note.setAttribute("role", "status");
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
