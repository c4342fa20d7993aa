import { tellPictureCame } from "./picture_news.js";

export function run() {
  tellPictureCame();
}
