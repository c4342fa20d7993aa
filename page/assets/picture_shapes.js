import { cutPicture, isTooLarge } from "./picture_cut.js";
import { keepCuts, keptCuts } from "./picture_cuts.js";
import { picturePreview, sendPicture } from "./picture_route.js";

const keyOf = (shape) => Object.values(shape).join();

// Sends pictures in the shape of the film: of the file that was chosen, as long as the page has it,
// else of what the server has.
export function pictureShapes({ header, most_pixels, texts }) {
  const originals = new Map(); // the files that were chosen
  const cuts = keptCuts();

  function note(name, shape, from) {
    cuts.note(name, keyOf(shape), from);
    keepCuts(cuts);
  }
  const query = (shape, whole) => ({ ...shape, ...(whole && { reference: 1 }) });

  // Gives its name, and what was sent; `from` is the picture that it takes the place of.
  async function send(file, shape, whole, from) {
    if (await isTooLarge(file, most_pixels)) throw new Error(texts.too_large);
    let cut;
    try {
      cut = await cutPicture(file, shape, whole);
    } catch {
      throw new Error(texts.no_picture);
    }
    const name = await sendPicture(header, query(shape, whole), cut);
    originals.set(name, file);
    note(name, shape, from);
    return { name, cut };
  }

  // The same picture in another shape.
  async function again(name, shape) {
    if (originals.has(name)) return send(originals.get(name), shape, false, name);
    const first = cuts.first(name);
    const isThere = first !== name && (await picturePreview(header, first));
    if (isThere && cuts.film(first) === keyOf(shape)) return { name: first };
    const of = isThere ? first : name;
    const other = await sendPicture(header, { ...query(shape), again: of });
    note(other, shape, name);
    return { name: other };
  }

  return {
    send,
    again,
    isOther: (name, shape) => Boolean(cuts.film(name)) && cuts.film(name) !== keyOf(shape),
    // One that nothing is known of was made for this shape.
    know(name, shape) {
      if (!cuts.film(name)) note(name, shape);
    },
  };
}
