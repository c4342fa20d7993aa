// Which clips the strip shows, of those that it was sent: pages of the newest, of older ones, and
// of what was sought.  A view is what is asked for, as `{ only, words }`; it shows no clip beyond
// its edge, the last one that it was sent, for those in between are not known.

export const EVERYTHING = { only: "all", words: "" };

export const emptyShelf = () => ({ known: new Map(), edges: new Map() });

const nameOf = (view) => `${view.only} ${view.words}`;
const placeOf = (row) => [row.created, row.id];

function isOlder(row, [created, id]) {
  return row.created < created || (row.created === created && row.id < id);
}

// What reaches back to the first clip has no edge.
const edgeOf = (page) => ({
  last: page.more && page.rows.length ? placeOf(page.rows.at(-1)) : null,
  more: page.more,
  ids: new Set(page.rows.map((row) => row.id)),
});

const isWithin = (row, edge) => Boolean(edge) && !(edge.last && isOlder(row, edge.last));

// The newest come anew with each change.  Where so many are new that none of the page is known, some
// in between are not known either: older ones are asked for again.
export function takeNewest(shelf, page) {
  const { known, edges } = shelf;
  const edge = edgeOf(page);
  const before = edges.get(nameOf(EVERYTHING));
  if (!page.rows.some((row) => known.has(row.id))) edges.clear();
  for (const row of [...known.values()]) if (isWithin(row, edge)) known.delete(row.id);
  for (const row of page.rows) known.set(row.id, row);
  for (const id of page.gone || []) known.delete(id);
  const reaches = edges.has(nameOf(EVERYTHING)) && edge.last && before;
  edges.set(nameOf(EVERYTHING), reaches && reachesFurther(before, edge) ? before : edge);
}

function reachesFurther(one, other) {
  return !one.last || isOlder({ created: one.last[0], id: one.last[1] }, other.last);
}

export function takeFound(shelf, found) {
  const edge = edgeOf(found);
  const name = nameOf(found);
  for (const row of found.rows) shelf.known.set(row.id, row);
  const before = found.older_than ? shelf.edges.get(name)?.ids || [] : [];
  shelf.edges.set(name, { ...edge, ids: new Set([...before, ...edge.ids]) });
}

export const folded = (text) => text.normalize("NFKC").toUpperCase().toLowerCase();

function isOf(row, only) {
  if (only === "starred") return row.starred;
  return only === "all" || row.kind === only;
}

// The server folds cases by a better table: what it found has the words.
function hasWords(row, words, edge) {
  if (edge?.ids.has(row.id)) return true;
  const name = folded(row.name);
  return folded(words)
    .split(/\s+/)
    .every((word) => name.includes(word));
}

export function shown(shelf, view) {
  const every = shelf.edges.get(nameOf(EVERYTHING));
  const edge = shelf.edges.get(nameOf(view));
  return [...shelf.known.values()]
    .filter((row) => isWithin(row, edge) || isWithin(row, every))
    .filter((row) => isOf(row, view.only) && hasWords(row, view.words, edge))
    .sort((a, b) => (isOlder(a, placeOf(b)) ? 1 : -1));
}

// From where on the next page is; nothing when there is none.
export function olderThan(shelf, view) {
  const every = shelf.edges.get(nameOf(EVERYTHING));
  const edge = shelf.edges.get(nameOf(view));
  return every?.last && edge?.last ? edge.last : null;
}

export const isAnswered = (shelf, view) => shelf.edges.has(nameOf(view));

// The takes of one press stand together, the first take first, where the newest of them stands.
export function inGroups(rows) {
  const groups = new Map();
  for (const row of rows) {
    if (!groups.has(row.batch)) groups.set(row.batch, []);
    groups.get(row.batch).push(row);
  }
  return [...groups.values()].map((takes) => takes.sort((a, b) => a.take - b.take));
}

// Those from one to the other, whichever comes first.
export function between(ids, one, other) {
  const places = [ids.indexOf(one), ids.indexOf(other)].sort((a, b) => a - b);
  return places[0] < 0 ? [other] : ids.slice(places[0], places[1] + 1);
}
