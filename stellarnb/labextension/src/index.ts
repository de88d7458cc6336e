import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { notebooks } from './notebooks/plugin';
import { panel } from './panel/plugin';
import { viewer } from './viewer/plugin';

/** All plugins of the extension, each in a folder of its own. */
const plugins: JupyterFrontEndPlugin<unknown>[] = [notebooks, panel, viewer];

export default plugins;
