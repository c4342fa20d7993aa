// Which picture another was cut from, and for which film: a cut of a cut would zoom in each time.
const CUTS = "veo-cuts";
const MOST_CUTS = 40;

export function makeCuts(kept) {
  const cuts = new Map(Array.isArray(kept) ? kept : []);
  const first = (name) => cuts.get(name)?.first || name;
  return {
    first,
    film: (name) => cuts.get(name)?.film,
    // A picture for `film`, out of another that is on the server too, or of a file.
    note(name, film, from) {
      cuts.set(name, { film, first: from ? first(from) : first(name) });
    },
    kept: () => [...cuts].slice(-MOST_CUTS),
  };
}

// Storage may be forbidden, as in a frame, or hold anything.
export function keptCuts() {
  try {
    return makeCuts(JSON.parse(localStorage.getItem(CUTS)));
  } catch {
    return makeCuts();
  }
}

export function keepCuts(cuts) {
  try {
    localStorage.setItem(CUTS, JSON.stringify(cuts.kept()));
  } catch {}
}
