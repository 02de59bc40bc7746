/** One tree: looking at it, changing it, in this process or behind an endpoint. */
export * from './anchor.ts';
export * from './disk-fs.ts';
export * from './disk-replica.ts';
export * from './endpoint-client.ts';
export * from './endpoint-pool.ts';
export * from './endpoint-protocol.ts';
export * from './endpoint-server.ts';
export * from './endpoint-watch.ts';
export * from './entry-of.ts';
export * from './exact-names.ts';
export * from './fetch.ts';
export { digestOfRecords } from './folder-print.ts';
export * from './fs-port.ts';
export * from './hash.ts';
export * from './ignore.ts';
export { slotOf } from './left-behind.ts';
export * from './listing.ts';
export * from './markers.ts';
export * from './mount-facts.ts';
export { packFiles } from './pack-downloads.ts';
export {
  createPack,
  isSlot,
  PACK_BYTES,
  PACK_FILES,
  PACK_FOLDERS,
  PACKED_SIZE,
  type PackContent,
  type PackedFolder,
  packContents,
  packPath,
  takenPath,
  writePack,
} from './pack-file.ts';
export * from './probe.ts';
export * from './replica.ts';
export * from './replica-on.ts';
export { stageFolders } from './tree-context.ts';
export * from './unpack.ts';
