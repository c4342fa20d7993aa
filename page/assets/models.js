// Which models are offered for what is filled, and what the form's settings become with them.

const filledOf = (inputs) => Object.keys(inputs).filter((name) => inputs[name]?.length);

// The form's one value for pictures and clip; what is none is nothing.
export function inputsIn(pictures) {
  try {
    const found = JSON.parse(pictures);
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

export function offeredFor(table, filled) {
  const asked = [...filled].sort().join();
  const found = table.offered.find(([inputs]) => inputs.join() === asked);
  return found ? found[1] : [];
}

// The same model, else one of its name, else one of its grade, else the likeliest, which for what
// costs least is a fast one; none that is gone
// takes the place of another, if there is a choice.
export function modelFor(table, model, filled, gone = []) {
  const all = offeredFor(table, filled);
  if (all.includes(model)) return model;
  const there = all.filter((name) => !gone.includes(name));
  const offered = there.length ? there : all;
  if (!offered.length) return model;
  const { label, grade } = table.models[model] || {};
  const of = (name) => table.models[name];
  return (
    offered.find((name) => of(name).label === label) ||
    offered.find((name) => of(name).grade === grade) ||
    (grade === "lite" && offered.find((name) => of(name).grade === "fast")) ||
    offered[0]
  );
}

// Somebody's own choices come back once a model takes them again.
export function makeFitting(table) {
  const wished = {};
  let given = {};
  return (values, gone = []) => {
    const filled = filledOf(inputsIn(values.pictures));
    if (values.model !== given.model) wished.model = values.model;
    const model = modelFor(table, wished.model, filled, gone);
    const { choices, defaults } = table.models[model] || { choices: {}, defaults: {} };
    const fitted = { model };
    for (const name of table.has_choices) {
      if (values[name] !== given[name]) wished[name] = values[name];
      const offered = choices[name] || [];
      const first = offered.includes(values[name]) ? values[name] : defaults[name];
      fitted[name] = offered.includes(wished[name]) || !offered.length ? wished[name] : first;
    }
    given = fitted;
    return fitted;
  };
}

// Why a slot cannot be filled beside what is: the slot that is in its way, if there is one.
export function inTheWay(table, inputs, slot) {
  const filled = filledOf(inputs);
  if (filled.includes(slot) || offeredFor(table, [...filled, slot]).length) return null;
  return filled.find((other) => !offeredFor(table, [other, slot]).length) || filled[0];
}

export const filledIn = (pictures) => filledOf(inputsIn(pictures));
