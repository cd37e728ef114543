import type { Ablation, Engine, Facts, Readings } from "../living-encoder/engine.ts";

/** An encoder whose answers can be foreseen: 2 layers of 2 heads on 2 x 4 patches of 8 x 16 pixels, three directions. A patch
 * token is the mean colour of its patch; the class token, and the feature, that of the whole picture. Each token looks
 * at itself alone in head 0; in head 1 all look at the first patch. */
export const FACTS: Facts = {
  name: "fake",
  kind: "vit",
  imageSize: 32,
  patchSize: 8,
  grid: [2, 4],
  layers: 2,
  heads: 2,
  tokens: 9,
  prefix: 1,
  pooling: "cls",
  stem: "residual",
  positions: true,
  dim: 3,
  logitScale: 10,
  logitBias: null,
  vocabulary: ["red", "green", "blue"],
  labels: [],
  parameters: 0,
  bytes: 0,
  kernel: "plain",
};

const AXES: Record<string, number[]> = { red: [1, 0, 0], green: [0, 1, 0], blue: [0, 0, 1] };

/** `hot`: the patch that all tokens look at in head 1, of each layer. */
export function fakeEngine(facts: Facts = FACTS, hot = [0, 0]): Engine & { asked: number } {
  const { grid, tokens, prefix, heads, layers } = facts;
  const count = grid[0] * grid[1];
  const engine = {
    asked: 0,
    facts,
    image(pixels: Float32Array, ablation: Ablation = {}) {
      engine.asked++;
      const means = Array.from({ length: count }, (_, patch) => meanOf(pixels, patch, facts));
      const order = ablation.positions;
      const arrived = order && typeof order === "object" ? Array.from(order, (patch) => means[patch]) : means;
      const whole = [0, 1, 2].map((c) => means.reduce((sum, color) => sum + color[c] / count, 0));
      const vectors = [whole, ...arrived].flatMap(unit);
      const attention = new Float32Array(layers * heads * tokens * tokens);
      for (let layer = 0; layer < layers; layer++)
        for (let query = 0; query < tokens; query++) {
          attention[(layer * heads * tokens + query) * tokens + query] = 1;
          attention[((layer * heads + 1) * tokens + query) * tokens + prefix + hot[layer]] = 1;
        }
      return {
        feature: Float32Array.from(unit(whole)),
        attention,
        lens: Float32Array.from(Array.from({ length: layers + 1 }, () => vectors).flat()),
        norms: new Float32Array((layers + 1) * tokens).fill(1),
      };
    },
    text(captions: readonly string[]): Readings {
      const words = captions.map((caption) =>
        caption.split(" ").map((word) => ({ word, known: word in AXES })),
      );
      const vectors = words.flatMap((list) => AXES[list.find(({ known }) => known)?.word ?? ""] ?? [0, 0, 0]);
      return {
        names: [...captions],
        vectors: Float32Array.from(vectors),
        bias: new Float32Array(captions.length),
        words,
      };
    },
    labels(): Readings {
      throw new Error("an encoder with captions");
    },
    scores(vectors: Float32Array, { vectors: texts, bias }: Readings) {
      const scores: number[] = [];
      for (let n = 0; n < vectors.length; n += 3)
        for (let m = 0; m < bias.length; m++)
          scores.push(
            10 * [0, 1, 2].reduce((sum, k) => sum + vectors[n + k] * texts[3 * m + k], 0) + bias[m],
          );
      return Float32Array.from(scores);
    },
    probabilities(scores: Float32Array, count: number) {
      return scores.map((_, at) => {
        const row = scores.subarray(at - (at % count), at - (at % count) + count);
        return Math.exp(scores[at]) / row.reduce((sum, score) => sum + Math.exp(score), 0);
      });
    },
  };
  return engine;
}

function meanOf(pixels: Float32Array, patch: number, { grid, imageSize }: Facts): number[] {
  const [high, wide] = [imageSize / grid[0], imageSize / grid[1]];
  const [row, column] = [Math.floor(patch / grid[1]), patch % grid[1]];
  return [0, 1, 2].map((channel) => {
    let sum = 0;
    for (let y = high * row; y < high * (row + 1); y++)
      for (let x = wide * column; x < wide * (column + 1); x++)
        sum += pixels[(channel * imageSize + y) * imageSize + x];
    return sum / (high * wide);
  });
}

const unit = (vector: number[]) => vector.map((value) => value / (Math.hypot(...vector) || 1));
