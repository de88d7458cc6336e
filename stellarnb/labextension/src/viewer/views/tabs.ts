/** Tabs by mouse and keyboard, after the ARIA authoring practices. */
import { element, uniqueId } from './dom';

export interface Tab {
  readonly label: string;
  readonly node: HTMLElement;
}

export function tabs(all: readonly Tab[]): HTMLElement {
  const list = element('div', { role: 'tablist', class: 'jp-stellarnb-Viewer-tabs', 'aria-label': 'Views of this part' });
  const node = element('div', { class: 'jp-stellarnb-Viewer-views' }, list);
  const heads = all.map(tab => {
    const head = element('button', { type: 'button', role: 'tab', id: uniqueId() }, tab.label);
    const panel = element('div', { role: 'tabpanel', id: uniqueId(), 'aria-labelledby': head.id, class: 'jp-stellarnb-Viewer-panel' }, tab.node);
    head.setAttribute('aria-controls', panel.id);
    list.append(head);
    node.append(panel);
    return { head, panel };
  });
  const choose = (index: number, focus: boolean): void => {
    heads.forEach(({ head, panel }, i) => {
      head.setAttribute('aria-selected', String(i === index));
      head.tabIndex = i === index ? 0 : -1;
      panel.hidden = i !== index;
    });
    if (focus) {
      heads[index].head.focus();
    }
  };
  heads.forEach(({ head }, index) => {
    head.addEventListener('click', () => choose(index, false));
    head.addEventListener('keydown', event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const to = step ? (index + step + heads.length) % heads.length : { Home: 0, End: heads.length - 1 }[event.key];
      if (to !== undefined) {
        event.preventDefault();
        event.stopPropagation();
        choose(to, true);
      }
    });
  });
  choose(0, false);
  return node;
}
