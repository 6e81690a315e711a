/* libFuzzer: whatever a stranger writes to the socket. The first byte cuts the rest into the pieces in which it arrives.
 * Build with clang -fsanitize=fuzzer,address,undefined and everything of src/wire and src/base; corpus/wire has seeds.
 */
#include "src/base/base.h"
#include "src/wire/wire.h"

#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const json_t *message)
{
	const json_t *p = json_object_get(message, "parameters");
	struct mscg_spec **specs;
	struct wire_request request;
	struct wire_response response;
	struct mscg_usage usage;
	struct mscg_event event;
	struct mscg_error e = {0};
	json_t *reply = NULL;
	const char *method;
	uint32_t n;

	if (wire_request_parse(message, &request, &e) == 0 && wire_service(&request, &method, &reply))
		json_decref(reply);
	wire_response_parse(message, &response, &e);
	if (wire_event_parse(p, &event, &e) == 0) {
		json_decref(wire_event_json(&event));
		mscg_event_clear(&event);
	}
	wire_usage_parse(p, &usage, &e);
	if (wire_submit_parse(p, &specs, &n, &e) < 0)
		return;
	/* What was accepted can be said again, and is accepted again. */
	json_t *again = wire_submit_build(specs, n, &e);
	wire_specs_free(specs, n);
	if (!again || wire_submit_parse(again, &specs, &n, &e) < 0)
		__builtin_trap();
	for (uint32_t i = 0; i < n; i++)
		free(wire_command_line(specs[i]));
	wire_specs_free(specs, n);
	json_decref(again);
}

static void feed(struct wire_conn *conn)
{
	struct mscg_error e = {0};
	json_t *message;
	int r;

	do {
		r = wire_conn_read(conn);
		while (r == 1 && (r = wire_conn_next(conn, &message, &e)) == 1) {
			read_all(message);
			json_decref(message);
		}
	} while (r == 0 && wire_conn_read(conn) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_conn *conn;
	size_t piece;
	int pair[2];

	if (size < 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	piece = data[0] < 128 ? 65536 : (size_t)data[0] - 127;
	conn = wire_conn_new(pair[0]);
	for (size_t at = 1; at < size; at += piece) {
		if (send(pair[1], data + at, MIN_OF(piece, size - at), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		feed(conn);
	}
	wire_conn_free(conn);
	close(pair[1]);
	return 0;
}
