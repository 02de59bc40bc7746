/** What can be set for a pair, and the only place where defaults are written down. */
import { z } from 'zod';
import { isPairId, PAIR_ID_RULE } from './pair-id.ts';
import { parseDuration, parseSize } from './units.ts';

/** bytes; a number in a config that was printed by us, else a text such as `8MiB`. */
const size = z.union([z.string(), z.number()]).transform((text, context): number => {
  const bytes = parseSize(text);
  if (bytes !== null) return bytes;
  context.addIssue({ code: 'custom', message: 'must be a size such as 512KiB, 8MiB, 2GB or Infinity' });
  return z.NEVER;
});

const durationText = z.union([z.string(), z.number()]).transform((text, context): number => {
  const ms = parseDuration(text);
  if (ms !== null) return ms;
  context.addIssue({ code: 'custom', message: 'must be a duration such as 200ms, 2s, 5m or 30d' });
  return z.NEVER;
});

/** ms. */
const duration = durationText;

const word = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, { error: `must be ${words.length > 1 ? 'one of ' : ''}${words.join(', ')}` });

const text = (what: string) =>
  z
    .string({ error: `must be ${what}` })
    .min(1, { error: `must be ${what}` })
    .refine((value) => !value.includes('\0'), { error: `must be ${what}` });

const settingFields = {
  /** gitignore patterns, in addition to what is never synced. */
  ignore: z.array(text('a pattern such as "*.tmp"'), { error: 'must be a list of patterns' }).default([]),
  hydrate: z
    .strictObject(
      {
        /** When a stub becomes a copy: when it is opened, when it is closed again, never by itself, or at once. */
        on: word(['open', 'close', 'never', 'always']).default('open'),
        /** Bytes: larger files stay stubs unless they are asked for by name. */
        maxSize: size.default(Infinity),
        /** ms: a copy that was opened within this time comes back at once when a new version has made a stub of it. */
        again: duration.default(0),
        /** Of a folder in which several files were opened in a row: so many more files, and bytes, are fetched ahead. */
        prefetch: z
          .strictObject(
            {
              files: z
                .int({ error: 'must be a whole number from 0 to 10000' })
                .min(0, { error: 'must be a whole number from 0 to 10000' })
                .max(10_000, { error: 'must be a whole number from 0 to 10000' })
                .default(0),
              size: size.default(256 * 2 ** 20),
              /** Bytes of all folders together, within an hour. */
              perHour: size.default(2 ** 30),
            },
            { error: 'must be settings such as { files: 100, size: 256MiB, perHour: 1GiB }' },
          )
          .prefault({}),
      },
      { error: 'must be settings such as { on: open, maxSize: 2GiB }' },
    )
    .prefault({}),
  scan: z
    .strictObject(
      {
        /** ms between two looks at the whole remote. */
        remote: z.union([z.literal('auto'), duration]).default('auto'),
      },
      { error: 'must be settings such as { remote: auto }' },
    )
    .prefault({}),
  watch: z
    .strictObject(
      { local: word(['auto', 'chokidar', 'inotify']).default('auto') },
      { error: 'must be settings such as { local: auto }' },
    )
    .prefault({}),
  /** Unrelated paths of one changeset that may be at work together. */
  width: z
    .int({ error: 'must be a whole number from 1 to 64' })
    .min(1, { error: 'must be a whole number from 1 to 64' })
    .max(64, { error: 'must be a whole number from 1 to 64' })
    .default(16),
  limit: z
    .strictObject(
      {
        /** Bytes per second of all downloads together, and of all uploads. */
        down: size.default(Infinity),
        up: size.default(Infinity),
      },
      { error: 'must be settings such as { down: 10MiB, up: 2MiB }' },
    )
    .prefault({}),
  /** Bytes that downloads leave free on the disk of local. */
  minFree: size.default(0),
  /** Bytes: larger uploads run beside the lane. */
  inlineLimit: size.default(8 * 2 ** 20),
  trash: z
    .strictObject(
      {
        /** ms. */
        keep: duration.default(30 * 86_400_000),
        /** Bytes. */
        maxSize: size.default(10 * 2 ** 30),
        /** Versions that were overwritten go to the trash too. */
        overwritten: z
          .union([z.boolean(), word(['on', 'off']).transform((on) => on === 'on')], { error: 'must be on or off' })
          .default(true),
      },
      { error: 'must be settings such as { keep: 30d, maxSize: 10GiB }' },
    )
    .prefault({}),
  /**
   * How a version of the remote is replaced: `rename` leaves two round trips in which a save by another host would be
   * overwritten (none next to the disk), `capture` none, but the name is absent for moments.
   */
  replace: word(['rename', 'capture']).default('rename'),
  /** ms of quiet after which what happened at a path is published. */
  settle: duration.default(200),
};

export const settingsSchema = z.strictObject(settingFields);

export type PairSettings = z.output<typeof settingsSchema>;

export const pairSchema = z.strictObject(
  {
    id: z
      .string({ error: `must be ${PAIR_ID_RULE}` })
      .refine(isPairId, { error: `must be ${PAIR_ID_RULE}` })
      .optional(),
    remote: text('a folder'),
    local: text('a folder'),
    ...settingFields,
  },
  { error: 'must be a pair: { remote: DIR, local: DIR }' },
);

export const fileSchema = z.strictObject(
  {
    redis: text('a Redis address such as redis://127.0.0.1:6379').optional(),
    pairs: z
      .array(pairSchema, { error: 'must be a list of pairs' })
      .min(1, { error: 'must name at least one pair' })
      .max(1000, { error: 'must not name more than 1000 pairs' }),
  },
  { error: 'must be settings: "pairs:" and a list of pairs' },
);

/** The settings of a pair for which nothing was said. */
export function defaultSettings(): PairSettings {
  return settingsSchema.parse({});
}
