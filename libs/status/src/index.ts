/** What can be said of a pair from outside, with nothing running too. Used by `lazysync status` and the dashboard. */
export * from './status.ts';
