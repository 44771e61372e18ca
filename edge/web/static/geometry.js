// Shapes in fractions of the picture, [x, y] with y down. Pure.

export const round = (value) => Math.round(value * 10000) / 10000;
export const clamp = (value) => Math.min(1, Math.max(0, value));
export const place = ([x, y]) => [round(clamp(x)), round(clamp(y))];

/** Distance of a point from the segment a-b, and how far along it is nearest (0..1). Any one unit. */
export function toSegment(point, a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length2 = dx * dx + dy * dy;
  const t = length2 ? Math.min(1, Math.max(0, ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length2)) : 0;
  return { distance: Math.hypot(point[0] - a[0] - t * dx, point[1] - a[1] - t * dy), t };
}

/** Whether a point lies in a polygon of three corners or more. */
export function isInside(point, corners) {
  let inside = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i, i += 1) {
    const [[xi, yi], [xj, yj]] = [corners[i], corners[j]];
    if (yi > point[1] !== yj > point[1] && point[0] < ((xj - xi) * (point[1] - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

const turn = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

/**
 * The side of a directed line that a step crosses it to; null where it does not cross.
 * Walking along the line from its first point to its last, y down: what turns clockwise is right.
 */
export function crossing(from, to, line) {
  for (let i = 0; i + 1 < line.length; i += 1) {
    const [a, b] = [line[i], line[i + 1]];
    const [before, after] = [turn(a, b, from), turn(a, b, to)];
    if (before > 0 === after > 0) continue;
    if (turn(from, to, a) > 0 !== turn(from, to, b) > 0) return after > 0 ? "right" : "left";
  }
  return null;
}

/** The two sides (numbered from 0) of a polygon that meet and should not; null where it is simple. */
export function crossedSides(corners) {
  const n = corners.length;
  const proper = (a, b, c, d) => turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0;
  for (let i = 0; i < n; i += 1) {
    for (let j = i + 2; j < n; j += 1) {
      if (i === 0 && j === n - 1) continue;
      if (proper(corners[i], corners[(i + 1) % n], corners[j], corners[(j + 1) % n])) return [i, j];
    }
  }
  return null;
}

/** The middle of a path by its length, and its direction there (unit vector). Any one unit. */
export function middle(points) {
  const lengths = points.slice(1).map((b, i) => Math.hypot(b[0] - points[i][0], b[1] - points[i][1]));
  let left = lengths.reduce((sum, one) => sum + one, 0) / 2;
  for (let i = 0; i < lengths.length; i += 1) {
    if (left <= lengths[i] && lengths[i] > 0) {
      const [a, b] = [points[i], points[i + 1]];
      const [ux, uy] = [(b[0] - a[0]) / lengths[i], (b[1] - a[1]) / lengths[i]];
      return { at: [a[0] + ux * left, a[1] + uy * left], along: [ux, uy] };
    }
    left -= lengths[i];
  }
  return { at: points[0], along: [1, 0] };
}

/** A place for a name: the highest corner. */
export function crest(points) {
  return points.reduce((best, one) => (one[1] < best[1] ? one : best), points[0]);
}

/** Bottom centre of a box [x, y, width, height]: where rules take an object to be. */
export const foot = ([x, y, width, height]) => [x + width / 2, y + height];

/** The point of a box that a rule takes as the place. */
export function anchor([x, y, width, height], name) {
  if (name === "center") return [x + width / 2, y + height / 2];
  if (name === "top_center") return [x + width / 2, y];
  return [x + width / 2, y + height];
}
