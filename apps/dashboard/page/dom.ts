/** Makes and changes elements. Texts only ever become text: nothing here reads HTML. */

export type Child = Node | string | null;
type Attributes = Readonly<Record<string, string | number | boolean | null | ((event: Event) => void)>>;

/** `onclick` and the like take a function; true and false set and leave out an attribute. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name.replace(/^on/, ''), value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found as T;
}

/** Changes the text of #id only when it is another one: nothing is read out twice. */
export function say(id: string, text: string): void {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
}

export function show(id: string, shown: boolean): void {
  byId(id).hidden = !shown;
}

/** A long path may break after each slash, not inside a name. */
export function pathText(text: string): HTMLElement {
  const made = el('code', { class: 'path' });
  text.split('/').forEach((segment, index) => {
    if (index > 0) made.append('/', el('wbr'));
    made.append(segment);
  });
  return made;
}

interface Kept {
  readonly json: string;
  readonly node: HTMLElement;
}
const kept = new WeakMap<Element, Map<string, Kept>>();

/** Brings the children of `place` in line with `items`; what did not change stays the same element, with its focus. */
export function keyed<T>(
  place: Element,
  items: readonly T[],
  keyOf: (item: T) => string,
  render: (item: T) => HTMLElement,
): void {
  const before = kept.get(place) ?? new Map<string, Kept>();
  const now = new Map<string, Kept>();
  for (const item of items) {
    const key = keyOf(item);
    const json = JSON.stringify(item);
    const old = before.get(key);
    now.set(key, old?.json === json ? old : { json, node: render(item) });
  }
  kept.set(place, now);
  const wanted = [...now.values()].map(({ node }) => node);
  for (const child of [...place.children]) if (!wanted.includes(child as HTMLElement)) child.remove();
  wanted.forEach((node, index) => {
    const there = place.children[index];
    if (there !== node) place.insertBefore(node, there ?? null);
  });
}

/** A time as the reader's clock shows it. */
export function clock(at: number | string): HTMLTimeElement {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const text = today ? time : `${date.toLocaleDateString()} ${time}`;
  return el('time', { datetime: date.toISOString(), title: date.toLocaleString() }, text);
}

let quiet: number | undefined;

/** One sentence at the foot of the page, read out too. */
export function announce(text: string, bad = false): void {
  const place = byId('said');
  place.textContent = text;
  place.dataset.bad = bad ? 'yes' : 'no';
  place.hidden = false;
  window.clearTimeout(quiet);
  quiet = window.setTimeout(() => {
    place.hidden = true;
  }, 8000);
}

/** Asks before something that is not taken back easily. */
export function confirmed(question: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    const dialog = el(
      'dialog',
      { 'aria-labelledby': 'question' },
      el('p', { id: 'question' }, question),
      el(
        'div',
        { class: 'buttons' },
        el('button', { type: 'button', class: 'strong', onclick: () => dialog.close('yes') }, yes),
        el('button', { type: 'button', onclick: () => dialog.close('no') }, 'Cancel'),
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** What a click sets going; answers of the server are values, so a rejection is a bug or the page going away. */
export function inBackground(work: Promise<unknown>): void {
  work.catch((error: unknown) => announce(error instanceof Error ? error.message : String(error), true));
}
