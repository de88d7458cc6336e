import { LabIcon } from '@jupyterlab/ui-components';

// jp-icon3 takes the colour of the theme; jp-icon-selectable that of a chosen tab.
const drawing = (size: number, shapes: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" viewBox="0 0 24 24">${shapes}</svg>`;

const STAR = 'M12 2.5 14 10l7.5 2-7.5 2-2 7.5-2-7.5-7.5-2L10 10z';
const FILL = 'class="jp-icon3 jp-icon-selectable" fill="#616161"';

/** A star with its rays. */
export const stellarIcon = new LabIcon({
  name: 'stellarnb:star',
  svgstr: drawing(16, `<path ${FILL} d="${STAR}"/>`)
});

/** A frame with a spectrum in it: a line with two absorption lines. */
export const workbenchIcon = new LabIcon({
  name: 'stellarnb:workbench',
  svgstr: drawing(
    32,
    `<g ${FILL}><path d="M3 4h18v16H3zm1.5 1.5v13h15v-13z" fill-rule="evenodd"/>` +
      '<path d="M5.5 9h3.2l1.3 6.5L11.3 9h2.2l1 3.6 1-3.6h3v1.3h-2.1l-1.9 5-1.9-5h-.4l-2.2 8-2.2-8H5.5z"/></g>'
  )
});

/** A page with a star on it. */
export const tutorialIcon = new LabIcon({
  name: 'stellarnb:tutorial',
  svgstr: drawing(
    32,
    `<g ${FILL}><path d="M5 2h9.5L19 6.5V22H5zm1.5 1.5v17h11V7.5h-4v-4z" fill-rule="evenodd"/>` +
      '<path d="m12 9 1.1 3.4 3.4 1.1-3.4 1.1L12 18l-1.1-3.4-3.4-1.1 3.4-1.1z"/></g>'
  )
});
