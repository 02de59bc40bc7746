/** The table of design and README, as data: what is done, from how each side stands to the base. */

export type LocalState = 'unchanged' | 'changed' | 'deleted';
export type RemoteState = 'unchanged' | 'changed' | 'deleted';

export type Action =
  /** Nothing to carry over; write down what was seen, repoint, hydrate if asked. */
  | 'settle'
  /** Local becomes what remote is, as a stub. */
  | 'take-remote'
  | 'remove-local'
  /** Remote becomes what local is. */
  | 'send-local'
  /** Same content: adopt. Else the local version takes a conflict name. */
  | 'keep-both'
  | 'remove-remote'
  /** Edit beats delete: the remote version comes back as a stub. */
  | 'take-remote-again'
  | 'forget';

export const ACTION_TABLE: Readonly<Record<LocalState, Readonly<Record<RemoteState, Action>>>> = {
  unchanged: { unchanged: 'settle', changed: 'take-remote', deleted: 'remove-local' },
  changed: { unchanged: 'send-local', changed: 'keep-both', deleted: 'send-local' },
  deleted: { unchanged: 'remove-remote', changed: 'take-remote-again', deleted: 'forget' },
};
