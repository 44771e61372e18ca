// A second verifier of the audit log, written from docs/audit.md alone: node verify.mjs FOLDER
// Prints one JSON object; exits 1 where something is not as it was written.
import { createHash, createPublicKey, verify } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const SEGMENT = 65536;
const folder = process.argv[2];
const findings = [];
const find = (n, what) => findings.push({ record: n, what });
const sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

// RFC 8785: names sorted by UTF-16 code units, which is what sort() compares; numbers and strings
// as ECMAScript writes them.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

function parse(bytes) {
  try {
    const value = JSON.parse(bytes.toString("utf8"));
    return Buffer.from(canonical(value)).equals(bytes) ? value : undefined;
  } catch {
    return undefined;
  }
}

function lines(file) {
  const content = readFileSync(file);
  const found = [];
  for (let start = 0; start < content.length; ) {
    const end = content.indexOf(10, start);
    if (end < 0) return { found, rest: content.subarray(start) };
    found.push(content.subarray(start, end));
    start = end + 1;
  }
  return { found, rest: Buffer.alloc(0) };
}

function parseKey(text) {
  const [name, id, coded] = text.split(/\+(.*?)\+(.*)/s);
  const typed = Buffer.from(coded, "base64");
  const own = sha256(name, "\n", typed).subarray(0, 4).toString("hex");
  if (typed.length !== 33 || typed[0] !== 1 || own !== id || typed.toString("base64") !== coded)
    throw new Error("log.vkey: not a key");
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), typed.subarray(1)]);
  return { name, id, key: createPublicKey({ key: der, format: "der", type: "spki" }) };
}

function parseHeads(text) {
  const found = [];
  while (text) {
    const body = text.indexOf("\n\n");
    const end = text.indexOf("\n\n", body + 2);
    if (body < 0 || end < 0) throw new Error("heads: the last is not whole");
    const [origin, size, root, ...more] = text.slice(0, body).split("\n");
    if (more.length) throw new Error("heads: not a checkpoint");
    const signatures = text.slice(body + 2, end).split("\n");
    found.push({ origin, size: Number(size), root, signed: text.slice(0, body + 1), signatures });
    text = text.slice(end + 2);
  }
  return found;
}

function isSigned(head, keys) {
  return head.signatures.some((line) =>
    keys.some(({ name, id, key }) => {
      const prefix = `\u2014 ${name} `;
      if (!line.startsWith(prefix)) return false;
      const coded = line.slice(prefix.length);
      const blob = Buffer.from(coded, "base64");
      if (blob.toString("base64") !== coded) return false;
      const isId = blob.subarray(0, 4).toString("hex") === id;
      return isId && verify(null, Buffer.from(head.signed), key, blob.subarray(4));
    }),
  );
}

let n = 0;
let keys = [];
let heads = [];
const kinds = {};
try {
  const listed = lines(join(folder, "log.vkey"));
  if (listed.rest.length) throw new Error("log.vkey: not whole");
  keys = listed.found.map((line) => parseKey(line.toString("latin1")));
  const file = join(folder, "heads");
  heads = existsSync(file) ? parseHeads(readFileSync(file, "utf8")) : [];
  if (existsSync(file) && !heads.length) find(0, "no head");
} catch (wrong) {
  find(0, wrong.message);
}

const stack = []; // complete subtrees from the left: [level, hash]
const kept = existsSync(join(folder, "tree")) ? readFileSync(join(folder, "tree")) : null;
let place = 0;
const erased = [];
const erasures = [];
let good = 0;
let waiting = 0;

function grow(leaf) {
  let level = 0;
  let hash = leaf;
  const compare = () => {
    if (kept && !kept.subarray(place, place + 32).equals(hash)) find(n, "not the hash in tree");
    place += 32;
  };
  compare();
  while (stack.length && stack.at(-1)[0] === level) {
    hash = sha256("\x01", stack.pop()[1], hash);
    level += 1;
    compare();
  }
  stack.push([level, hash]);
}

const root = () =>
  stack.length
    ? stack.slice(0, -1).reduceRight((right, [, left]) => sha256("\x01", left, right), stack.at(-1)[1])
    : sha256();

const firsts = readdirSync(folder)
  .map((name) => /^records-(\d{10})\.jsonl$/.exec(name)?.[1])
  .filter(Boolean)
  .sort();
for (const first of firsts) {
  if (Number(first) !== n) find(n, "its file is missing");
  const parts = new Map();
  const apart = join(folder, `personal-${first}.jsonl`);
  const isApart = existsSync(apart);
  if (isApart) {
    const { found, rest } = lines(apart);
    if (rest.length) find(n, "a personal part is cut off");
    for (const line of found) {
      const trimmed = Buffer.from(line.toString("latin1").replace(/ +$/, ""), "latin1");
      const part = parse(trimmed);
      const isErased = part?.erased === true && Object.keys(part).length === 2;
      if (!part || !Number.isInteger(part.n) || (!isErased && trimmed.length !== line.length))
        find(n, "a personal part that cannot be read");
      else parts.set(part.n, part);
    }
  }
  const { found, rest } = lines(join(folder, `records-${first}.jsonl`));
  for (const line of found) {
    const record = parse(line);
    if (!record || record.v !== 1) find(n, "not a record");
    else if (record.n !== n) find(n, `record ${record.n} stands in its place`);
    if (record) {
      kinds[record.kind] = (kinds[record.kind] ?? 0) + 1;
      if (record.kind === "personal.erased") erasures.push(...(record.facts?.records ?? []));
    }
    const part = parts.get(n);
    parts.delete(n);
    if (record?.personal === undefined) {
      if (part) find(n, "a personal part that belongs to no record");
    } else if (part?.erased) erased.push(n);
    else if (part) {
      const salt = Buffer.from(String(part.salt), "hex");
      const is = sha256(salt, canonical(part.personal)).toString("hex");
      if (is !== record.personal || salt.toString("hex") !== part.salt) find(n, "another personal part");
    } else if (isApart) find(n, "its personal part is gone");
    grow(sha256("\x00", line));
    n += 1;
    for (; waiting < heads.length && heads[waiting].size <= n; waiting += 1) {
      const head = heads[waiting];
      if (!isSigned(head, keys)) find(n - 1, "a head that is not signed");
      else if (head.origin !== keys.at(-1).name) find(n - 1, "a head of another log");
      else if (head.size !== n || head.size <= good) find(n - 1, "a head out of order");
      else if (head.root !== root().toString("base64")) {
        const isNamed = findings.some(({ record }) => good <= record && record < head.size);
        if (!isNamed) find(good, "not what was signed, or one after");
      } else good = head.size;
    }
  }
  if (rest.length) find(n, "cut off");
  if (found.length > SEGMENT) find(n, "too many records in a file");
  if (parts.size) find(n, "a personal part that belongs to no record");
}
if (waiting < heads.length) find(n, "missing: a head covers it");
if (kept && kept.length !== place) find(n, kept.length > place ? "missing: the tree goes on" : "tree ends");
for (const one of erased)
  if (!erasures.some(([a, b]) => a <= one && one <= b)) find(one, "erased, and no record says so");
findings.sort((a, b) => a.record - b.record);
console.log(JSON.stringify({ records: n, head: good, root: root().toString("hex"), kinds, findings: findings.slice(0, 5) }));
process.exit(findings.length ? 1 : 0);
