// The server's route for pictures.  A header says whose they are, so no <img> can ask for one.

const headers = (header) => ({ [header]: window.veoVisitor || localStorage.veoVisitor || "" });

// The name of a picture that was taken; rejects with the server's sentence, or with none.
export async function sendPicture(header, query, body) {
  const address = `pictures?${new URLSearchParams(query)}`;
  const asks = { method: "POST", headers: headers(header), body };
  const answer = await fetch(address, asks).catch(() => null); // the browser's words are nobody's
  if (answer?.ok) return (await answer.json()).name;
  // A proxy's refusal is a page.
  const isOurs = answer?.headers.get("content-type")?.startsWith("text/plain");
  throw new Error(isOurs && answer.status < 500 ? await answer.text() : "");
}

// Its bytes as an address for an <img>; null if it is not there, or not theirs.
export async function picturePreview(header, name) {
  const answer = await fetch(`pictures/${name.split(":")[1]}`, { headers: headers(header) });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error();
  return URL.createObjectURL(await answer.blob());
}
