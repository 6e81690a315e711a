/* Asking the daemon. */
#include "cli.h"

#include <poll.h>

#include "list.h"
#include "src/base/clock.h"

int cli_try_connect(const struct cli *cli, unsigned flags, struct mscg **ret, struct mscg_error *error)
{
	if (flags & CONNECT_ONCE)
		return mscg_connect_or_once(ret, cli->socket, cli->state_dir, error);
	return mscg_connect(ret, cli->socket, error);
}

int cli_connect(const struct cli *cli, unsigned flags, struct mscg **ret)
{
	struct mscg_error error = {0};

	return cli_try_connect(cli, flags, ret, &error) < 0 ? cli_fail(&error) : 0;
}

static int ask(const struct cli *cli, unsigned flags, const char *method, json_t *parameters, const char *list, json_t **ret)
{
	struct mscg_error error = {0};
	struct mscg *m;
	int r = cli_connect(cli, flags, &m);

	if (r) {
		json_decref(parameters);
		return r;
	}
	r = list ? list_call(m, method, parameters, list, ret, &error) : mscg_call_json(m, method, parameters, ret, &error);
	r = r < 0 ? cli_fail(&error) : 0;
	mscg_close(m);
	return r;
}

int cli_ask(const struct cli *cli, unsigned flags, const char *method, json_t *parameters, json_t **ret)
{
	return ask(cli, flags, method, parameters, NULL, ret);
}

int cli_ask_print(const struct cli *cli, const char *method, json_t *parameters, const char *list, void (*print)(const json_t *reply))
{
	json_t *reply;
	int r = ask(cli, CONNECT_ONCE, method, parameters, list, &reply);

	if (r)
		return r;
	if (cli->json)
		print_json(reply);
	else
		print(reply);
	json_decref(reply);
	return CLI_OK;
}

bool cli_is_lost(int code)
{
	return code == -ECONNREFUSED || code == -ECONNRESET || code == -EPIPE || code == -ENOTCONN;
}

bool cli_is_away(int code)
{
	return cli_is_lost(code) || code == -ENOENT;
}

int cli_await(const struct cli *cli, int64_t deadline_boot_usec, struct mscg **ret)
{
	/* A socket can not be watched for the moment when somebody listens on it: this tries, first often, then seldom. */
	int64_t delay = 10 * USEC_PER_MSEC;
	struct mscg_error error = {0};

	for (;;) {
		int64_t now;

		if (cli_try_connect(cli, 0, ret, &error) == 0)
			return 0;
		now = clock_boot_usec();
		if (!cli_is_away(error.code))
			return cli_fail(&error);
		if (now >= deadline_boot_usec)
			return cli_fail(&error);
		poll(NULL, 0, (int)(MIN_OF(delay, deadline_boot_usec - now) / USEC_PER_MSEC) + 1);
		delay = MIN_OF(delay * 2, USEC_PER_SEC / 4);
	}
}

/* As mscgd spells it; NULL with text. */
static json_t *read_id(const char *word, bool ranges, struct mscg_error *error)
{
	_cleanup_free_ struct mscg_range *range = NULL;
	_cleanup_free_ char *indices = NULL;
	char text[MSCG_ID_TEXT];
	struct mscg_id id;
	uint32_t n = 0;

	if ((ranges ? mscg_tasks_parse(word, &id, &range, &n, error) : mscg_id_parse(word, &id, error)) < 0)
		return NULL;
	if (!n)
		return json_string(mscg_id_format(id, text));
	indices = mscg_ranges_format(range, n);
	return json_sprintf("%u_[%s]", id.job, indices);
}

static json_t *read_ids(const struct cli *cli, char *const *words, bool ranges)
{
	json_t *ids = json_array();

	for (; *words; words++) {
		struct mscg_error error;
		json_t *id = read_id(*words, ranges, &error);

		if (!id) {
			cli_usage(cli, "%s: %s", cli->verb->name, error.text);
			json_decref(ids);
			return NULL;
		}
		json_array_append_new(ids, id);
	}
	return ids;
}

json_t *cli_job_ids(const struct cli *cli, char *const *words)
{
	return read_ids(cli, words, false);
}

json_t *cli_task_ids(const struct cli *cli, char *const *words)
{
	return read_ids(cli, words, true);
}
