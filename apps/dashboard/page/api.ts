/** Asks the API. A refusal is an answer: its sentence is for the reader. */
import type { CommandAnswer, CommandResult, ErrorAnswer } from '../src/shapes.ts';

export type Answer<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'refused'; readonly message: string };

const ROOT = '/api/v1';

/** The pair that this page is about. */
export function pairId(): string {
  return decodeURIComponent(location.pathname.split('/')[2] ?? '');
}

export function pairUrl(pair: string, rest = ''): string {
  return `${ROOT}/pairs/${encodeURIComponent(pair)}${rest}`;
}

export async function get<T>(url: string): Promise<Answer<T>> {
  return await ask<T>(url, {});
}

export async function post<T>(url: string, body?: unknown): Promise<Answer<T>> {
  const headers: Record<string, string> = { 'x-lazysync': '1' };
  if (body === undefined) return await ask<T>(url, { method: 'POST', headers });
  headers['content-type'] = 'application/json';
  return await ask<T>(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function ask<T>(url: string, init: RequestInit): Promise<Answer<T>> {
  try {
    const answer = await fetch(url, { ...init, credentials: 'same-origin' });
    const body = (await answer.json()) as T | ErrorAnswer;
    if (answer.ok) return { kind: 'ok', value: body as T };
    return { kind: 'refused', message: (body as ErrorAnswer).error };
  } catch {
    return { kind: 'refused', message: 'The dashboard does not answer.' };
  }
}

const LOOK_MS = 300;
const PATIENCE_MS = 15_000;

/** Sends a command and waits for what came of it; what takes longer goes on in the queue. */
export async function carryOut(pair: string, wish: Readonly<Record<string, string>>): Promise<Answer<string>> {
  const sent = await post<CommandAnswer>(pairUrl(pair, '/commands'), wish);
  if (sent.kind === 'refused') return sent;
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end) {
    const found = await get<CommandResult>(pairUrl(pair, `/commands/${sent.value.id}`));
    if (found.kind === 'refused') return found;
    if (found.value.done) return { kind: 'ok', value: sentence(found.value.result ?? 'done') };
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return { kind: 'ok', value: 'It waits in the queue, and is carried out in its turn.' };
}

function sentence(text: string): string {
  const begun = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
