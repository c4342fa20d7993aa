import { offeredFor } from "./models.js";

export const REFERENCES = "image_urls";

// Which slot takes a picture that nobody chose one for.
export function slotFor(inputs, isOpen) {
  const order = inputs[REFERENCES]?.length ? [REFERENCES] : ["image_url", "last_image_url"];
  return (
    order.find((field) => (field === REFERENCES || !inputs[field]) && isOpen(field)) || order[0]
  );
}

// `inputs` with `name` in the slot of `field`; among references it is one more.
export function withPicture(inputs, field, name) {
  const value = field === REFERENCES ? [...(inputs[REFERENCES] || []), name] : name;
  return { ...inputs, [field]: value };
}

export function withoutPicture(inputs, field, name) {
  const { [field]: had, ...others } = inputs;
  const left = Array.isArray(had) ? had.filter((each) => each !== name) : [];
  return left.length ? { ...others, [field]: left } : others;
}

// `inputs` with `name` in the slot of `field`, and without what does not go with it.
export function insteadOfOthers(table, inputs, field, name) {
  const together = withPicture(inputs, field, name);
  return offeredFor(table, Object.keys(together)).length ? together : { [field]: together[field] };
}

// Whether words are pasted: office programs put a picture of them beside.
export function areWords(place, types) {
  if (!place?.closest?.("input, textarea, [contenteditable]")) return false;
  return [...types].includes("text/plain") || !place.closest("#prompt");
}
