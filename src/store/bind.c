/* Members to parameters and result columns to members, with the checksum of the row on the way. */
#include "src/store/column.h"

uint64_t sum_bytes(const void *data, size_t size)
{
	const unsigned char *p = data;
	uint64_t sum = sum_mix(size, 0), word;
	for (; size >= sizeof(word); p += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum = sum_mix(sum, word);
	}
	word = 0;
	if (size)
		memcpy(&word, p, size);
	return sum_mix(sum, word);
}

static void out_checked(struct out *out, int rc)
{
	if (rc != SQLITE_OK && out->rc == SQLITE_OK)
		out->rc = rc;
}

void out_null(struct out *out)
{
	out_checked(out, sqlite3_bind_null(out->stmt, ++out->at));
}

void out_int(struct out *out, int64_t value)
{
	out_checked(out, sqlite3_bind_int64(out->stmt, ++out->at, value));
	out->sum += sum_mix((uint64_t)out->at, (uint64_t)value);
}

void out_text(struct out *out, const char *text, size_t size)
{
	if (!text) {
		out_null(out);
		return;
	}
	out_checked(out, sqlite3_bind_text64(out->stmt, ++out->at, text, size, SQLITE_STATIC, SQLITE_UTF8));
	out->sum += sum_mix((uint64_t)out->at, sum_bytes(text, size));
}

void out_blob(struct out *out, const void *data, size_t size)
{
	/* a blob of no bytes is not NULL */
	out_checked(out, sqlite3_bind_blob64(out->stmt, ++out->at, size ? data : "", size, SQLITE_STATIC));
	out->sum += sum_mix((uint64_t)out->at, sum_bytes(data, size));
}

void out_sum(struct out *out)
{
	out_checked(out, sqlite3_bind_int64(out->stmt, ++out->at, (int64_t)out->sum));
}

void out_columns(struct out *out, const struct columns *columns, const void *base)
{
	for (unsigned i = 0; i < columns->n; i++) {
		const struct column *c = &columns->column[i];
		if (column_is_text(c)) {
			size_t size;
			const char *text = column_get_text(c, base, &size);
			out_text(out, text, size);
		} else {
			out_int(out, column_get_int(c, base));
		}
	}
}

int64_t in_int(struct in *in, int64_t when_null)
{
	int at = in->at++;
	if (sqlite3_column_type(in->stmt, at) == SQLITE_NULL)
		return when_null;
	int64_t value = sqlite3_column_int64(in->stmt, at);
	in->sum += sum_mix((uint64_t)in->at, (uint64_t)value);
	return value;
}

const char *in_text(struct in *in, size_t *ret_size)
{
	int at = in->at++;
	*ret_size = 0;
	if (sqlite3_column_type(in->stmt, at) == SQLITE_NULL)
		return NULL;
	const char *text = sqlite3_column_blob(in->stmt, at);
	*ret_size = (size_t)sqlite3_column_bytes(in->stmt, at);
	in->sum += sum_mix((uint64_t)in->at, sum_bytes(text, *ret_size));
	return text ? text : ""; /* SQLite says NULL for no bytes */
}

void in_columns(struct in *in, const struct columns *columns, void *base)
{
	for (unsigned i = 0; i < columns->n; i++) {
		const struct column *c = &columns->column[i];
		if (column_is_text(c)) {
			size_t size;
			const char *text = in_text(in, &size);
			column_set_text(c, base, text, size);
		} else {
			column_set_int(c, base, in_int(in, 0));
		}
	}
}

bool in_sum_matches(struct in *in)
{
	return sqlite3_column_type(in->stmt, in->at) == SQLITE_INTEGER &&
	       (uint64_t)sqlite3_column_int64(in->stmt, in->at) == in->sum;
}
