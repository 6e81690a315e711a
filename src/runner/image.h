/* image.h: the root file system of a job that is an image (squashfs, erofs): what the kernel reads as root, and trusts. So it is root's, on
 * the whole way, and nobody else's to change. */
#ifndef RUNNER_IMAGE_H
#define RUNNER_IMAGE_H

/* Mounts it, read-only, nosuid and nodev, by a loop device that goes with the mount; nowhere: returns a descriptor, the caller's, as
 * fsmount(2) does. -EPERM: others than root may change it, or not everybody may read it; -ENOTSUP: it is neither squashfs nor erofs;
 * else -errno. `path`: absolute, without "//", "." and ".."; no link is followed. */
int image_mount(const char *path);

#endif
