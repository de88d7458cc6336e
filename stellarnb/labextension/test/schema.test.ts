import { expect, test } from 'vitest';

import schema from '../schema/plugin.json';
import { SETTINGS_ID } from '../src/names';

test('the settings are those that the code asks for', () => {
  // JupyterLab finds schema/plugin.json by the part behind the colon.
  expect(SETTINGS_ID).toBe('stellarnb:plugin');
  expect(Object.keys(schema.properties)).toContain('refresh');
  expect(schema.properties.refresh.default).toBe(true);
});
