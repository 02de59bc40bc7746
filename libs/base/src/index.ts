export * from './base.ts';
export { BaseDamaged } from './open.ts';
export { openBaseReader } from './reader.ts';
export { openBase } from './store.ts';
