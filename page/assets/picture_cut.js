import { HEAD_BYTES, sizeOf } from "./picture_size.js";

const SHORT_SIDE = { "360p": 360, "720p": 720, "1080p": 1080, "4k": 2160 };

// What of a picture is kept, and how large: the film's shape around its middle, and no more pixels
// than the film has.  A reference keeps its own shape.
export function cropOf(width, height, { aspect_ratio, resolution }, whole) {
  const [wide, high] = (aspect_ratio || "").split(":").map(Number);
  const shape = whole || !(wide && high) ? width / height : wide / high;
  const w = Math.min(width, Math.round(height * shape));
  const h = Math.min(height, Math.round(width / shape));
  const scale = Math.min(1, (SHORT_SIDE[resolution] || 1080) / Math.min(w, h));
  return {
    from: [Math.round((width - w) / 2), Math.round((height - h) / 2), w, h],
    size: [Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(h * scale))],
  };
}

// Whether unpacking it would take more pixels than the server takes; told before that is done.
export async function isTooLarge(file, most_pixels) {
  const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  const [width, height] = sizeOf(head) || [0, 0];
  return width * height > most_pixels;
}

// The picture as a JPEG of that size, upright, on white, and with nothing else of the file in it;
// rejects what is no picture.
export async function cutPicture(file, shape, whole) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const { from, size } = cropOf(bitmap.width, bitmap.height, shape, whole);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = size;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, ...size);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, ...from, 0, 0, ...size);
  bitmap.close();
  return new Promise((made, failed) => {
    canvas.toBlob((blob) => (blob ? made(blob) : failed(new Error())), "image/jpeg", 0.95);
  });
}
