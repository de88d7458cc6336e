import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { stellarIcon } from '../icons';
import { Watcher } from '../kernel/watcher';
import { CATEGORY, COMMANDS, SETTINGS_ID } from '../names';
import { acceptDrops, insertCode } from '../notebooks/insert';
import { StellarPanel } from './widget';

async function follow(settings: ISettingRegistry, watcher: Watcher): Promise<void> {
  const ours = await settings.load(SETTINGS_ID);
  const take = (): void => {
    watcher.afterCells = ours.get('refresh').composite !== false;
  };
  ours.changed.connect(take);
  take();
}

/** The left panel. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: SETTINGS_ID,
  description: 'Shows what the kernel holds of stellarnb, and inserts code for it.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ISettingRegistry, ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    settings: ISettingRegistry | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const watcher = new Watcher(tracker, NotebookActions.executed);
    const widget = new StellarPanel({
      insert: code => insertCode(tracker, code),
      refresh: () => void watcher.look(),
      watch: watched => {
        watcher.watched = watched;
      }
    });
    widget.title.icon = stellarIcon;
    widget.title.caption = 'Stellar: what the kernel holds';
    watcher.changed.connect((_, view) => widget.display(view));
    widget.display(watcher.view);
    acceptDrops(tracker, document);
    app.shell.add(widget, 'left', { rank: 450, type: 'Stellar' });
    restorer?.add(widget, widget.id);
    app.commands.addCommand(COMMANDS.show, {
      label: 'Show the Panel of Spectra, Tables and Models',
      execute: () => app.shell.activateById(widget.id)
    });
    app.commands.addCommand(COMMANDS.refresh, {
      label: 'Ask the Kernel Again What It Holds',
      execute: () => watcher.look()
    });
    for (const command of [COMMANDS.show, COMMANDS.refresh]) {
      palette?.addItem({ command, category: CATEGORY, rank: 100 });
    }
    if (settings) {
      void follow(settings, watcher);
    }
  }
};
