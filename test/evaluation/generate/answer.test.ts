import { expect, it } from 'vitest';
import { errorMessage, redactKey } from '../../../src/evaluation/generate/answer.ts';

const KEY = 'sk-planted-"0123456789';

it('hides a key that an endpoint echoes, as it is and as JSON escapes it', () => {
  const body = JSON.stringify({ error: { message: `Incorrect API key provided: ${KEY}.` } });
  expect(errorMessage(redactKey(body, KEY))).toBe('Incorrect API key provided: ***.');
  expect(redactKey(`Bearer ${KEY} is not known`, KEY)).toBe('Bearer *** is not known');
});

it('leaves words alone that only stand where a key would', () => {
  expect(redactKey('the list is EMPTY', 'EMPTY')).toBe('the list is EMPTY');
  expect(redactKey('any', null)).toBe('any');
});
