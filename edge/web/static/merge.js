// Two people changed the same camera: join what they did, item by item. Pure.

import { same } from "./draft.js";

const byName = (rules) => Object.fromEntries(rules.map((rule) => [rule.name, rule]));

function joinBlock(base, mine, theirs, block, both) {
  const joined = { ...theirs };
  for (const name of new Set([...Object.keys(base), ...Object.keys(mine)])) {
    if (same(base[name], mine[name])) continue; // untouched by me: theirs stands
    if (!same(base[name], theirs[name]) && !same(mine[name], theirs[name])) both.push({ block, name, mine: mine[name], theirs: theirs[name] });
    if (mine[name] === undefined) delete joined[name];
    else joined[name] = mine[name];
  }
  return joined;
}

/**
 * @param base What both began from.  @param mine, theirs What each made of it.
 * @returns `content`, in which mine goes first where both changed the same item, and `both`, those items with both versions.
 */
export function join(base, mine, theirs) {
  const both = [];
  const content = {};
  for (const block of ["zones", "lines", "masks"]) content[block] = joinBlock(base[block], mine[block], theirs[block], block, both);
  const rules = joinBlock(byName(base.rules), byName(mine.rules), byName(theirs.rules), "rules", both);
  const order = [...theirs.rules, ...mine.rules].map((rule) => rule.name);
  content.rules = [...new Set(order)].filter((name) => rules[name]).map((name) => rules[name]);
  return { content, both };
}

/** Content with one item as the other person has it. */
export function takeTheirs(content, { block, name, theirs }) {
  const next = structuredClone(content);
  if (block === "rules") {
    const at = next.rules.findIndex((rule) => rule.name === name);
    if (at >= 0) next.rules.splice(at, 1, ...(theirs ? [theirs] : []));
    else if (theirs) next.rules.push(theirs);
  } else if (theirs === undefined) delete next[block][name];
  else next[block][name] = theirs;
  return next;
}
