/** Asks for the token. Who is signed in already and came from another site's link gets the page at once. */
import { get, post } from './api.ts';
import { byId, inBackground, say } from './dom.ts';

const again = (): void => location.replace(`${location.pathname}${location.search}`);

// A cookie of ours does not come along when a link of another site leads here.
const cameAgain = performance
  .getEntriesByType('navigation')
  .some((entry) => 'type' in entry && entry.type === 'reload');
if (!cameAgain) {
  inBackground(
    get('/api/v1/session').then((answer) => {
      if (answer.kind === 'ok') again();
    }),
  );
}

byId<HTMLFormElement>('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  const field = byId<HTMLInputElement>('token');
  say('problem', '');
  inBackground(
    post('/api/v1/session', { token: field.value.trim() }).then((answer) => {
      if (answer.kind === 'ok') again();
      else {
        say('problem', answer.message);
        field.select();
      }
    }),
  );
});
