/** Shape of the tiles in a grid. */
export interface GridShape {
  columns: number;
  tileWidth: number;
  tileHeight: number;
}

/** Wider than this a face has empty sides, narrower than that it is cut. */
const WIDEST = 16 / 9;
const NARROWEST = 4 / 5;

/** The columns that give `count` equal tiles the most area in a box, tiles staying between 4:5 and 16:9. */
export function fitGrid(count: number, width: number, height: number, gap: number): GridShape {
  let best: GridShape = { columns: 1, tileWidth: 0, tileHeight: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const tileWidth = Math.floor(Math.min(cellWidth, cellHeight * WIDEST));
    const tileHeight = Math.floor(Math.min(cellHeight, cellWidth / NARROWEST));
    if (tileWidth * tileHeight > best.tileWidth * best.tileHeight) best = { columns, tileWidth, tileHeight };
  }
  return best;
}
