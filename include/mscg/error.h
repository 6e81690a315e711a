/* mscg/error.h: how every function of mscg says what went wrong.
 *
 * Functions return 0 (or a count) on success and -errno on failure. A caller that wants text for people passes a
 * `struct mscg_error` of its own; NULL is always allowed. On failure `code` is the returned -errno and `text` one
 * line: what is wrong, the value, what would be right. On success neither is touched.
 */
#ifndef MSCG_ERROR_H
#define MSCG_ERROR_H

#define MSCG_PUBLIC __attribute__((visibility("default")))

struct mscg_error {
	int  code;
	char text[256];
};

/* Fills *error (may be NULL) and returns `code`, so that `return mscg_error_set(e, -EINVAL, "...")` reads well.
 * `code` is a negative errno. */
__attribute__((format(printf, 3, 4))) MSCG_PUBLIC int mscg_error_set(struct mscg_error *error, int code,
                                                                     const char *format, ...);

/* Puts text before what *error says already ("cannot start job 7: " + "..."): once per layer. Returns error's code,
 * or `code` where error is NULL. */
__attribute__((format(printf, 3, 4))) MSCG_PUBLIC int mscg_error_prefix(struct mscg_error *error, int code,
                                                                        const char *format, ...);

#endif
