/** Shape of the tiles in a grid. */
export interface GridShape {
  columns: number;
  tileWidth: number;
  tileHeight: number;
}

/** Cameras send 16:9; a narrower tile cuts the sides. On an upright screen that is better than a row of letter boxes. */
const WIDEST = 16 / 9;
const NARROWEST_WIDE = 6 / 5;
const NARROWEST_UPRIGHT = 3 / 4;

/** The columns that give `count` equal tiles the most area in a box, tiles staying within those shapes. */
export function fitGrid(count: number, width: number, height: number, gap: number): GridShape {
  const narrowest = height > width ? NARROWEST_UPRIGHT : NARROWEST_WIDE;
  let best: GridShape = { columns: 1, tileWidth: 0, tileHeight: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const tileWidth = Math.floor(Math.min(cellWidth, cellHeight * WIDEST));
    const tileHeight = Math.floor(Math.min(cellHeight, cellWidth / narrowest));
    if (tileWidth * tileHeight > best.tileWidth * best.tileHeight) best = { columns, tileWidth, tileHeight };
  }
  return best;
}
