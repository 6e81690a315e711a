/* Varlink's envelopes: calls, replies, named errors. */
#include "src/base/base.h"
#include "src/wire/wire.h"

#define INTERFACE "io.mscg"
#define SERVICE   "org.varlink.service"

/* The first row of a name gives its code; the first row of a code gives its name. */
static const struct wire_error_name errors[] = {
	{"Failed", -EREMOTEIO, 1}, /* whatever is not below */
	{"NoSuchJob", -ESRCH, 3},
	{"AlreadyEnded", -EALREADY, 1},
	{"NotPermitted", -EPERM, 5},
	{"NotPermitted", -EACCES, 5},
	{"InvalidArgument", -EINVAL, 2},
	{"InvalidArgument", -ERANGE, 2},
	{"InvalidArgument", -E2BIG, 2},
	{"InvalidArgument", -EMSGSIZE, 2},
	{"InvalidArgument", -ENAMETOOLONG, 2},
	{"Refused", -ENOSPC, 1},
	{"Refused", -EBUSY, 1},
	{"StoreFailed", -EIO, 1},
	{"StoreFailed", -EROFS, 1},
	/* Never on the wire: what a client makes of silence. */
	{"Failed", -ECONNREFUSED, 4},
	{"Failed", -ECONNRESET, 4},
	{"Failed", -ETIMEDOUT, 4},
	{SERVICE ".MethodNotFound", -EOPNOTSUPP, 1},
	{SERVICE ".MethodNotImplemented", -EOPNOTSUPP, 1},
	{SERVICE ".InterfaceNotFound", -EOPNOTSUPP, 1},
	{SERVICE ".InvalidParameter", -EINVAL, 2},
	{SERVICE ".PermissionDenied", -EPERM, 5},
	{SERVICE ".ExpectedMore", -EINVAL, 2},
};

/* The part behind "io.mscg.", or NULL when it is of another interface. */
static const char *own_part(const char *name)
{
	size_t n = sizeof INTERFACE - 1;

	return strncmp(name, INTERFACE ".", n + 1) == 0 && !strchr(name + n + 1, '.') ? name + n + 1 : NULL;
}

const struct wire_error_name *wire_error_by_name(const char *name)
{
	const char *own = own_part(name);

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (streq(errors[i].name, own ? own : name))
			return &errors[i];
	return &errors[0];
}

const struct wire_error_name *wire_error_by_code(int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].code == code)
			return &errors[i];
	return &errors[0];
}

/* A new string "io.mscg.NAME", or NAME itself where it has an interface. */
static json_t *full_name(const char *name)
{
	return strchr(name, '.') ? json_string(name) : json_sprintf(INTERFACE ".%s", name);
}

static json_t *or_empty(json_t *parameters)
{
	return parameters ? parameters : json_object();
}

json_t *wire_call(const char *method, json_t *parameters, bool more)
{
	json_t *message = json_object();

	json_object_set_new(message, "method", full_name(method));
	json_object_set_new(message, "parameters", or_empty(parameters));
	if (more)
		json_object_set_new(message, "more", json_true());
	return message;
}

json_t *wire_reply(json_t *parameters, bool continues)
{
	json_t *message = json_object();

	json_object_set_new(message, "parameters", or_empty(parameters));
	if (continues)
		json_object_set_new(message, "continues", json_true());
	return message;
}

json_t *wire_error_reply(const char *name, const struct mscg_error *error, json_t *extra)
{
	json_t *message = json_object();

	extra = or_empty(extra);
	if (error)
		json_object_set_new(extra, "message", json_string(error->text));
	json_object_set_new(message, "error", full_name(name));
	json_object_set_new(message, "parameters", extra);
	return message;
}

/* parameters of a call or a reply: absent, null, or an object. */
static int get_parameters(const json_t *message, json_t **ret)
{
	json_t *p = json_object_get(message, "parameters");

	if (!p || json_is_null(p)) {
		*ret = NULL;
		return 0;
	}
	if (!json_is_object(p))
		return -EINVAL;
	*ret = p;
	return 0;
}

int wire_request_parse(const json_t *message, struct wire_request *ret, struct mscg_error *error)
{
	static const char *const keys[] = {"method", "parameters", "more", "oneway", "upgrade", NULL};
	struct wire_request request = {0};
	json_t *parameters;
	int r = wire_check_keys(message, keys, error);

	if (r == 0)
		r = wire_need(wire_get_string(message, "method", &request.method, error), "method", error);
	if (r >= 0)
		r = wire_get_bool(message, "more", &request.more, error);
	if (r >= 0)
		r = wire_get_bool(message, "oneway", &request.oneway, error);
	if (r >= 0)
		r = wire_get_bool(message, "upgrade", &request.upgrade, error);
	if (r < 0)
		return r;
	if (get_parameters(message, &parameters) < 0)
		return mscg_error_set(error, -EINVAL, "parameters of '%.60s' are no object", request.method);
	request.parameters = parameters;
	*ret = request;
	return 0;
}

int wire_response_parse(const json_t *message, struct wire_response *ret, struct mscg_error *error)
{
	static const char *const keys[] = {"error", "parameters", "continues", NULL};
	struct wire_response response = {0};
	int r = wire_check_keys(message, keys, error);

	if (r == 0)
		r = wire_get_string(message, "error", &response.error, error);
	if (r >= 0)
		r = wire_get_bool(message, "continues", &response.continues, error);
	if (r >= 0 && get_parameters(message, &response.parameters) < 0)
		r = mscg_error_set(error, -EINVAL, "parameters of a reply are no object");
	if (r < 0) {
		if (error)
			error->code = -EBADMSG;
		return -EBADMSG;
	}
	*ret = response;
	return 0;
}

/* -- org.varlink.service ---------------------------------------------------------------------------------------- */

static json_t *error_with(const char *name, const char *key, const char *value)
{
	json_t *extra = json_object();

	json_object_set_new(extra, key, json_string(value));
	return wire_error_reply(name, NULL, extra);
}

json_t *wire_unknown_method(const char *method)
{
	json_t *extra = json_object();

	json_object_set_new(extra, "method", full_name(method));
	return wire_error_reply(SERVICE ".MethodNotFound", NULL, extra);
}

static json_t *get_info(void)
{
	json_t *info = json_object(), *interfaces = json_array();

	json_array_append_new(interfaces, json_string(SERVICE));
	json_array_append_new(interfaces, json_string(INTERFACE));
	json_object_set_new(info, "vendor", json_string("mscg"));
	json_object_set_new(info, "product", json_string("mscgd"));
	json_object_set_new(info, "version", json_string(MSCG_VERSION));
	json_object_set_new(info, "url", json_string(""));
	json_object_set_new(info, "interfaces", interfaces);
	return wire_reply(info, false);
}

static json_t *get_description(const json_t *parameters)
{
	static const char *const keys[] = {"interface", NULL};
	const char *name = NULL, *text;
	json_t *reply;

	if (wire_check_keys(parameters, keys, NULL) < 0 || wire_get_string(parameters, "interface", &name, NULL) <= 0)
		return error_with(SERVICE ".InvalidParameter", "parameter", "interface");
	if (streq(name, INTERFACE))
		text = wire_interface_description;
	else if (streq(name, SERVICE))
		text = wire_service_description;
	else
		return error_with(SERVICE ".InterfaceNotFound", "interface", name);
	reply = json_object();
	json_object_set_new(reply, "description", json_string(text));
	return wire_reply(reply, false);
}

int wire_service(const struct wire_request *request, const char **ret_method, json_t **ret_reply)
{
	const char *own = own_part(request->method), *dot = strrchr(request->method, '.');

	if (own) {
		*ret_method = own;
		return 0;
	}
	if (streq(request->method, SERVICE ".GetInfo")) {
		*ret_reply = get_info();
	} else if (streq(request->method, SERVICE ".GetInterfaceDescription")) {
		*ret_reply = get_description(request->parameters);
	} else if (strncmp(request->method, SERVICE ".", sizeof SERVICE) == 0) {
		*ret_reply = wire_unknown_method(request->method);
	} else {
		_cleanup_free_ char *interface = xstrndup(request->method, dot ? (size_t)(dot - request->method) : 0);

		*ret_reply = error_with(SERVICE ".InterfaceNotFound", "interface", interface);
	}
	return 1;
}
