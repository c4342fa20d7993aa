import { tellPictureCame } from "./picture_news.js";

// `said` is what the stage says of it, which may be of the one before.
export function run(said) {
  tellPictureCame(said || {});
}
