#include "src/base/base.h"
#include "src/base/parse.h"
#include "src/base/scan.h"

#include <mscg/job.h>
#include <signal.h>
#include <strings.h>

/* The kernel's last signal; NSIG of the C library is one more. */
#define SIGNAL_MAX 64

#define NAMED(X) \
	X(HUP) X(INT) X(QUIT) X(ILL) X(TRAP) X(ABRT) X(BUS) X(FPE) X(KILL) X(USR1) X(SEGV) X(USR2) X(PIPE) X(ALRM) \
	X(TERM) X(STKFLT) X(CHLD) X(CONT) X(STOP) X(TSTP) X(TTIN) X(TTOU) X(URG) X(XCPU) X(XFSZ) X(VTALRM) X(PROF) \
	X(WINCH) X(IO) X(PWR) X(SYS)
#define NUMBERED(X) \
	X(32) X(33) X(34) X(35) X(36) X(37) X(38) X(39) X(40) X(41) X(42) X(43) X(44) X(45) X(46) X(47) X(48) X(49) \
	X(50) X(51) X(52) X(53) X(54) X(55) X(56) X(57) X(58) X(59) X(60) X(61) X(62) X(63) X(64)

static const char *const names[SIGNAL_MAX + 1] = {
#define X(name) [SIG##name] = "SIG" #name,
	NAMED(X)
#undef X
#define X(number) [number] = "SIG" #number,
	NUMBERED(X)
#undef X
};

const char *signal_name(int sig)
{
	return sig > 0 && sig <= SIGNAL_MAX && names[sig] ? names[sig] : "SIG?";
}

/* "RTMIN", "RTMIN+3", "RTMAX-1"; 0 when it is none of them. */
static int realtime_signal(const char *word)
{
	bool max = strncasecmp(word, "RTMAX", 5) == 0;
	const char *p = word + 5;
	uint64_t n = 0;

	if (!max && strncasecmp(word, "RTMIN", 5) != 0)
		return 0;
	if (*p) {
		if (*p++ != (max ? '-' : '+') || scan_u64(&p, &n) < 0 || *p || n > (uint64_t)(SIGRTMAX - SIGRTMIN))
			return 0;
	}
	return max ? SIGRTMAX - (int)n : SIGRTMIN + (int)n;
}

static int find_signal(const char *text)
{
	static const struct {
		const char *word;
		int sig;
	} aliases[] = {{"CLD", SIGCHLD}, {"IOT", SIGABRT}, {"POLL", SIGIO}};
	const char *p = text;
	uint64_t n;

	if (scan_u64(&p, &n) == 0)
		return *p == '\0' && n <= SIGNAL_MAX ? (int)n : 0;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int i = 1; i <= SIGNAL_MAX; i++)
		if (names[i] && strcasecmp(names[i] + 3, text) == 0)
			return i;
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (strcasecmp(aliases[i].word, text) == 0)
			return aliases[i].sig;
	return realtime_signal(text);
}

int mscg_warn_parse(const char *text, struct mscg_warn *ret, struct mscg_error *error)
{
	struct mscg_warn warn = {.before_s = 60, .main_only = strncasecmp(text, "B:", 2) == 0};
	const char *name = text + (warn.main_only ? 2 : 0), *at = strchr(name, '@'), *p = at ? at + 1 : NULL;
	_cleanup_free_ char *word = xstrndup(name, at ? (size_t)(at - name) : strlen(name));
	uint64_t seconds = warn.before_s;

	warn.signal = find_signal(word);
	if (!warn.signal || warn.signal == SIGKILL || warn.signal == SIGSTOP)
		return mscg_error_set(error, -EINVAL, "invalid signal '%.60s': expected [B:]SIGNAL[@SECONDS] such as USR1@120 or B:TERM@60%s", text,
		                      warn.signal ? ", and one that can be caught" : "");
	if (at && (scan_u64(&p, &seconds) < 0 || *p || !seconds || seconds > MSCG_WARN_MAX_S))
		return mscg_error_set(error, -EINVAL, "invalid time in signal '%.60s': expected 1 to %u seconds behind the @", text, MSCG_WARN_MAX_S);
	warn.before_s = (uint32_t)seconds;
	*ret = warn;
	return 0;
}

int parse_signal(const char *text, int *ret, struct mscg_error *error)
{
	int sig = find_signal(text);

	if (sig == 0)
		return mscg_error_set(error, -EINVAL,
		                      "unknown signal '%.60s': expected a name such as TERM or USR1, or a number from 1 to %d",
		                      text, SIGNAL_MAX);
	*ret = sig;
	return 0;
}
