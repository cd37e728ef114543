import type { Context } from "../context.ts";
import { largest, percent } from "../numbers.ts";
import { NOTHING_OFF, type State } from "../store.ts";

/** One station of the tour: which part it lights up, what to do there, a question, and its answer from what is on view. */
export interface Step {
  title: string;
  /** Selector of the part. */
  part: string;
  text: string;
  question: string;
  answer(context: Context): string;
  /** What the stage has to show. */
  scene?: Partial<State>;
  /** Whether this encoder has what the step speaks of. */
  fits?(context: Context): boolean;
}

const PICTURE = ".vk-main";
const CAPTIONS = "[data-panel=captions]";
const HEADS = "[data-panel=heads]";

const hasLayers = ({ facts }: Context) => facts.layers > 0;
const reads = ({ answers }: Context) => answers.reads;

/** The winner, in words. */
function winner({ answers, state }: Context): string {
  const { names } = answers.main();
  if (!names.length) return "There is no caption now.";
  const { probability } = answers.comparison();
  const best = largest(probability);
  const name = answers.reads ? state.captions[best] : names[best];
  return `Now “${name}” leads with ${percent(probability[best])}.`;
}

/** How the chosen caption's cosine has changed by what is off. */
function change({ answers, state }: Context): string {
  const before = answers.comparisonBefore();
  if (!before) return "Nothing is switched off now, so there is nothing to compare.";
  const [from, to] = [before, answers.comparison()].map(({ cosine }) => cosine[state.caption].toFixed(2));
  const whose = answers.reads ? "caption" : "label";
  return `Now the chosen ${whose}’s ${answers.measure} goes from ${from} to ${to}.`.replaceAll("-", "−");
}

export const STEPS: Step[] = [
  {
    title: "A picture that answers",
    part: PICTURE,
    text: "A whole vision transformer runs in this page. It looks again at every move. Drag one object slowly out of the picture.",
    question: "Which caption leads when only the other object is left?",
    answer: winner,
    scene: { show: "nothing", off: NOTHING_OFF },
  },
  {
    title: "Captions compete",
    part: CAPTIONS,
    text: "The bar is a probability, the number beside it a cosine. Add a caption that fits the picture even better.",
    question: "Does a new caption change the cosines of the others, or only their probabilities?",
    answer: ({ facts }) =>
      facts.logitBias === null
        ? "A cosine belongs to one picture and one caption: it stays. The probabilities share one whole, so a newcomer takes from all."
        : "Neither. This encoder was trained with a sigmoid: every caption is judged by itself.",
    scene: { show: "nothing" },
    fits: reads,
  },
  {
    title: "Which colour belongs to which shape?",
    part: CAPTIONS,
    text: "Click an object and swap its colour with that of the other. Watch the two captions that name the same words in another order.",
    question: "Do they change places?",
    answer: (context) =>
      `${winner(context)} If the two stay close together, the encoder knows which words fit and hardly which belong together: the binding problem.`,
    scene: { show: "nothing" },
    fits: reads,
  },
  {
    title: "Who looks where",
    part: HEADS,
    text: "Each small map shows one head: where the patch under the pointer looks. Move the pointer over the picture; click a map to see it large.",
    question: "Which heads change with the patch that asks, and which do not?",
    answer: () =>
      "A map that stays the same does not depend on the query: that head looks for a content, whoever asks. A map that follows the pointer depends on place or on likeness.",
    scene: { show: "attention" },
    fits: hasLayers,
  },
  {
    title: "What would each patch say?",
    part: PICTURE,
    text: "Each patch is asked at the chosen layer as if it were the last: its vector goes through the last norm and the projection. Move the layer slider.",
    question: "Where in the network does the right word appear, and in which token?",
    answer: ({ facts }) =>
      facts.pooling === "cls"
        ? "Only the class token was trained to answer, after the last layer. The patches may know the word and not say it: nobody ever asked them in this language."
        : "The answer is made of all patches, so training has taught each of them a part of it.",
    scene: { show: "labels" },
    fits: hasLayers,
  },
  {
    title: "What does the answer hang on?",
    part: PICTURE,
    text: "Every patch is covered once, and the chosen caption’s cosine is measured again. Choose another caption and wait a moment.",
    question: "Does the caption need the patches that you would have pointed at?",
    answer: () =>
      "This is cause and effect: cover it and look. A map of attention shows where a head looks, and not what would happen without it.",
    scene: { show: "covering" },
  },
  {
    title: "Take a head out",
    part: HEADS,
    text: "Click a map twice: the head adds nothing any more. Before and after stand beside each caption.",
    question: "Can you find one head whose loss changes the leading caption?",
    answer: change,
    scene: { show: "attention" },
    fits: hasLayers,
  },
  {
    title: "Shuffle the patches",
    part: CAPTIONS,
    text: "The patches have been told wrong places. The small picture shows what arrives.",
    question: "How much does the answer suffer, and what does that say about how it uses places?",
    answer: change,
    scene: { show: "nothing", off: { ...NOTHING_OFF, positions: "shuffled" } },
    fits: ({ facts }) => facts.positions,
  },
];
