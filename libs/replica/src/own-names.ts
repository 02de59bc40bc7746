/** Names of ours in users' folders: nothing to anybody else. */
import { OWN_FOLDER } from '@lazysync/event-model';

/** Content on its way into place, ours or another client's. */
export function isStageName(name: string): boolean {
  return name.startsWith('.lazysync-') && name.endsWith('.part');
}

/** A name directly below `directory` that is never listed, whatever it is. */
export function isOwnFolder(directory: string, name: string): boolean {
  return directory === '' && name === OWN_FOLDER;
}
