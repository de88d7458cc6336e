import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { notebooks } from './notebooks/plugin';
import { panel } from './panel/plugin';

/** All plugins of the extension, each in a folder of its own. */
const plugins: JupyterFrontEndPlugin<unknown>[] = [notebooks, panel];

export default plugins;
