import { NotebookActions, type INotebookTracker, type Notebook } from '@jupyterlab/notebook';

import { CODE_MIME } from '../panel/list';

/** Insert code into the cell in use if that is empty, else into a new one below; return a message. */
export function insertCode(tracker: INotebookTracker, code: string): string {
  const panel = tracker.currentWidget;
  if (!panel) {
    return 'Open a notebook first, to insert code there.';
  }
  const notebook = panel.content;
  if (notebook.model?.readOnly) {
    return `${panel.context.path} can only be read.`;
  }
  const active = notebook.activeCell;
  const empty =
    active?.model.type === 'code' && active.model.sharedModel.getSource().trim() === '';
  if (!empty) {
    NotebookActions.insertBelow(notebook);
  }
  fill(notebook, code);
  return empty ? 'Inserted into the active cell.' : 'Inserted into a new cell below.';
}

function fill(notebook: Notebook, code: string): void {
  notebook.activeCell?.model.sharedModel.setSource(code);
  notebook.mode = 'edit';
  notebook.activate();
}

/**
 * Take lines of the panel that are dropped on a notebook beside its editors: as a new cell below
 * the one they are dropped on. An editor takes them itself, at the place of the mouse.
 */
export function acceptDrops(tracker: INotebookTracker, page: Document): void {
  const target = (event: DragEvent): Notebook | null => {
    if (!event.dataTransfer?.types.includes(CODE_MIME) || !(event.target instanceof Element)) {
      return null;
    }
    const at = event.target;
    const panel = at.closest('.cm-editor') ? undefined : tracker.find(p => p.node.contains(at));
    return panel && !panel.content.model?.readOnly ? panel.content : null;
  };
  page.addEventListener('dragover', event => {
    if (target(event)) {
      event.preventDefault();
    }
  });
  page.addEventListener('drop', event => {
    const notebook = target(event);
    if (!notebook || !event.dataTransfer) {
      return;
    }
    event.preventDefault();
    const on = notebook.widgets.findIndex(cell => cell.node.contains(event.target as Node));
    notebook.activeCellIndex = on >= 0 ? on : notebook.widgets.length - 1;
    NotebookActions.insertBelow(notebook);
    fill(notebook, event.dataTransfer.getData(CODE_MIME));
  });
}
