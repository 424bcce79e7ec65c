import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { stateHome, stateOf } from '../../src/cli/user-state.js';

const ENV = { XDG_STATE_HOME: '/state' };

it('is in the state directory of the user, where that is a path from the root', () => {
  expect(stateHome(ENV)).toBe('/state/cfn-metrics');
  expect(stateHome({ XDG_STATE_HOME: 'state' })).toMatch(/^\/.*\/\.local\/state\/cfn-metrics$/);
  expect(stateOf('alert', '/dev/shm', ENV)).toBe('/state/cfn-metrics/alert/dev-shm');
});

it('has a place of its own for each directory', () => {
  const directories = [
    '/',
    '/-',
    '/root',
    '/a/b',
    '/a-b',
    '/a%2db',
    '/a b',
    '/a_b',
    '/é',
    '/\u{1f600}',
    '/..a',
    '/a.b',
  ];
  const names = directories.map((directory) => basename(stateOf('alert', directory, ENV)));
  expect(new Set(names).size).toBe(directories.length);
  expect(names.filter((name) => !/^[\w.%-]+$/.test(name))).toEqual([]);
  expect(names.slice(0, 2)).toEqual(['-', '%2d']);
});
