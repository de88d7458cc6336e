import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, showErrorMessage } from '@jupyterlab/apputils';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { ILauncher } from '@jupyterlab/launcher';
import type { INotebookContent } from '@jupyterlab/nbformat';
import { NotebookActions, NotebookPanel } from '@jupyterlab/notebook';
import { Widget } from '@lumino/widgets';

import titles from '../generated/titles.json';
import { tutorialIcon, workbenchIcon } from '../icons';
import { CATEGORY, COMMANDS } from '../names';
import { createNotebook, oneCell, pythonKernel } from './create';

const WORKBENCH = 'import stellarnb as snb\n\nbench = snb.Workbench()\nbench';

/** A new notebook: where it goes, what it is called, what is in it, whether it is run. */
interface INew {
  folder: string;
  stem: string;
  content: INotebookContent;
  run: boolean;
}

/** Make a notebook and open it; in Notebook 7, which opens a page of its own, there is no widget. */
async function open(app: JupyterFrontEnd, wanted: INew): Promise<Widget | undefined> {
  const { contents, kernelspecs } = app.serviceManager;
  await kernelspecs.ready;
  const kernel = pythonKernel(kernelspecs.specs);
  if (kernel === null) {
    await showErrorMessage(
      'No Python kernel',
      'This server has no Python kernel. Install ipykernel beside stellarnb and reload the page.'
    );
    return undefined;
  }
  const spec = kernelspecs.specs?.kernelspecs[kernel];
  const content = {
    ...wanted.content,
    metadata: {
      ...wanted.content.metadata,
      kernelspec: { name: kernel, display_name: spec?.display_name ?? kernel, language: 'python' }
    }
  };
  const path = await createNotebook(contents, wanted.folder, wanted.stem, content);
  if (PageConfig.getOption('notebookPage')) {
    // Notebook 7 gives each document a page; its own opener makes a widget here first, and throws.
    const page = URLExt.join(PageConfig.getBaseUrl(), 'notebooks', URLExt.encodeParts(path));
    window.open(page, '_blank', 'noopener');
    return undefined;
  }
  const opened: unknown = await app.commands.execute('docmanager:open', {
    path,
    factory: 'Notebook',
    kernel: { name: kernel }
  });
  if (wanted.run && opened instanceof NotebookPanel) {
    await opened.context.ready;
    await opened.sessionContext.ready;
    void NotebookActions.runAll(opened.content, opened.sessionContext);
  }
  return opened instanceof Widget ? opened : undefined;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The cards of the launcher, and the same as commands: the Workbench and the tutorials. */
export const notebooks: JupyterFrontEndPlugin<void> = {
  id: 'stellarnb:notebooks',
  description: 'Opens the Workbench and the tutorials of stellarnb.',
  autoStart: true,
  optional: [ILauncher, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    launcher: ILauncher | null,
    palette: ICommandPalette | null
  ) => {
    const { commands } = app;
    const titleOf = (file: string): string => titles.find(t => t.file === file)?.title ?? file;
    commands.addCommand(COMMANDS.workbench, {
      label: args => (args.isPalette ? 'Open the Workbench' : 'Workbench'),
      caption: 'A new notebook with the Workbench of stellarnb',
      icon: args => (args.isPalette ? undefined : workbenchIcon),
      execute: args =>
        open(app, {
          folder: text(args.cwd),
          stem: 'Workbench',
          content: oneCell(WORKBENCH),
          run: true
        })
    });
    commands.addCommand(COMMANDS.tutorial, {
      label: args => (args.isPalette ? 'Tutorial: ' : '') + titleOf(text(args.file)),
      caption: args => `A new notebook from the tutorial “${titleOf(text(args.file))}”`,
      icon: args => (args.isPalette ? undefined : tutorialIcon),
      execute: async args => {
        const file = text(args.file);
        const all = (await import('../generated/notebooks.json')).default as unknown as Record<
          string,
          INotebookContent
        >;
        if (!Object.hasOwn(all, file)) {
          throw new Error(`There is no tutorial ${file}.`);
        }
        return open(app, {
          folder: text(args.cwd),
          stem: file.replace(/\.ipynb$/, ''),
          content: all[file],
          run: false
        });
      }
    });
    const cards = [
      { command: COMMANDS.workbench, args: {} },
      ...titles.map(({ file }) => ({ command: COMMANDS.tutorial, args: { file } }))
    ];
    cards.forEach(({ command, args }, rank) => {
      launcher?.add({ command, args, category: CATEGORY, rank, categoryRank: 10 });
      palette?.addItem({ command, category: CATEGORY, rank, args: { ...args, isPalette: true } });
    });
  }
};
