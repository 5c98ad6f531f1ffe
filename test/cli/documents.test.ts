import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CONFIG_KEYS, envNames, specOf } from '../../src/config/keys.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { EXIT } from '../../src/core/errors.ts';
import { commandsPage, configurationPage, envExample } from './documents.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('documents that are made from the schema', () => {
  it('docs/configuration.md is up to date', async () => {
    await expect(configurationPage()).toMatchFileSnapshot('../../docs/configuration.md');
  });

  it('docs/commands.md is up to date', async () => {
    await expect(commandsPage()).toMatchFileSnapshot('../../docs/commands.md');
  });

  it('.env.example is up to date', async () => {
    await expect(envExample()).toMatchFileSnapshot('../../.env.example');
  });

  it('.env.example names everything, and is a .env that changes nothing', () => {
    const text = read('.env.example');
    for (const key of CONFIG_KEYS) {
      for (const name of [...envNames(key), ...(specOf(key).envBesideRemoteServer ?? [])]) {
        expect(text).toMatch(new RegExp(`^(# )?${name}=`, 'm'));
      }
    }
    const inputs = { flags: {}, env: {}, yaml: null, home: '/h', readFile: () => null };
    const asIs = resolveConfig({ ...inputs, dotenv: { path: '.env', text } });
    expect(asIs.config).toEqual(resolveConfig({ ...inputs, dotenv: null }).config);
  });

  it('.env.example with every name uncommented is known whole', () => {
    const text = read('.env.example').replaceAll(/^# (?=[A-Z_]+=)/gm, '');
    const inputs = { flags: {}, env: {}, yaml: null, home: '/h', readFile: () => null };
    expect(() => resolveConfig({ ...inputs, dotenv: { path: '.env', text } })).not.toThrow();
  });

  it('docs/exit-codes.md tells every code', () => {
    const page = read('docs/exit-codes.md');
    for (const code of Object.values(EXIT)) expect(page).toContain(`| ${code} |`);
  });
});
