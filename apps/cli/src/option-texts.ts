/** What a user wrote behind an option, read. Whatever is wrong is a CliError of one sentence. */
import path from 'node:path';
import { type RedisPlace, showPath } from '@lazysync/config';
import type { LogLevel } from '@lazysync/ops';
import { usage } from './exit.ts';

const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] satisfies LogLevel[];

/** Left out: everything for a log file, only what needs attention for a person. */
export function parseLogLevel(text: string | undefined): LogLevel {
  if (text === undefined) return process.stderr.isTTY === true ? 'warn' : 'info';
  if (!LEVELS.includes(text)) throw usage(`The log level ${showPath(text)} is none of ${LEVELS.join(', ')}.`);
  return text as LogLevel;
}

export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
    throw usage(`The port ${showPath(text)} is no number from 1 to 65535.`);
  return port;
}

export function absoluteFolder(option: string, text: string | undefined): string {
  if (text === undefined) throw usage(`The option ${option} DIR is missing.`);
  if (text === '') throw usage(`The folder after ${option} is empty.`);
  if (text.includes('\0')) throw usage(`The folder after ${option} holds a NUL character.`);
  return path.resolve(text);
}

export async function parseRedis(text: string): Promise<RedisPlace> {
  const { parseRedisAddress } = await import('@lazysync/queue');
  const parsed = parseRedisAddress(text);
  if (parsed.kind === 'bad') throw usage(parsed.message);
  return parsed.address;
}
