import type { Model } from "../../shared/model.ts";
import type { Ablation, Engine, Facts, ImageAnswer } from "../engine.ts";
import { normalize } from "./functions.ts";
import { ImageTower, joined, type TowerFacts } from "./image-tower.ts";
import { type Linear, linear } from "./linear.ts";
import { Memory, type Tensor } from "./memory.ts";
import { isOrder } from "./positions.ts";
import { openReadings } from "./readings.ts";
import { openWeights, type PackedWeights } from "./weights.ts";

/** An encoder as Python sends it, in the trait `encoder`. */
export interface PackedEncoder {
  facts: TowerFacts & TextFacts;
  weights: PackedWeights;
}

export interface TextFacts {
  contextLength: number;
  textHeads: number;
}

const engines = new WeakMap<PackedEncoder, Engine>();

/** The encoder that Python sent in the trait `encoder`; one for all views of a widget. Throws where it is missing. */
export function openEngine(model: Pick<Model, "get">): Engine {
  const packed: PackedEncoder | undefined = model.get("encoder");
  if (!packed?.weights) throw new TypeError("the encoder has not arrived");
  const engine = engines.get(packed) ?? makeEngine(packed);
  engines.set(packed, engine);
  return engine;
}

/** simd: whether WebAssembly may be used where the browser has it. */
export function makeEngine({ facts, weights: packed }: PackedEncoder, simd = true): Engine {
  const weights = openWeights(packed);
  const memory = new Memory();
  const tower = new ImageTower(memory, weights.at("image_tower"), facts);
  const projected = openProjection(memory, weights, facts, tower.width);
  const readings = openReadings(memory, weights, facts);
  memory.open(simd);
  const { imageSize, tokens, prefix } = facts;
  const known: Facts = { ...facts, dim: projected.dim, kernel: memory.kernel.name };
  return {
    facts: known,
    image(pixels: Float32Array, ablation: Ablation = {}): ImageAnswer {
      if (pixels.length !== 3 * imageSize ** 2)
        throw new RangeError(
          `expected pixels (3, ${imageSize}, ${imageSize}), received ${pixels.length} numbers`,
        );
      const order = ablation.positions;
      if (order && typeof order !== "string" && !isOrder(order, tokens - prefix))
        throw new RangeError(`expected an order of ${tokens - prefix} patches, each once`);
      const { pooled, each, attention, norms } = tower.run(pixels, ablation);
      return { feature: projected.run(pooled), attention, lens: joined(each.map(projected.run)), norms };
    },
    ...readings,
  };
}

/** From the tower's vectors (rows, D) to what captions are compared with: unit vectors of the joint space. An encoder
 * taught with labels has no such space: its vectors stay as they are. */
function openProjection(
  memory: Memory,
  weights: ReturnType<typeof openWeights>,
  facts: TowerFacts,
  width: number,
) {
  if (!weights.has("image_projection.weight")) return { dim: width, run: (rows: Float32Array) => rows };
  const layer: Linear = linear(memory, weights, "image_projection", facts.tokens);
  const input: Tensor = memory.tensor([facts.tokens, width]);
  return {
    dim: layer.columns,
    run(vectors: Float32Array): Float32Array {
      const rows = vectors.length / width;
      input.data.set(vectors);
      const result = layer.run(input, rows).data.slice(0, rows * layer.columns);
      normalize(result, rows, layer.columns);
      return result;
    },
  };
}
