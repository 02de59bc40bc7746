/** Own mutants of a TypeScript source: one small change each, only where something runs. */
import { stripTypeScriptTypes } from 'node:module';

export interface Mutant {
  readonly file: string;
  /** Offsets in the source, and what stands there instead. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly line: number;
  /** For a person: `a === b` becomes `a !== b`. */
  readonly what: string;
}

type Edit = Pick<Mutant, 'start' | 'end' | 'text'>;

/** Same length; types are blank, and so is all that stands in comments, strings, templates and regular expressions. */
function running(source: string): string {
  const code = stripTypeScriptTypes(source);
  if (code.length !== source.length) throw new Error('types were not stripped in place');
  const literal =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[(,=:]\s*)\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+\/[a-z]*/g;
  const blank = code.replace(literal, (text) =>
    text.startsWith('/') ? text.replace(/[^\n]/g, ' ') : `'${'_'.repeat(text.length - 2)}'`,
  );
  return blank.replace(/^import[\s\S]*?;$/gm, (text) => text.replace(/[^\n]/g, ' '));
}

const SWAPS: Readonly<Record<string, string>> = {
  '===': '!==',
  '!==': '===',
  '&&': '||',
  '||': '&&',
  ' < ': ' <= ',
  ' <= ': ' < ',
  ' > ': ' >= ',
  ' >= ': ' > ',
  ' + ': ' - ',
  ' - ': ' + ',
  true: 'false',
  false: 'true',
};

function* swaps(code: string): Generator<Edit> {
  for (const match of code.matchAll(/===|!==|&&|\|\|| <=? | >=? | [+-] |\b(?:true|false)\b/g)) {
    yield { start: match.index, end: match.index + match[0].length, text: SWAPS[match[0]] ?? '' };
  }
}

function* numbers(code: string): Generator<Edit> {
  for (const match of code.matchAll(/(?<![\w.$_])(\d[\d_]*)(n?)(?!\w)/g)) {
    const next = BigInt((match[1] ?? '').replaceAll('_', '')) + 1n;
    yield { start: match.index, end: match.index + match[0].length, text: `${next}${match[2]}` };
  }
}

function* sides(code: string, source: string): Generator<Edit> {
  for (const match of source.matchAll(/'(local|remote)'/g)) {
    // Only literals that run: in a blanked comment or type there is no quote.
    if (code[match.index] !== "'") continue;
    const text = match[1] === 'local' ? "'remote'" : "'local'";
    yield { start: match.index, end: match.index + match[0].length, text };
  }
}

function* negations(code: string): Generator<Edit> {
  for (const match of code.matchAll(/!(?=[\w(])/g)) yield { start: match.index, end: match.index + 1, text: '' };
}

/** Where the parenthesis that opens at `open` closes. */
function closing(code: string, open: number): number {
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    if (code[i] === '(') depth++;
    if (code[i] === ')' && --depth === 0) return i;
  }
  return code.length;
}

function* conditions(code: string): Generator<Edit> {
  for (const match of code.matchAll(/\b(?:if|while) \(/g)) {
    const start = match.index + match[0].length;
    const end = closing(code, start - 1);
    yield { start, end, text: 'false' };
    if (match[0].startsWith('if')) yield { start, end, text: 'true' };
  }
}

/** Calls and assignments that stand for themselves on one line. */
function* statements(code: string): Generator<Edit> {
  for (const match of code.matchAll(
    /^ +(?!return|const|let|throw|type|import|export)[\w.]+(?:\(.*\)| [-+]?= .*|\+\+);$/gm,
  )) {
    const start = match.index + match[0].search(/\S/);
    yield { start, end: match.index + match[0].length, text: ';' };
  }
}

export function mutantsOf(file: string, source: string): readonly Mutant[] {
  const code = running(source);
  const edits = [swaps, numbers, negations, conditions, statements].flatMap((make) => [...make(code)]);
  edits.push(...sides(code, source));
  return edits
    .map((edit) => {
      const line = source.slice(0, edit.start).split('\n').length;
      const was = source.slice(edit.start, edit.end).trim();
      const around = source.split('\n')[line - 1]?.trim() ?? '';
      return { file, ...edit, line, what: `${was} -> ${edit.text.trim() || 'nothing'}   in: ${around}` };
    })
    .sort((a, b) => a.start - b.start);
}

export function applyMutant(source: string, { start, end, text }: Edit): string {
  return source.slice(0, start) + text + source.slice(end);
}
