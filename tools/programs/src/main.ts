/** `main.ts FOLDER`: bundles the programs into FOLDER, which lies two folders below the root and is not there yet. */
import fs from 'node:fs';
import path from 'node:path';
import { rolldown } from 'rolldown';
import { withOwnUrls } from './own-urls.ts';
import { bundleOf, PROGRAMS } from './programs.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');

/** Packages with machine code of their own, or wanted only where somebody asks for them. */
const OUTSIDE = ['koffi', 'msgpackr-extract', 'pino-pretty'];

async function main(folder: string): Promise<void> {
  const bundle = await rolldown({
    cwd: ROOT,
    input: { ...PROGRAMS },
    platform: 'node',
    external: OUTSIDE,
    logLevel: 'warn',
    // What packages do to themselves is no news of ours.
    onLog: (level, log, tell) => (/node_modules/.test(log.id ?? log.message) ? undefined : tell(level, log)),
    plugins: [
      {
        name: 'own urls',
        transform(code, id) {
          const file = path.relative(ROOT, id);
          return /^(apps|libs)\//.test(file) ? withOwnUrls(file, code) : null;
        },
      },
    ],
  });
  await bundle.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: 'part-[name]-[hash].mjs',
  });
  await bundle.close();
  // All code lies in FOLDER itself, so that what is seen from there is the same wherever a module ends up.
  for (const [name, file] of Object.entries(PROGRAMS)) {
    const begin = path.join(folder, bundleOf(file));
    fs.mkdirSync(path.dirname(begin), { recursive: true });
    fs.writeFileSync(begin, `import '${path.relative(path.dirname(begin), path.join(folder, `${name}.mjs`))}';\n`);
  }
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('main.ts FOLDER');
try {
  await main(path.resolve(folder));
} catch (error) {
  // One line, for whoever runs the launcher: the first of it says how many, the rest where in the bundler.
  const lines = String(error instanceof Error ? error.message : error).split('\n');
  const line = lines.find((one) => /^\s*\[?.*(Error|Unresolved|could not|Could not)/.test(one)) ?? lines[0];
  process.stderr.write(`${line?.trim()}\n`);
  process.exitCode = 1;
}
