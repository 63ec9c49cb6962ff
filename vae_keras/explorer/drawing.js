// A drawn digit → an image as MNIST has them: the strokes fit into 20 × 20 pixels, their ink is centred in 28 × 28. And
// any image moved, turned, made thicker or thinner.

const BOX = 20; // pixels: MNIST's digits are at most so high and wide
const PEN = 1.3; // pixels: half the width of a stroke
const DOT = 2; // pixels: what is smaller stays a dot

const limits = (values) => [Math.min(...values), Math.max(...values)];
const clamp = (v, low = 0, high = 1) => Math.max(low, Math.min(high, v));

// Distance of a point to the segment from a to b.
function distance(x, y, [ax, ay], [bx, by]) {
  const dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
  const t = length && clamp(((x - ax) * dx + (y - ay) * dy) / length);
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

// Strokes, lists of points [x, y] in pixels, → ink in [0, 1], row by row.
export function inkOf(strokes, height, width) {
  const ink = new Float32Array(height * width), reach = PEN + 0.5;
  for (const stroke of strokes)
    stroke.forEach((b, i) => {
      const a = stroke[Math.max(i - 1, 0)];
      const [left, right] = limits([a[0], b[0]]), [top, bottom] = limits([a[1], b[1]]);
      for (let row = Math.max(0, Math.floor(top - reach)); row < Math.min(height, bottom + reach); row++)
        for (let column = Math.max(0, Math.floor(left - reach)); column < Math.min(width, right + reach); column++) {
          const at = row * width + column;
          ink[at] = Math.max(ink[at], clamp(reach - distance(column + 0.5, row + 0.5, a, b)));
        }
    });
  return ink;
}

// As MNIST was made: scaled to the box with its proportions, then moved until the ink’s centre is the middle pixel’s.
export function likeMnist(strokes, side = 28) {
  const [left, right] = limits(strokes.flat().map((p) => p[0])), [top, bottom] = limits(strokes.flat().map((p) => p[1]));
  const scale = (BOX - 2 * PEN) / Math.max(right - left, bottom - top, DOT);
  const at = (dx, dy) => strokes.map((stroke) => stroke.map(([x, y]) => [scale * x + dx, scale * y + dy]));
  const middle = [(side - scale * (left + right)) / 2, (side - scale * (top + bottom)) / 2];
  const ink = inkOf(at(...middle), side, side);
  let total = 0, x = 0, y = 0;
  ink.forEach((v, i) => {
    total += v;
    x += v * ((i % side) + 0.5);
    y += v * (Math.floor(i / side) + 0.5);
  });
  const centre = side / 2 + 0.5; // MNIST's: measured over its training digits
  return inkOf(at(middle[0] + centre - x / total, middle[1] + centre - y / total), side, side);
}

// An image moved by (right, down) pixels and turned clockwise by an angle around its middle. Beyond its edge it goes on as there.
export function moved(pixels, [height, width, channels], { right, down, angle }) {
  if (!right && !down && !angle) return pixels;
  const out = new Float32Array(pixels.length), cos = Math.cos(angle), sin = Math.sin(angle);
  const at = (row, column, c) => pixels[(clamp(row, 0, height - 1) * width + clamp(column, 0, width - 1)) * channels + c];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const x = column - right - (width - 1) / 2, y = row - down - (height - 1) / 2;
      const fromX = cos * x + sin * y + (width - 1) / 2, fromY = cos * y - sin * x + (height - 1) / 2;
      const left = Math.floor(fromX), top = Math.floor(fromY), u = fromX - left, v = fromY - top;
      for (let c = 0; c < channels; c++) {
        const upper = (1 - u) * at(top, left, c) + u * at(top, left + 1, c);
        const lower = (1 - u) * at(top + 1, left, c) + u * at(top + 1, left + 1, c);
        out[(row * width + column) * channels + c] = (1 - v) * upper + v * lower;
      }
    }
  return out;
}

// Ink spreads by half a pixel for each step, or shrinks for each step below 0.
export function thicker(pixels, [height, width, channels], steps) {
  for (let step = 0; step < Math.abs(steps); step++) {
    const before = pixels, pick = steps > 0 ? Math.max : Math.min;
    pixels = before.map((pixel, i) => {
      const column = Math.floor(i / channels) % width;
      const beside = [column > 0 ? i - channels : i, column < width - 1 ? i + channels : i, i - width * channels, i + width * channels];
      return (pixel + pick(pixel, ...beside.map((j) => before[j] ?? pixel))) / 2;
    });
  }
  return pixels;
}
