/** Where the matrix lies on its canvas, how large its cells are, and what labels there is room for. */
export interface Layout {
  left: number;
  top: number;
  /** Of a cell. */
  width: number;
  height: number;
  /** Angle of the captions; 0 where numbers stand in their place. */
  slant: number;
  /** Room for a caption, along it. */
  label: number;
  /** Side of an image. */
  thumb: number;
  /** Images stand in this many lanes, each in its row's height. */
  lanes: number;
  /** Every which image is drawn. */
  every: number;
  /** The canvas's height. */
  total: number;
}

export interface Room {
  width: number;
  /** The most that the canvas may be high. */
  height: number;
  /** Rows and columns on view. */
  rows: number;
  columns: number;
  /** Scale of the type. */
  unit: number;
  images: boolean;
  /** Rows and columns are of one kind, or pairs: cells are squares. */
  square: boolean;
  full: boolean;
  /** Width of the longest caption on view; 0 for none. */
  caption: number;
  /** Width of the longest caption of a row; 0 where rows are images only. */
  rowCaption: number;
}

/** The least side of an image that can be told from its neighbours. */
export const LEAST_THUMB = 28;
/** The most of the width that the images may take. */
const LANES_SHARE = 0.2;
const MOST_LANES = 4;
const SLANT = 0.96;
const MOST_CELL = 150;
const MOST_CAPTION = 190;
const MOST_ROW_CAPTION = 150;
/** Of the height, what the captions may take along their slant: less in full screen, where type is larger and the matrix
 * is to be seen from the last row. */
const CAPTIONS = 0.3;
const CAPTIONS_IN_FULL = 0.18;
/** The colour bar, its numbers and its name. */
const FOOT = 56;

/** A first guess of the cells' size decides how the images stand; then the labels decide the cells. */
export function arrange(room: Room): Layout {
  const { width, height, rows, columns, unit, images, full } = room;
  const most = full ? Number.POSITIVE_INFINITY : MOST_CELL * unit;
  const guess = Math.min((width - 130 * unit) / columns, (height - 100 * unit) / rows, most);
  const needed = Math.ceil((LEAST_THUMB * unit) / guess);
  const least = LEAST_THUMB * unit;
  const crowded = needed > Math.min(MOST_LANES, Math.max(1, (LANES_SHARE * width) / least));
  const every = crowded ? Math.ceil((least + 2) / guess) : 1;
  const lanes = crowded ? 1 : needed;
  let thumb = !images ? 0 : crowded ? least : Math.min(Math.max(least, guess * needed - 2), 96 * unit);
  const numbers = images && !crowded ? 0 : 36 * unit;
  const named = room.rowCaption && Math.min(room.rowCaption + 8, MOST_ROW_CAPTION * unit);
  let left = Math.max((images ? 6 + lanes * (thumb + 2) : 0) + numbers, named);
  const cells = fitCells(room, left, most);
  // Names of rows stand below the images of others: there no image may reach beyond its row.
  thumb = Math.min(thumb, room.rowCaption ? least : Math.max(least, cells.height * needed - 2));
  const spare = width - left - cells.width * columns - cells.label * 0.6;
  if (full) left += Math.max(0, spare / 2);
  const total = Math.round(cells.top + cells.height * rows + FOOT * unit);
  return { left, thumb, lanes, every, total, ...cells };
}

/** Captions stand above the columns if that leaves cells wide enough for a line of them. */
function fitCells(room: Room, left: number, most: number) {
  const { width, height, rows, columns, unit, square, caption } = room;
  const limit = square ? 1 : 2.5;
  const share = room.full ? CAPTIONS_IN_FULL : CAPTIONS;
  const fit = (slant: number) => {
    const label = slant && Math.min(MOST_CAPTION * unit, share * height, 0.3 * width, caption);
    const top = slant ? label * Math.sin(slant) + 16 * unit : 22 * unit;
    const high = Math.min((height - top - FOOT * unit) / rows, most);
    // The last caption begins in the middle of its column.
    const ofCaptions = (width - left - 6 - label * Math.cos(slant)) / (columns - 0.5);
    const cellWidth = Math.min((width - left - 10) / columns, ofCaptions, high * limit);
    return { slant, label, top, width: cellWidth, height: Math.min(high, cellWidth * limit) };
  };
  const slanted = caption ? fit(SLANT) : null;
  return slanted && slanted.width >= Math.max(12.5, 10 * unit) ? slanted : fit(0);
}
