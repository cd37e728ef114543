/** Thumbnails that travel as one picture, as `vizkit.widgets.picture.atlas` writes them. */
export interface PackedAtlas {
  tile: number;
  columns: number;
  count: number;
  png: string;
}

export interface Atlas {
  count: number;
  tile: number;
  /** Draws a thumbnail; nothing until the picture is decoded, and for an index that it lacks. */
  draw(context: CanvasRenderingContext2D, index: number, x: number, y: number, size: number): void;
}

/** Opens an atlas; `ready` is called once it can be drawn. */
export function openAtlas(packed: PackedAtlas, ready: () => void): Atlas {
  const image = new Image();
  const { tile, columns, count } = packed;
  image.onload = ready;
  image.src = packed.png;
  return {
    count,
    tile,
    draw(context, index, x, y, size) {
      if (!image.complete || !image.naturalWidth || index < 0 || index >= count) return;
      context.imageSmoothingEnabled = size < tile * 4;
      const left = (index % columns) * tile;
      const top = Math.floor(index / columns) * tile;
      context.drawImage(image, left, top, tile, tile, x, y, size, size);
    },
  };
}
