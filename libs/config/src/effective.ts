/** The validated configuration as the processes get it: JSON in the state folder, for their eyes only. */
import fs from 'node:fs';
import { z } from 'zod';

const redis = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('url'), url: z.string() }),
  z.object({ kind: z.literal('socket'), path: z.string() }),
]);

const pair = z.object({
  id: z.string(),
  /** Real paths. */
  local: z.string(),
  remote: z.string(),
  /** The pair's folder in the state folder. */
  state: z.string(),
  settings: z.object({ ignore: z.array(z.string()).default([]) }).passthrough(),
});

const effective = z.object({
  v: z.literal(1),
  boot: z.string(),
  state: z.string(),
  redis,
  port: z.number().optional(),
  pairs: z.array(pair),
});

export type EffectiveConfig = z.infer<typeof effective>;

export function writeEffective(file: string, config: EffectiveConfig): void {
  const temp = `${file}.new`;
  fs.writeFileSync(temp, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  fs.renameSync(temp, file);
}

/** Throws when the file is not what `writeEffective` wrote. */
export function readEffective(file: string): EffectiveConfig {
  return effective.parse(JSON.parse(fs.readFileSync(file, 'utf8')));
}
