/** JSON that keeps bigints: `{"$n":"123"}`. */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? { $n: one.toString() } : one));
}

export function decodeJson(text: string): unknown {
  return JSON.parse(text, (_key, one: unknown) => {
    if (typeof one === 'object' && one !== null && '$n' in one && typeof one.$n === 'string') return BigInt(one.$n);
    return one;
  });
}
