import type { Engine, Readings } from "../engine.ts";
import { normalize, softmax } from "./functions.ts";
import type { TowerFacts } from "./image-tower.ts";
import type { TextFacts } from "./index.ts";
import { linear } from "./linear.ts";
import { type Memory, roundUp } from "./memory.ts";
import { TextTower } from "./text-tower.ts";
import { openTokenizer } from "./tokenizer.ts";
import type { Weights } from "./weights.ts";

/** What pictures are compared with: captions through the text tower, or the labels that the encoder was taught with. */
export function openReadings(
  memory: Memory,
  weights: Weights,
  facts: TowerFacts & TextFacts,
): Omit<Engine, "facts" | "image"> {
  const encode = facts.vocabulary.length ? openText(memory, weights, facts) : null;
  return {
    text(captions) {
      if (!encode) throw new TypeError(`${facts.name} has no text tower: it was taught with labels`);
      const found = captions.map(encode);
      const dim = found[0]?.vector.length ?? 0;
      const vectors = new Float32Array(found.length * dim);
      found.forEach(({ vector }, row) => vectors.set(vector, row * dim));
      const bias = new Float32Array(found.length).fill(facts.logitBias ?? 0);
      return { names: [...captions], vectors, bias, words: found.map(({ words }) => words) };
    },
    labels(head): Readings {
      if (!facts.labels[head]) throw new RangeError(`${facts.name} has no labels ${head}`);
      const { labels } = facts.labels[head];
      const layer = weights.at(`heads.${head}`);
      return {
        names: labels,
        vectors: layer.get("weight"),
        bias: layer.get("bias"),
        words: labels.map(() => []),
      };
    },
    scores: (vectors, readings) => scoresOf(vectors, readings, facts.logitScale),
    probabilities(scores, count) {
      if (facts.logitBias !== null) return scores.map((score) => 1 / (1 + Math.exp(-score)));
      const shares = scores.slice();
      for (let start = 0; start < shares.length; start += count) softmax(shares, start, count);
      return shares;
    },
  };
}

interface Caption {
  vector: Float32Array;
  words: Readings["words"][number];
}

const KEPT = 500; // captions whose vectors are kept; one that is being typed leaves many behind

function openText(memory: Memory, weights: Weights, facts: TextFacts & { vocabulary: string[] }) {
  const tower = new TextTower(memory, weights.at("text_tower"), facts.textHeads);
  const projection = linear(memory, weights, "text_projection", 1);
  const input = memory.tensor([roundUp(projection.inner, 8)]);
  const tokenizer = openTokenizer(facts.vocabulary, facts.contextLength);
  const kept = new Map<string, Caption>();
  return (text: string): Caption => {
    const old = kept.get(text);
    if (old) return old;
    if (kept.size >= KEPT) kept.clear();
    input.data.set(tower.run(tokenizer.encode(text)));
    const vector = projection.run(input, 1).data.slice(0, projection.columns);
    normalize(vector, 1, vector.length);
    const caption = { vector, words: tokenizer.words(text) };
    kept.set(text, caption);
    return caption;
  };
}

/** Scores (n, M): scale times the products of vectors (n, D) with the readings' (M, D), plus their bias. */
function scoresOf(vectors: Float32Array, { vectors: rows, bias }: Readings, scale: number): Float32Array {
  const count = bias.length;
  const dim = count ? rows.length / count : 1;
  const scores = new Float32Array(count ? (vectors.length / dim) * count : 0);
  for (let at = 0; at < scores.length; at++) {
    const [start, row] = [Math.floor(at / count) * dim, (at % count) * dim];
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += vectors[start + i] * rows[row + i];
    scores[at] = scale * sum + bias[at % count];
  }
  return scores;
}
