import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EffectiveConfig, readEffective, writeEffective } from '@lazysync/config';
import { defaultSettings } from '@lazysync/config/schema';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lazysync-config-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const settings = defaultSettings();
const config: EffectiveConfig = {
  v: 1,
  boot: 'k3-ab12',
  state: '/state',
  redis: { kind: 'url', url: 'redis://:secret@host:6379' },
  port: 7420,
  pairs: [
    { id: 'a', local: '/l', remote: '/r\n x', state: '/state/a', settings },
    {
      id: 'b',
      local: '/m',
      remote: '/s',
      state: '/state/b',
      settings: {
        ...settings,
        scan: { remote: 2500 },
        inlineLimit: Infinity,
        settle: 0,
        trash: { keep: 1, maxSize: 0, overwritten: false },
      },
    },
  ],
};

test('what was written is read again, by its owner only', () => {
  const file = join(folder, 'effective.json');
  writeEffective(file, config);
  writeEffective(file, config);
  expect(readEffective(file)).toEqual(config);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['effective.json']);
});

test('a socket, and no port', () => {
  const { port: _port, ...rest } = config;
  const other: EffectiveConfig = { ...rest, redis: { kind: 'socket', path: '/run/r.sock' } };
  const file = join(folder, 'effective.json');
  writeEffective(file, other);
  expect(readEffective(file)).toEqual(other);
});

test('what is not of this version is an error of one sentence', () => {
  const file = join(folder, 'effective.json');
  expect(() => readEffective(file)).toThrow(`The configuration ${file} can not be read: ENOENT.`);
  writeFileSync(file, '{');
  expect(() => readEffective(file)).toThrow(/it is no JSON\.$/);
  writeFileSync(file, JSON.stringify({ ...config, v: 2 }));
  expect(() => readEffective(file)).toThrow(/is not one of this version: v: /);
});
