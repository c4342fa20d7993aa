import { make } from "./elements.js";
import { isPicture, JOB, offerPicture } from "./picture_news.js";

async function* boxes(file) {
  for (let start = 0, count = 0; start + 8 <= file.size && count < 1000; count++) {
    const head = new DataView(await file.slice(start, start + 16).arrayBuffer());
    const kind = String.fromCharCode(...new Uint8Array(head.buffer, 4, 4));
    let size = head.getUint32(0);
    if (size === 1 && head.byteLength === 16) size = Number(head.getBigUint64(8));
    if (size < 8) return;
    yield { kind, size, content: file.slice(start, start + size) };
    start += size;
  }
}

// The box is where and as `veo.media.write_request` puts it.
async function textIn(file, { most, request_key }) {
  for await (const { kind, size, content } of boxes(file)) {
    if (kind !== "meta" || size > most) continue;
    const bytes = await content.arrayBuffer();
    const shown = new TextDecoder("latin1").decode(bytes);
    const key = shown.indexOf(request_key);
    const data = shown.indexOf("data", key);
    // Behind the word are four bytes each of type and locale.
    if (key >= 0 && data >= 0) return new TextDecoder().decode(bytes.slice(data + 12));
  }
  return file.size <= most ? file.text() : "";
}

export async function settingsIn(file, known) {
  try {
    const found = JSON.parse(await textIn(file, known));
    const request = found.request || found;
    if (typeof request.prompt !== "string") return null;
    const names = known.fields.filter((name) => name in request);
    return Object.fromEntries(names.map((name) => [name, request[name]]));
  } catch {
    return null;
  }
}

export function mount({ element, props, watch, trigger }) {
  const said = element.querySelector(".said");
  const chooser = element.querySelector("input");

  async function take(file) {
    if (!file) return;
    const settings = await settingsIn(file, props);
    trigger("upload", { name: file.name, settings });
  }
  // Each answer is taken once, so that the same one again is news.
  watch("value", () => {
    if (!props.value) return;
    said.textContent = props.value.said;
    if (props.value.fits) document.querySelector("#prompt").scrollIntoView({ block: "nearest" });
    props.value = null;
  });

  element.querySelector("button").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    take(chooser.files[0]);
    chooser.value = "";
  });
  // Anywhere, for a file dropped beside the box would take the place of the page.
  const veil = make("p", "", props.texts.drop);
  veil.id = "veil";
  veil.popover = "manual";
  if (veil.togglePopover) document.body.append(veil); // an older browser would always show it
  const withFile = ({ dataTransfer }) =>
    dataTransfer?.types.includes("Files") && !dataTransfer.types.includes(JOB);
  document.addEventListener("dragover", (event) => {
    if (!withFile(event)) return;
    event.preventDefault();
    const [dragged] = event.dataTransfer.items;
    if (!isPicture(dragged)) veil.togglePopover?.(true); // else one sees the slots
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.togglePopover?.(false);
  });
  document.addEventListener("drop", (event) => {
    veil.togglePopover?.(false);
    if (!withFile(event)) return;
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    if (isPicture(files[0])) offerPicture({ files, at: event.target });
    else take(files[0]);
  });
}
