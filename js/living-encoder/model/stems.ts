import { Convolution, type Maps } from "./convolution.ts";
import type { Memory, Tensor } from "./memory.ts";
import { ConvNet } from "./residual.ts";
import type { Weights } from "./weights.ts";

/** From a picture (1, S, S, 3) to tokens (N, D), one for each patch, row by row. What comes as N pictures (N, P, P, 3) of
 * one patch each gives N tokens, too: each patch by itself. */
export interface Stem {
  run(picture: Maps): Tensor;
}

export interface StemSizes {
  imageSize: number;
  patchSize: number;
}

/** `PatchEmbed`: every patch through one linear layer, as a convolution whose stride is its side. */
function patchStem(memory: Memory, weights: Weights, { imageSize, patchSize }: StemSizes): Stem {
  const places = (imageSize / patchSize) ** 2;
  const options = { stride: patchSize, padding: 0 };
  const projection = new Convolution(memory, weights, "projection", places, options);
  return { run: (picture) => projection.run(picture).tensor };
}

/** `ConvolutionalStem` (Xiao et al. 2021): 3x3 convolutions that halve the picture, and a 1x1 convolution. */
function convolutionalStem(memory: Memory, weights: Weights, { imageSize, patchSize }: StemSizes): Stem {
  const layers: Convolution[] = [];
  for (let size = imageSize / 2, layer = 0; size >= imageSize / patchSize; size /= 2, layer += 3) {
    const options = { norm: `convolutions.${layer + 1}`, stride: 2, rectified: true };
    layers.push(new Convolution(memory, weights, `convolutions.${layer}`, size * size, options));
  }
  layers.push(new Convolution(memory, weights, "projection", (imageSize / patchSize) ** 2));
  return { run: (picture) => layers.reduce((maps, layer) => layer.run(maps), picture).tensor };
}

/** `ResidualStem`: the last feature map of a small residual CNN, and a 1x1 convolution. */
function residualStem(memory: Memory, weights: Weights, { imageSize, patchSize }: StemSizes): Stem {
  const halvings = Math.log2(patchSize); // the first in the network's own stem
  const strides = [2, 1, ...Array<number>(halvings - 1).fill(2)];
  const network = new ConvNet(memory, weights.at("network"), imageSize, strides);
  const projection = new Convolution(memory, weights, "projection", (imageSize / patchSize) ** 2);
  return { run: (picture) => projection.run(network.run(picture)).tensor };
}

export const STEMS = { patch: patchStem, convolution: convolutionalStem, residual: residualStem };

/** A picture (1, S, S, 3) cut into N pictures (N, P, P, 3), row by row. */
export function cutApart({ tensor, width, channels }: Maps, patchSize: number, into: Tensor): Maps {
  const line = patchSize * channels; // numbers in one row of a patch
  const side = width / patchSize;
  let at = 0;
  for (let patch = 0; patch < side * side; patch++)
    for (let y = 0; y < patchSize; y++, at += line) {
      const row = Math.floor(patch / side) * patchSize + y;
      const start = row * width * channels + (patch % side) * line;
      into.data.set(tensor.data.subarray(start, start + line), at);
    }
  return { count: side * side, height: patchSize, width: patchSize, channels, tensor: into };
}
