import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

/** All plugins of the extension, each in a folder or module of its own. */
const plugins: JupyterFrontEndPlugin<unknown>[] = [];

export default plugins;
