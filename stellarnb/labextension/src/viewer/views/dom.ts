/** Elements of the page. What files say goes in as text and never as markup. */

type Child = Node | string;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Record<string, string> = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export function button(label: string, pressed: () => void, title = ''): HTMLButtonElement {
  const node = element('button', { type: 'button', class: 'jp-stellarnb-Viewer-button' }, label);
  if (title) {
    node.title = title;
  }
  node.addEventListener('click', pressed);
  return node;
}

let last = 0;

/** An id that no other element of the page has. */
export function uniqueId(): string {
  return `jp-stellarnb-viewer-${++last}`;
}
