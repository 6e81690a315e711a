/* script.h: batch scripts. The options of a script are in comments before its first command:
 *
 *     #!/bin/bash
 *     #MSCG --cpus=4 --mem=8GB
 *     #SBATCH -J train        # Slurm's are read too; where both say something, #MSCG does
 */
#ifndef CLI_SCRIPT_H
#define CLI_SCRIPT_H

#include "cli.h"

/* Whether the first word of a command names a batch script, to be taken for one without --script: a regular file with "#!"
 * at its start, and either a directive in it or nobody who would run it as a command (it may not be executed, or is in
 * this directory and not in $PATH). 1, 0, or -EINVAL with text where it is a file that could be run in neither way,
 * or has directives and no "#!";
 * `chdir`: the job runs in another directory, where the word may name something else. */
int script_is_one(const char *word, bool chdir, struct mscg_error *error);
/* Reads a file of text, `what` in the texts of errors; "-" is stdin. The caller frees it. */
int script_read_text(const char *path, const char *what, char **ret_text, struct mscg_error *error);
/* Reads a script: "-" is stdin. *ret_text is the caller's. Texts of errors name the file. */
int script_read(const char *path, char **ret_text, struct mscg_error *error);
/* Reads the options of its directives into the sets. */
int script_options(const char *name, const char *text, const struct option_set *sets, struct mscg_error *error);
/* Splits one line as a shell would (quotes, backslash, # comment), without expansions. The caller frees the vector.
 * -EINVAL for a quote that is not closed. */
int script_split(const char *line, size_t size, char ***ret, struct mscg_error *error);

#endif
