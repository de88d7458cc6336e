import { LabIcon } from '@jupyterlab/ui-components';

/** A page with a spectrum on it. */
export const fileIcon = new LabIcon({
  name: 'stellarnb:file',
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">' +
    '<g class="jp-icon3 jp-icon-selectable" fill="#616161">' +
    '<path d="M5 2h9.5L19 6.5V22H5zm1.5 1.5v17h11V7.5h-4v-4z" fill-rule="evenodd"/>' +
    '<path d="M7.5 12h2l1.2 4.6L12 12h1l.9 3.2.8-3.2h1.8v1.2h-.9l-1.7 5-1.4-4-1.3 5h-.9l-1.9-6H7.500z"/></g></svg>'
});
