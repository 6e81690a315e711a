/* mscg doctor: what is missing on this machine, and what mends it. */
#include "doctor.h"

#include <stdarg.h>

static const char *const words[] = {"ok", "warn", "FAIL"};

void doctor_add(struct doctor *d, const char *name, enum verdict verdict, const char *mend, const char *format, ...)
{
	static const char *const status[] = {"ok", "warn", "fail"};
	char text[1024], clean[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	plain(text, clean, sizeof clean);
	d->failed |= verdict == CHECK_FAIL;
	json_array_append_new(d->checks, json_pack("{s:s, s:s, s:s, s:s?}", "name", name, "status", status[verdict], "text", clean, "mend",
	                                           mend && *mend ? mend : NULL));
	if (d->cli->json)
		return;
	printf("%-4s %s\n", words[verdict], clean);
	for (const char *line = verdict == CHECK_OK || !mend ? "" : mend, *end; *line; line = *end ? end + 1 : end) {
		end = line + strcspn(line, "\n");
		printf("       %.*s\n", (int)(end - line), line);
	}
}

static int doctor_run(struct cli *cli, void *options, char **words_given)
{
	struct doctor d = {.cli = cli, .checks = json_array()};
	json_t *all;

	(void)options, (void)words_given;
	doctor_daemon(&d);
	doctor_kernel(&d);
	doctor_cgroups(&d);
	doctor_places(&d);
	if (cli->json) {
		all = json_pack("{s:b, s:O}", "ok", !d.failed, "checks", d.checks);
		print_json(all);
		json_decref(all);
	}
	json_decref(d.checks);
	json_decref(d.warnings);
	free(d.state_dir);
	free(d.runtime_dir);
	free(d.cgroup_root);
	return d.failed ? CLI_FAILED : CLI_OK;
}

const struct verb verb_doctor = {
	.name = "doctor",
	.summary = "Check what this machine has, and say what mends what is missing",
	.about = "Looks at the kernel, its control groups, what is delegated to this user, the directories, and the daemon if one\n"
	         "answers. One line a check: ok, warn (something will not be enforced or not be told), FAIL (needed), and below it\n"
	         "the command that mends it. Changes nothing. Exit status 1 when something needed is missing.",
	.examples = "  mscg doctor\n  mscg doctor --json",
	.run = doctor_run,
};
