/** File systems on which LOCAL and the state folder can not lie: others write there, and they can vanish. */
import type { Mount } from '@lazysync/ops';

const NETWORK: ReadonlySet<string> = new Set([
  ...['nfs', 'nfs4', 'cifs', 'smb3', 'smbfs', 'ncpfs', 'afs', 'ceph', 'lustre', 'gfs2', 'ocfs2', 'orangefs', 'davfs'],
  ...['glusterfs', 'beegfs', 'coda', 'vboxsf', 'vmhgfs', 'prl_fs'],
]);

/** FUSE file systems that keep their content on a disk of this host. Any other is taken for a network's. */
const LOCAL_FUSE: ReadonlySet<string> = new Set([
  ...[
    'fuseblk',
    'fuse.gocryptfs',
    'fuse.encfs',
    'fuse.cryfs',
    'fuse.securefs',
    'fuse.veracrypt',
    'fuse.ext2',
    'fuse.ext4',
  ],
  ...['fuse.mergerfs', 'fuse.bindfs', 'fuse.unionfs', 'fuse.unionfs-fuse', 'fuse.fuse-overlayfs', 'fuse.ntfs-3g'],
  ...['fuse.exfat', 'fuse.exfat-fuse', 'fuse.zfs', 'fuse.apfs-fuse', 'fuse.bcachefs'],
]);

export function isNetworkStorage({ fsType }: Mount): boolean {
  if (NETWORK.has(fsType)) return true;
  return (fsType === 'fuse' || fsType.startsWith('fuse.')) && !LOCAL_FUSE.has(fsType);
}
