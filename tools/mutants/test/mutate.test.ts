import { expect, test } from 'vitest';
import { applyMutant, mutantsOf } from '../src/mutate.ts';

const changed = (source: string): string[] => mutantsOf('f.ts', source).map((mutant) => applyMutant(source, mutant));

test('operators, constants, conditions and statements are changed one at a time', () => {
  expect(changed('const a = b === c && !d;\n')).toEqual([
    'const a = b !== c && !d;\n',
    'const a = b === c || !d;\n',
    'const a = b === c && d;\n',
  ]);
  expect(changed('const a = b < 2_000n;\n')).toEqual(['const a = b <= 2_000n;\n', 'const a = b < 2001n;\n']);
  expect(changed('if (a(b)) c();\n')).toEqual(['if (false) c();\n', 'if (true) c();\n']);
  expect(changed("f('local', true);\n")).toEqual(["f('remote', true);\n", "f('local', false);\n"]);
  expect(changed('{\n  a.push(1);\n}\n')).toEqual(['{\n  ;\n}\n', '{\n  a.push(2);\n}\n']);
});

test('types, comments, imports and texts are left alone', () => {
  expect(changed("import { a } from 'local';\ntype A = true | 'local';\n// a === b\n/** 1 && 2 */\n")).toEqual([]);
  expect(changed("const a: 1 | 'local' = 'true === 1';\n")).toEqual([]);
  expect(changed('const a = /(\\d{4}) === x/;\nconst b = `1 + ${c}`;\n')).toEqual([]);
});
