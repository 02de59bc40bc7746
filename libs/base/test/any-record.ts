/** Arbitrary rows for property tests. */
import type { BaseRecord, FileStat, Identity, RelPath } from '@lazysync/event-model';
import fc from 'fast-check';

const signed = fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n });
const unsigned = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 50n }));
const size = fc.oneof(fc.nat(), fc.maxSafeNat());
const mode = fc.integer({ min: 0, max: 0o7777 });
const anyIdentity: fc.Arbitrary<Identity> = fc.record({ dev: unsigned, ino: unsigned, birthNs: signed });
const anyStat: fc.Arbitrary<FileStat> = fc.record({
  dev: unsigned,
  ino: unsigned,
  birthNs: signed,
  size,
  mtimeNs: signed,
  ctimeNs: signed,
  mode,
});
const anyPrint = fc.record({ size, mtimeNs: signed, mode });
const anyPrintWithIdentity = fc.record(
  { size, mtimeNs: signed, mode, identity: anyIdentity },
  { requiredKeys: ['size', 'mtimeNs', 'mode'] },
);
const text = fc.string({ unit: 'binary' }).filter((one) => one.isWellFormed() && !one.includes('\0'));

/** Any row at a path: of every kind, with numbers of every size. */
export function anyRecord(path: RelPath): fc.Arbitrary<BaseRecord> {
  const the = fc.constant(path);
  return fc.oneof<fc.Arbitrary<BaseRecord>[]>(
    fc.record({ kind: fc.constant('file'), form: fc.constant('stub'), path: the, remote: anyPrint, link: anyIdentity }),
    fc.record({
      kind: fc.constant('file'),
      form: fc.constant('copy'),
      path: the,
      remote: anyPrintWithIdentity,
      local: anyStat,
      hash: fc.stringMatching(/^[0-9a-f]{64}$/),
      origin: fc.constantFrom('local', 'remote'),
      racy: fc.boolean(),
    }),
    fc.record(
      {
        kind: fc.constant('directory'),
        path: the,
        local: anyIdentity,
        localMode: mode,
        remoteMode: mode,
        remote: anyIdentity,
      },
      { requiredKeys: ['kind', 'path', 'local', 'localMode', 'remoteMode'] },
    ),
    fc.record(
      {
        kind: fc.constant('symlink'),
        path: the,
        localTarget: text,
        remoteTarget: text,
        remoteLink: fc.record({ size, mtimeNs: signed }),
      },
      { requiredKeys: ['kind', 'path', 'localTarget', 'remoteTarget'] },
    ),
    fc.record({ kind: fc.constant('residual'), path: the, side: fc.constantFrom('local', 'remote'), why: text }),
  );
}
