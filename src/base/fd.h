/* fd.h: whole reads and writes over file descriptors, EINTR handled. -errno on failure. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdint.h>
#include <sys/types.h>

/* Writes all of it or fails. */
int fd_write_all(int fd, const void *data, size_t size);
/* Reads until `size` bytes or the end; returns the count. */
ssize_t fd_read_all(int fd, void *data, size_t size);
/* Reads a whole (small) file below `dirfd` into a NUL-ended buffer that the caller frees. -EFBIG above `max` bytes. */
int fd_read_file_at(int dirfd, const char *name, size_t max, char **ret_text, size_t *ret_size);
/* Replaces `name` below `dirfd` atomically: temporary file, write, rename. No fsync: for files that need not outlive
 * the boot. */
int fd_replace_file_at(int dirfd, const char *name, const void *data, size_t size, mode_t mode);
/* mkdir -p; existing directories are left as they are. */
int fd_make_dirs(const char *path, mode_t mode);

#endif
