import { type History, REST } from './history.ts';

/** What chance decides otherwise may stand in for what was left out. */
const SEEDS = 12;

/**
 * Leaves out one action after another for as long as `isWrong` holds: what belongs together was made together, and the
 * shrinking of the generator takes it for one. Whatever hangs on the count of calls gets another try at rest, and by
 * another chance.
 */
export async function shorter(history: History, isWrong: (one: History) => Promise<boolean>): Promise<History> {
  const tried = async (part: 'actions' | 'before', from: History, at: number): Promise<History | null> => {
    const rest = from[part].filter((_, index) => index !== at);
    const calm = rest.map((one, index) => (index === at ? { ...one, gap: REST } : one));
    for (let seed = from.seed; seed < from.seed + SEEDS; seed++) {
      for (const left of [rest, calm]) {
        const without: History = { ...from, seed, [part]: left };
        if (await isWrong(without)) return without;
      }
    }
    return null;
  };
  let least = history;
  for (let before = Infinity; before > least.actions.length + least.before.length; ) {
    before = least.actions.length + least.before.length;
    for (const part of ['actions', 'before'] as const) {
      for (let at = least[part].length - 1; at >= 0; at--) least = (await tried(part, least, at)) ?? least;
    }
  }
  return least;
}
