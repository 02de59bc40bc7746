/**
 * A process that writes to a base until it is killed: each transaction puts two rows, moves a folder there and back,
 * and keeps the journal; then its number is printed. Arguments: the file.
 */
import { writeSync } from 'node:fs';
import { openBase } from '../src/index.ts';
import { at, directory, stub } from './records.ts';

const base = openBase(process.argv[2] ?? '');
base.record([{ kind: 'put', record: directory('even', 1) }], []);
const begun = base.children(at('here')).length + base.children(at('there')).length;
for (let n = begun; ; n++) {
  const slot = `s${n}`;
  const step = { kind: 'make-stub', side: 'local', path: at(`here/${n}`) } as const;
  base.begin([{ slot, side: 'local', step, at: n }]);
  const [from, to] = base.get(at('here')) === null ? ['there', 'here'] : ['here', 'there'];
  base.record(
    [
      { kind: 'put', record: stub(`even/${n}a`, n) },
      { kind: 'put', record: stub(`even/${n}b`, n) },
      { kind: 'put', record: directory(from, 2) },
      { kind: 'put', record: stub(`${from}/${n}`, n) },
      { kind: 'move', from: at(from), to: at(to) },
    ],
    [slot],
  );
  base.setMeta('n', String(n));
  writeSync(1, `${n}\n`);
}
