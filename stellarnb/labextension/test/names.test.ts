import { expect, test } from 'vitest';

import schema from '../schema/plugin.json';
import { SETTINGS_ID } from '../src/names';

test('settings that the code asks for are in the schema that has their name', () => {
  expect(SETTINGS_ID).toBe('stellarnb:plugin');
  expect(Object.keys(schema.properties)).toEqual(['refresh', 'maxFileSize']);
});
