/** JSON Schemas of the answers, beside the types in shapes.ts. */
import { integer, listOf, maybeInteger, maybeText, object, type Schema, text, yesNo } from './route.ts';

const when = (what = ''): Schema => integer(what === '' ? 'ms since 1970' : `${what}, ms since 1970`);
const processRef = object({ pid: integer(), host: text() });
const progress: Schema = { description: 'null, or how far the start scan is: {done, total}' };
const remoteScan: Schema = {
  description: 'null, or how the remote is looked at: {folders, hot, oldestMs, duty, everyMs, pushed}',
};

const summaryFields: Readonly<Record<string, Schema>> = {
  id: text(),
  local: text(),
  remote: text(),
  state: text('', {
    enum: ['stopped', 'starting', 'syncing', 'idle', 'paused', 'held', 'remote-offline', 'halted'],
  }),
  queued: integer('Jobs of the lane that are not finished'),
  transfers: integer('Downloads and large uploads that wait, run or are staged'),
  entries: integer(),
  directories: integer(),
  stubs: integer(),
  copies: integer(),
  cachedBytes: integer('Bytes of the copies'),
  remoteBytes: integer('Bytes of all files'),
  conflicts: integer(),
  problems: integer(),
  held: integer(),
  openReplaces: integer('Replaces in which a save of another host in the same moment would not have been seen'),
  lastChange: maybeText('ISO time'),
  redis: text('', { enum: ['up', 'down'] }),
  watchers: listOf(processRef),
  serverWatchers: listOf(processRef),
  remoteScan,
  warnings: listOf(object({ message: text(), mend: maybeText('A command that mends the cause') })),
  worker: listOf(processRef),
  why: maybeText('Why the pair is in its state'),
  progress,
  lagMs: maybeInteger('For how long the oldest job has waited, ms'),
};

export const summary = object(summaryFields);
export const pairsAnswer = object({ version: integer(), pairs: listOf(summary) });

const transfer = object({
  id: text(),
  path: text(),
  state: text('', { enum: ['queued', 'running', 'staged'] }),
  bytes: integer(),
  size: integer(),
});
const problem = object({ path: text(), code: text(), side: maybeText(), message: text(), since: when() });
const conflict = object({ path: text(), conflict: text('Where the local version is kept'), at: when() });
const partOf = (items: Schema): Schema => object({ total: integer(), items: listOf(items) });

export const transferPart = partOf(transfer);
export const problemPart = partOf(problem);
export const conflictPart = partOf(conflict);

export const detail = object({
  ...summaryFields,
  lane: text('Address of its queue'),
  transferList: transferPart,
  problemList: problemPart,
  heldList: problemPart,
  conflictList: conflictPart,
  pins: listOf(text('A gitignore pattern')),
});

const outcome = object({ path: text(), outcome: text() });
export const actionsAnswer = object({
  items: listOf(object({ id: text(), at: when(), what: text(), outcomes: listOf(outcome), outcomeCount: integer() })),
});
const logItem = object({ id: integer('Rising'), at: when(), path: text(), act: text(), why: text() });
export const logAnswer = object({ items: listOf(logItem) });

export const historyAnswer = object({
  stepMs: integer(),
  samples: listOf(
    object({
      at: when('Begin of the step'),
      queued: maybeInteger(),
      actions: integer(),
      bytesUp: integer(),
      bytesDown: integer(),
    }),
  ),
});

export const treeAnswer = object({
  path: text(),
  items: listOf(
    object({
      name: text(),
      path: text(),
      kind: text('', { enum: ['directory', 'stub', 'copy', 'link', 'one-side', 'problem'] }),
      size: maybeInteger('Bytes as the remote has it; of a folder all that is in it'),
      here: maybeInteger('Bytes of it that are here'),
      files: maybeInteger('Files below a folder'),
      modified: maybeText('ISO time'),
      pinned: yesNo,
      downloading: yesNo,
      conflict: yesNo,
      problem: maybeText(),
    }),
  ),
  next: maybeText('Goes into `after` for the next page; null: there is none'),
});

export const commandAnswer = object({ id: text() });
export const commandResult = object({ done: yesNo, result: maybeText('One sentence') });
export const said = object({ message: text() });
export const whyAnswer = object({
  path: text(),
  base: text(),
  local: text(),
  remote: text(),
  act: text('What would be done next'),
  why: text(),
  acts: listOf(logItem),
});
export const trashAnswer = object({
  items: listOf(
    object({
      side: text('', { enum: ['local', 'remote'] }),
      slot: text(),
      path: text(),
      kind: text(),
      size: maybeInteger(),
      removedAt: maybeInteger('ms since 1970'),
    }),
  ),
});
