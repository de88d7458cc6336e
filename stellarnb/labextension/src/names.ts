/** The plugin whose settings all parts of the extension share: schema/plugin.json. */
export const SETTINGS_ID = 'stellarnb:plugin';

/** The heading over our commands in the palette, and over our cards in the launcher. */
export const CATEGORY = 'Stellar';

export const COMMANDS = {
  workbench: 'stellarnb:open-workbench',
  tutorial: 'stellarnb:open-tutorial',
  show: 'stellarnb:show-panel',
  refresh: 'stellarnb:refresh-panel'
} as const;
