import { describe, expect, it } from 'vitest';
import { readEndpoint } from '../../../src/alert/channels/endpoint.js';

const read = (address: string) => readEndpoint('url', address, {});

describe('the address of a receiver', () => {
  it('has its path, its parameters and its password among what is not to be seen', () => {
    const { secrets } = read('http://host/services/T0AAAAAA?key=mine&id=0123456789');
    for (const secret of [
      '/services/T0AAAAAA',
      'T0AAAAAA',
      'services',
      '?key=mine&id=0123456789',
      '0123456789',
    ]) {
      expect(secrets).toContain(secret);
    }
  });

  it('has them as they are written, and as they are meant', () => {
    const { secrets } = read('http://host/part%20of%2Fit');
    expect(secrets).toEqual(expect.arrayContaining(['part%20of%2Fit', 'part of/it']));
  });

  it('becomes one without a user and a password, which go into a header', () => {
    const { url, headers, secrets } = read('https://me:p%40ss@host/x');
    expect(url.href).toBe('https://host/x');
    expect(headers).toEqual({ authorization: `Basic ${Buffer.from('me:p@ss').toString('base64')}` });
    expect(secrets).toEqual(expect.arrayContaining(['p%40ss', 'p@ss', 'me:p@ss']));
  });

  it('that shows nothing hides nothing', () => {
    expect(read('http://127.0.0.1:9093').secrets).not.toContain('/');
  });
});
