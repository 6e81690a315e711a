#include "jobfile.h"

#include "base.h"
#include "buf.h"

#include <limits.h>

/* The array itself, none of its tasks: %a stays in its files' names. */
static bool is_array(const struct mscg_spec *spec, struct mscg_id id)
{
	return spec->array && id.task == MSCG_NO_TASK;
}

static void add_number(struct buf *b, uint32_t number, int width)
{
	buf_addf(b, "%0*u", width, number);
}

static void add_name(struct buf *b, const char *name)
{
	for (; name && *name; name++)
		buf_addc(b, *name == '/' ? '_' : *name);
}

char *jobfile_expand(const char *pattern, const struct mscg_spec *spec, struct mscg_id id, const char *node)
{
	_cleanup_buf_ struct buf b = { 0 };

	if (pattern[0] != '/')
		buf_addf(&b, "%s/", spec->workdir ? spec->workdir : "");
	/* What is longer than PATH_MAX is no file's name, however long. */
	for (const char *p = pattern; *p && b.size <= PATH_MAX; p++) {
		int width = 0;

		if (*p != '%') {
			buf_addc(&b, *p);
			continue;
		}
		const char *start = p++;
		while (*p >= '0' && *p <= '9' && width < 100)
			width = width * 10 + (*p++ - '0');
		if (width > 10)
			width = 10;
		switch (*p) {
		case 'J':
		case 'j':
			add_number(&b, id.job, width);
			if (id.task != MSCG_NO_TASK)
				buf_addf(&b, "_%u", id.task);
			else if (is_array(spec, id))
				buf_adds(&b, "_%a");
			break;
		case 'A': add_number(&b, id.job, width); break;
		case 'a':
		case 'b':
			if (is_array(spec, id))
				buf_add(&b, start, (size_t)(p + 1 - start));
			else
				add_number(&b, id.task == MSCG_NO_TASK ? 0 : *p == 'b' ? id.task % 10 : id.task, width);
			break;
		case 'n':
		case 't': add_number(&b, 0, width); break;
		case 's': buf_adds(&b, "batch"); break;
		case 'x': add_name(&b, spec->name); break;
		case 'u': add_name(&b, spec->user); break;
		case 'N': add_name(&b, node); break;
		case '%': buf_addc(&b, '%'); break;
		default: /* unknown: stays as it was typed */
			buf_add(&b, start, (size_t)(p - start));
			if (!*p)
				p--;
			else
				buf_addc(&b, *p);
		}
	}
	return buf_steal(&b);
}

char *jobfile_log_dir(const struct mscg_spec *spec)
{
	return xasprintf("%s/.mscg_logs", spec->home ? spec->home : "");
}

static char *log_file(const struct mscg_spec *spec, struct mscg_id id, const char *suffix)
{
	char text[MSCG_ID_TEXT];

	return xasprintf("%s/.mscg_logs/job_%s%s.%s", spec->home ? spec->home : "", mscg_id_format(id, text), is_array(spec, id) ? "_%a" : "", suffix);
}

char *jobfile_output(const struct mscg_spec *spec, struct mscg_id id, const char *node, int stream)
{
	const char *pattern = stream == 2 && spec->stderr_path ? spec->stderr_path : spec->stdout_path;

	if (pattern)
		return jobfile_expand(pattern, spec, id, node);
	return log_file(spec, id, stream == 2 ? "err" : "out");
}

char *jobfile_input(const struct mscg_spec *spec, struct mscg_id id, const char *node)
{
	return spec->stdin_path ? jobfile_expand(spec->stdin_path, spec, id, node) : NULL;
}

char *jobfile_control_link(const struct mscg_spec *spec, struct mscg_id id)
{
	return log_file(spec, id, "control");
}
