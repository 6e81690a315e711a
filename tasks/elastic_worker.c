/* elastic_worker: pi by the midpoint rule, on as many threads as the job has CPUs at the moment.
 *
 * What an elastic program in C looks like with <mscg/control.h>: the main thread waits on the control file's descriptor
 * and on SIGUSR1, and starts or ends threads. A thread takes one chunk after the other; one that is too many ends after
 * the chunk it is at. Each chunk's sum has a place of its own, so the result is the same with any number of threads.
 *
 * CHUNKS and STEPS (environment), or --chunks and --steps: how many chunks, and steps in each.
 * Build: cc -O2 elastic_worker.c -lmscg -lpthread -lm
 */
#include <mscg/control.h>

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 1024

static struct {
	uint64_t         chunks, steps;
	double          *sums;      /* one for each chunk */
	atomic_uint_fast64_t next, done;
	atomic_int       wanted;    /* threads with this number or a higher one end */
	int              wake;      /* eventfd: a signal came, or another tenth is done */
} work;

static pthread_t threads[MAX_THREADS];
static int       running; /* threads that were started and not joined */

static void wake_up(void)
{
	uint64_t one = 1;

	/* Fails only when the count is full: it wakes all the same. */
	if (write(work.wake, &one, sizeof one) < 0)
		return;
}

static void on_signal(int number)
{
	int kept = errno;

	(void)number;
	wake_up();
	errno = kept;
}

static double chunk_sum(uint64_t chunk)
{
	double width = 1.0 / ((double)work.chunks * (double)work.steps), sum = 0;
	double first = (double)chunk * (double)work.steps + 0.5;

	for (uint64_t i = 0; i < work.steps; i++) {
		double x = (first + (double)i) * width;

		sum += 4 / (1 + x * x);
	}
	return sum * width;
}

static void *thread_main(void *data)
{
	int number = (int)(intptr_t)data;

	while (number < atomic_load(&work.wanted)) {
		uint64_t chunk = atomic_fetch_add(&work.next, 1), done;

		if (chunk >= work.chunks)
			break;
		work.sums[chunk] = chunk_sum(chunk);
		done = atomic_fetch_add(&work.done, 1) + 1;
		if (done == work.chunks || done * 10 / work.chunks != (done - 1) * 10 / work.chunks)
			wake_up();
	}
	return NULL;
}

/* Runs exactly so many threads, fewer where no more can be had; those that end are waited for, at most a chunk long. */
static void set_threads(int count)
{
	if (count > MAX_THREADS)
		count = MAX_THREADS;
	atomic_store(&work.wanted, count);
	while (running > count)
		(void)pthread_join(threads[--running], NULL);
	while (running < count) {
		int error = pthread_create(&threads[running], NULL, thread_main, (void *)(intptr_t)running);

		if (error) {
			fprintf(stderr, "elastic_worker: thread %d: %s\n", running + 1, strerror(error));
			if (running == 0)
				exit(1);
			atomic_store(&work.wanted, running);
			return;
		}
		running++;
	}
}

static double clock_of(clockid_t id)
{
	struct timespec now = { 0 };

	(void)clock_gettime(id, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Goes by what the control file says now. True if the number of threads changed. */
static bool follow(struct mscg_control *control)
{
	struct mscg_control_state state = { 0 };
	int before = running, wanted;
	double age = -1;

	/* An error here is a file that went away with its job, or that somebody broke: what we have stays. */
	if (!control || mscg_control_read(control, &state) < 0 || state.cpus == 0)
		return false;
	wanted = state.cpus > MAX_THREADS ? MAX_THREADS : (int)state.cpus;
	if (wanted == atomic_load(&work.wanted))
		return false;
	set_threads(wanted);
	if (running == before)
		return false; /* no more threads to be had */
	if (state.scale_event > 0)
		age = clock_of(CLOCK_REALTIME) - state.scale_event;
	if (age >= 0 && age < 3600)
		printf("scaled %d -> %d threads after %.0f ms\n", before, running, age * 1000);
	else
		printf("scaled %d -> %d threads\n", before, running);
	return true;
}

static void usage_error(const char *name, const char *text)
{
	fprintf(stderr, "elastic_worker: %s=%s: must be a whole number of 1 to 1000000000\n", name, text);
	exit(2);
}

static uint64_t number_of(const char *name, const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < 1 || value > 1000000000)
		usage_error(name, text);
	return value;
}

static void read_settings(int argc, char **argv)
{
	const char *text;

	work.chunks = (text = getenv("CHUNKS")) && *text ? number_of("CHUNKS", text) : 10000;
	work.steps = (text = getenv("STEPS")) && *text ? number_of("STEPS", text) : 1000000;
	for (int i = 1; i < argc; i += 2) {
		if (!strcmp(argv[i], "--chunks") && argv[i + 1]) {
			work.chunks = number_of("--chunks", argv[i + 1]);
		} else if (!strcmp(argv[i], "--steps") && argv[i + 1]) {
			work.steps = number_of("--steps", argv[i + 1]);
		} else {
			fprintf(stderr, "elastic_worker: %s: must be --chunks N or --steps N\n", argv[i]);
			exit(2);
		}
	}
}

/* Waits for the end and follows the control file meanwhile. The number of resizes. */
static int supervise(struct mscg_control *control)
{
	struct pollfd fds[2] = {
		{ .fd = work.wake, .events = POLLIN },
		{ .fd = control ? mscg_control_fd(control) : -1, .events = POLLIN }, /* poll skips a negative one */
	};
	double last = clock_of(CLOCK_MONOTONIC);
	uint64_t counted = 0, done;
	int resizes = 0;

	while ((done = atomic_load(&work.done)) < work.chunks) {
		if (done * 10 / work.chunks != counted * 10 / work.chunks) {
			double now = clock_of(CLOCK_MONOTONIC);

			printf("%3d%% with %d threads: %.1f million steps/s\n", (int)(done * 100 / work.chunks), running,
			       (double)(done - counted) * (double)work.steps / (now - last) / 1e6);
			counted = done;
			last = now;
		}
		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			fprintf(stderr, "elastic_worker: poll: %s\n", strerror(errno));
			exit(1);
		}
		if (fds[0].revents) {
			uint64_t count;

			if (read(work.wake, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
				exit(1);
		}
		resizes += follow(control);
	}
	return resizes;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct mscg_control *control = NULL;
	double started = clock_of(CLOCK_MONOTONIC), pi = 0, error, bound;
	int resizes;
	bool ok;

	work.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (work.wake < 0 || sigaction(SIGUSR1, &action, NULL) < 0) {
		perror("elastic_worker");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	read_settings(argc, argv);
	work.sums = calloc(work.chunks, sizeof *work.sums);
	if (!work.sums) {
		perror("elastic_worker");
		return 1;
	}
	if (mscg_control_open(&control, NULL) < 0)
		control = NULL;
	set_threads(mscg_control_cpus(control));
	printf("elastic_worker: %llu chunks of %llu steps, %d threads from the %s\n", (unsigned long long)work.chunks,
	       (unsigned long long)work.steps, running, control ? "control file" : "CPU affinity");

	resizes = supervise(control);
	set_threads(0);
	mscg_control_close(control);
	for (uint64_t i = 0; i < work.chunks; i++)
		pi += work.sums[i];
	free(work.sums);

	/* The rule's own error is (width of a step)^2 / 6, the rest is rounding. */
	error = fabs(pi - M_PI);
	bound = 1 / pow((double)work.chunks * (double)work.steps, 2) + 1e-10;
	ok = error <= bound;
	printf("RESULT elastic_worker chunks=%llu steps=%llu resizes=%d pi=%.12f error=%.1e seconds=%.2f %s\n",
	       (unsigned long long)work.chunks, (unsigned long long)work.steps, resizes, pi, error,
	       clock_of(CLOCK_MONOTONIC) - started, ok ? "ok" : "FAILED");
	return ok ? 0 : 1;
}
