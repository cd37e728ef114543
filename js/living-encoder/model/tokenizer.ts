/** `WordTokenizer`: words to numbers over a closed vocabulary. */
export interface Tokenizer {
  /** The numbers of a text's words and of the end sign; a text that is too long loses its last words. */
  encode(text: string): number[];
  words(text: string): { word: string; known: boolean }[];
}

const UNKNOWN = 1;
const END = 2;
const SPECIAL = 3; // padding is 0

export function openTokenizer(vocabulary: readonly string[], contextLength: number): Tokenizer {
  const numbers = new Map(vocabulary.map((word, index) => [word, index + SPECIAL]));
  return {
    encode: (text) => [
      ...splitWords(text)
        .map((word) => numbers.get(word) ?? UNKNOWN)
        .slice(0, contextLength - 1),
      END,
    ],
    words: (text) => splitWords(text).map((word) => ({ word, known: numbers.has(word) })),
  };
}

/** Lower-case words of a text, as `split_words` in vizkit/models/text.py; punctuation parts them and is dropped. */
export function splitWords(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}_]+(?:['-][\p{L}\p{N}_]+)*/gu) ?? [];
}
