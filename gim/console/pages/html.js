// What pages render with: templates of htm that make nodes of Preact. Texts become text nodes, never HTML.
import { h, render } from "preact";
import htm from "htm";

export const html = htm.bind(h);
export { render };
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
