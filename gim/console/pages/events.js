// Server-sent events, read from the body of a response: a page can't send a header with an EventSource.

/**
 * Read events from *body* until it ends; call `onEvent(name, data)` with the parsed JSON of each.
 *
 * `onBytes()` is called for whatever arrives, comments too.
 */
export async function readEvents(body, onEvent, onBytes) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    onBytes();
    const blocks = (text + value.replaceAll("\r", "")).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) readEvent(block, onEvent);
  }
}

function readEvent(block, onEvent) {
  let name = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5));
  }
  if (data.length) onEvent(name, JSON.parse(data.join("\n")));
}
