/** What is known of a file, as the kernel writes it, and back. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeStatx, encodeStatx, STATX_BYTES } from '../src/index.ts';

const time = fc.bigInt(-(10n ** 18n), 10n ** 19n);
const device = fc.bigInt(0n, 2n ** 64n - 1n);

test('it comes back as it was, whatever device was met before', () => {
  const into = Buffer.alloc(STATX_BYTES);
  const stat = fc.record({
    mode: fc.integer({ min: 0, max: 0xffff }),
    size: fc.maxSafeNat(),
    ino: fc.bigInt(0n, 2n ** 64n - 1n),
    dev: fc.oneof(fc.constant(0n), fc.constant(64769n), device),
    mtimeNs: time,
    ctimeNs: time,
    birthNs: time,
  });
  const none = { mode: 0, size: 0, ino: 0n, dev: 0n, mtimeNs: 0n, ctimeNs: 0n, birthNs: 0n };
  fc.assert(
    fc.property(stat, (one) => {
      // The mask says that there is a birth.
      into.writeUInt32LE(0x800, 0);
      encodeStatx(one, into);
      expect(decodeStatx(into)).toMatchObject(one);
    }),
    { examples: [[none], [{ ...none, dev: 1n }], [none]] },
  );
});
