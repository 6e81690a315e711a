/* The slot file, and the bytes of a START: what is made, and what is refused. */
#include "test_runner.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include "src/runner/message.h"

static char boot[BOOT_ID_SIZE];
static int  dir_fd;

static int setup(void **state)
{
	int r = world_make(state);
	dir_fd = open(w.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return r < 0 || dir_fd < 0 || slot_boot_id(boot, NULL) < 0 ? -1 : 0;
}

static void transitions(void **state)
{
	(void)state;
	struct slot slot = { 0 };
	struct runner_slot_info info;
	struct mscg_id id = { .job = 7, .task = 3 };
	assert_int_equal(slot_state(&slot), RUNNER_FREE);
	assert_int_equal(slot_arm(&slot, id, 2, 1000, 99, false, false), 1);
	assert_int_equal(slot_arm(&slot, id, 2, 1000, 99, false, false), 0); /* it is not free */
	slot_info(&slot, 5, &info);
	assert_int_equal(info.state, RUNNER_ARMED);
	assert_int_equal(info.slot, 5);
	assert_int_equal(info.id.job, 7);
	assert_int_equal(info.id.task, 3);
	assert_int_equal(info.attempt, 2);
	assert_int_equal(info.uid, 1000);
	assert_int_equal(info.cgroup_id, 99);

	assert_false(slot_swap(&slot, 2, RUNNER_ARMED, RUNNER_CLONING)); /* of another generation */
	assert_false(slot_swap(&slot, 1, RUNNER_CLONING, RUNNER_RUNNING));
	assert_true(slot_swap(&slot, 1, RUNNER_ARMED, RUNNER_CLONING));
	assert_false(slot_swap(&slot, 1, RUNNER_ARMED, RUNNER_REVOKED)); /* too late */
	slot.pid = 123; /* half written: not shown yet */
	slot_info(&slot, 5, &info);
	assert_int_equal(info.pid, 0);
	slot.started_sum = slot_started_sum(&slot, 1);
	assert_true(slot_swap(&slot, 1, RUNNER_CLONING, RUNNER_RUNNING));
	slot.wait_status = 9;
	slot_info(&slot, 5, &info);
	assert_int_equal(info.pid, 123);
	assert_int_equal(info.wait_status, 0);
	slot.ended_sum = slot_ended_sum(&slot, 1);
	assert_true(slot_swap(&slot, 1, RUNNER_RUNNING, RUNNER_EXITED));
	slot_info(&slot, 5, &info);
	assert_int_equal(info.wait_status, 9);
	assert_true(slot_swap(&slot, 1, RUNNER_EXITED, RUNNER_FREE));

	/* The next launch of the slot has nothing of this one. */
	atomic_store(&slot.errno_value, 5);
	assert_int_equal(slot_arm(&slot, id, 3, 1000, 100, false, false), 2);
	slot_info(&slot, 5, &info);
	assert_int_equal(info.errno_value, 0);
	assert_int_equal(slot.pid, 0);
	assert_int_equal(slot.wait_status, 0);
}

static void gates(void **state)
{
	(void)state;
	struct slot slot = { 0 };
	struct mscg_id id = { .job = 7, .task = MSCG_NO_TASK };

	assert_int_equal(slot_arm(&slot, id, 1, 1000, 99, false, false), 1);
	assert_int_equal(slot.gate, SLOT_GATE_OPEN);
	assert_false(slot_set_gate(&slot, SLOT_GATE_SHUT)); /* was never held */
	for (int opened = 0; opened < 2; opened++) {
		assert_true(slot_swap(&slot, slot_generation(&slot), RUNNER_ARMED, RUNNER_FREE));
		assert_int_not_equal(slot_arm(&slot, id, 1, 1000, 99, false, true), 0);
		assert_int_equal(slot.gate, SLOT_GATE_HELD);
		assert_true(slot_set_gate(&slot, opened ? SLOT_GATE_OPEN : SLOT_GATE_SHUT));
		assert_false(slot_set_gate(&slot, opened ? SLOT_GATE_SHUT : SLOT_GATE_OPEN)); /* once and for all */
		assert_int_equal(slot.gate, opened ? SLOT_GATE_OPEN : SLOT_GATE_SHUT);
	}
}

/* No bit of a slot in use can change unnoticed, but for what the child notes on its way and what is never read. */
static void damage(void **state)
{
	(void)state;
	struct slot whole = { 0 };
	struct runner_slot_info info;
	struct mscg_id id = { .job = 7, .task = MSCG_NO_TASK };
	unsigned char *bytes = (unsigned char *)&whole;

	slot_arm(&whole, id, 1, 1000, 99, false, false);
	slot_swap(&whole, 1, RUNNER_ARMED, RUNNER_CLONING);
	whole.pid         = 123;
	whole.started_sum = slot_started_sum(&whole, 1);
	slot_swap(&whole, 1, RUNNER_CLONING, RUNNER_RUNNING);
	whole.wait_status = 3;
	whole.ended_sum   = slot_ended_sum(&whole, 1);
	slot_swap(&whole, 1, RUNNER_RUNNING, RUNNER_EXITED);
	slot_info(&whole, 0, &info);
	assert_int_equal(info.state, RUNNER_EXITED);
	for (size_t bit = 0; bit < offsetof(struct slot, reserved) * 8; bit++) {
		size_t byte = bit / 8;
		bool noted = byte >= offsetof(struct slot, stage) && byte < offsetof(struct slot, pid); /* and supervisor_pid */

		bytes[byte] ^= (unsigned char)(1 << bit % 8);
		slot_info(&whole, 0, &info);
		if (info.state != (noted ? RUNNER_EXITED : RUNNER_DAMAGED))
			fail_msg("bit %zu of byte %zu: state %d", bit % 8, byte, info.state);
		bytes[byte] ^= (unsigned char)(1 << bit % 8);
	}
}

static void stage_texts(void **state)
{
	(void)state;
	for (int i = 0; i < RUNNER_STAGE_COUNT; i++)
		assert_true(strlen(runner_stage_text((enum runner_stage)i)) > 1);
	assert_string_equal(runner_stage_text(RUNNER_STAGE_EXEC), "exec");
	assert_string_equal(runner_stage_text(RUNNER_STAGE_COUNT), "?");
}

static void make_and_open(void **state)
{
	(void)state;
	struct slot_file file = SLOT_FILE_NONE, again = SLOT_FILE_NONE;
	struct mscg_error error = { 0 };
	struct stat st;
	assert_int_equal(slot_file_open(&file, dir_fd, boot, &error), -ENOENT);
	assert_int_equal(slot_file_make(&file, dir_fd, 0, boot, &error), -EINVAL);
	assert_int_equal(slot_file_make(&file, dir_fd, SLOTS_MAX + 1, boot, &error), -EINVAL);
	assert_int_equal(slot_file_make(&file, dir_fd, 100, boot, &error), 0);
	assert_int_equal(fstat(file.fd, &st), 0);
	assert_int_equal(st.st_size, 101 * SLOT_SIZE);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_blocks * 512 >= st.st_size); /* allocated: no SIGBUS later */
	assert_int_equal((uintptr_t)file.slots % 64, 0);
	assert_int_equal(slot_arm(&file.slots[99], (struct mscg_id){ 1, 2 }, 1, 0, 3, false, false), 1);

	assert_int_equal(slot_file_open(&again, dir_fd, boot, &error), 0);
	assert_int_equal(again.n, 100);
	assert_string_equal(again.header->boot_id, boot);
	assert_int_equal(slot_state(&again.slots[99]), RUNNER_ARMED);
	assert_true(slot_swap(&again.slots[99], 1, RUNNER_ARMED, RUNNER_REVOKED));
	assert_int_equal(slot_state(&file.slots[99]), RUNNER_REVOKED); /* the same memory */
	slot_file_close(&again);
	slot_file_close(&file);
	assert_int_equal(file.fd, -1);
}

/* Changes one word of the header and says what opening makes of it. */
static int open_changed(size_t offset, uint32_t value, const char *boot_id, char *text, size_t size)
{
	struct slot_file file = SLOT_FILE_NONE;
	struct mscg_error error = { 0 };
	assert_int_equal(slot_file_make(&file, dir_fd, 4, boot_id, NULL), 0);
	assert_int_equal(pwrite(file.fd, &value, sizeof value, (off_t)offset), sizeof value);
	slot_file_close(&file);
	int r = slot_file_open(&file, dir_fd, boot, &error);
	snprintf(text, size, "%s", error.text);
	slot_file_close(&file);
	return r;
}

static void files_refused(void **state)
{
	(void)state;
	char text[256];
	struct slot_file file = SLOT_FILE_NONE;
	struct mscg_error error = { 0 };
	_cleanup_free_ char *path = file_in(SLOT_FILE);
	assert_int_equal(open_changed(offsetof(struct slot_header, slots), 4, boot, text, sizeof text), 0);
	assert_int_equal(open_changed(offsetof(struct slot_header, magic), 1, boot, text, sizeof text), -EBADMSG);
	assert_int_equal(open_changed(offsetof(struct slot_header, version), 77, boot, text, sizeof text), -EPROTONOSUPPORT);
	assert_non_null(strstr(text, "version 77"));
	assert_non_null(strstr(text, "version 2"));
	assert_int_equal(open_changed(offsetof(struct slot_header, version), 77, "another-boot", text, sizeof text), -ESTALE);
	assert_int_equal(open_changed(offsetof(struct slot_header, slots), 5, boot, text, sizeof text), -EBADMSG);
	assert_int_equal(open_changed(offsetof(struct slot_header, slots), 0, boot, text, sizeof text), -EBADMSG);
	assert_int_equal(open_changed(offsetof(struct slot_header, slots), UINT32_MAX, boot, text, sizeof text), -EBADMSG);
	assert_int_equal(open_changed(offsetof(struct slot_header, slot_size), 128, boot, text, sizeof text), -EBADMSG);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(slot_file_open(&file, dir_fd, boot, &error), -EBADMSG);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(slot_file_open(&file, dir_fd, boot, &error), -EBADMSG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(slot_file_open(&file, dir_fd, boot, &error), -ELOOP);
	assert_int_equal(unlink(path), 0);
	/* A name that somebody left in the way of the temporary file. */
	_cleanup_free_ char *temporary = file_in(SLOT_FILE ".new"), *canary = file_in("canary");
	write_text(canary, "alive");
	assert_int_equal(symlink(canary, temporary), 0);
	assert_int_equal(slot_file_make(&file, dir_fd, 4, boot, &error), 0);
	slot_file_close(&file);
	_cleanup_free_ char *still = text_of(canary);
	assert_string_equal(still, "alive");
}

static void on_found(const struct runner_slot_info *info, void *ctx)
{
	struct runner_slot_info *found = ctx;
	assert_true(info->slot < 8);
	found[info->slot] = *info;
}

/* What was there before a reboot is told once: ends are known, nothing else runs, nothing is connected to. */
static void other_boot(void **state)
{
	(void)state;
	struct slot_file file = SLOT_FILE_NONE;
	struct mscg_error error = { 0 };
	struct runner_slot_info found[8] = { 0 };
	struct runner_stats stats;
	struct job j;
	assert_int_equal(mkdir(w.runtime, 0700), 0);
	_cleanup_close_ int runtime = open(w.runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(slot_file_make(&file, runtime, 8, "01234567-another-boot", NULL), 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(slot_arm(&file.slots[i], (struct mscg_id){ 10 + i, MSCG_NO_TASK }, 1, 1000, 5, false, false), 1);
	file.slots[1].started_sum = slot_started_sum(&file.slots[1], 1);
	slot_swap(&file.slots[1], 1, RUNNER_ARMED, RUNNER_RUNNING);
	slot_swap(&file.slots[2], 1, RUNNER_ARMED, RUNNER_CLONING);
	file.slots[3].wait_code   = CLD_EXITED;
	file.slots[3].wait_status = 12;
	file.slots[3].started_sum = slot_started_sum(&file.slots[3], 1);
	file.slots[3].ended_sum   = slot_ended_sum(&file.slots[3], 1);
	slot_swap(&file.slots[3], 1, RUNNER_ARMED, RUNNER_EXITED);
	slot_file_close(&file);

	job_make(&j);
	job_shell(&j, "exit 3");
	assert_int_equal(open_runner(&w.runner, 6, 0, &error), 0);
	assert_int_equal(runner_launch(w.runner, &j.launch, &j.slot, &error), -EBUSY); /* first things first */
	assert_int_equal(runner_signal(w.runner, 1, SIGTERM), -ENOTCONN);
	runner_free_slot(w.runner, 1);
	/* The daemon that was to adopt died: the file is there for the next one. */
	runner_close(steal(&w.runner));
	assert_int_equal(open_runner(&w.runner, 6, 0, &error), 0);
	assert_int_equal(runner_adopt(w.runner, on_found, found), 0);
	static const enum runner_slot_state expect[] = { RUNNER_REVOKED, RUNNER_RUNNING, RUNNER_CLONING, RUNNER_EXITED };
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(found[i].state, expect[i]);
		assert_int_equal(found[i].id.job, 10 + i);
		assert_true(found[i].other_boot);
		assert_false(found[i].supervised);
	}
	assert_int_equal(found[3].wait_status, 12);
	runner_get_stats(w.runner, &stats);
	assert_int_equal(stats.slots, 6);
	assert_int_equal(stats.used, 0);
	job_run(&j);
	assert_exit(&j, 3);
	runner_close(steal(&w.runner));
}

/* The number of slots is the file's while one is in use. */
static void slots_kept(void **state)
{
	(void)state;
	struct runner_stats stats;
	struct runner_slot_info found[8] = { 0 };
	struct job j;
	start_runner(6, 0);
	job_make(&j);
	job_shell(&j, "exit 0");
	job_launch(&j);
	job_wait(&j);
	runner_close(steal(&w.runner));
	assert_int_equal(open_runner(&w.runner, 9, 0, NULL), 0);
	assert_int_equal(runner_adopt(w.runner, on_found, found), 0);
	runner_get_stats(w.runner, &stats);
	assert_int_equal(stats.slots, 6);
	assert_int_equal(stats.used, 1);
	job_free(&j);
	runner_close(steal(&w.runner));
	start_runner(9, 0);
	runner_get_stats(w.runner, &stats);
	assert_int_equal(stats.slots, 9);
	runner_close(steal(&w.runner));
}

static void directories_refused(void **state)
{
	(void)state;
	struct mscg_error error = { 0 };
	struct runner *r = NULL;
	assert_int_equal(chmod(w.runtime, 0770), 0);
	assert_int_equal(open_runner(&r, 4, 0, &error), -EPERM);
	assert_non_null(strstr(error.text, "0770"));
	assert_int_equal(chmod(w.runtime, 0700), 0);
	assert_int_equal(chown(w.runtime, 1000, 0), 0);
	assert_int_equal(open_runner(&r, 4, 0, &error), -EPERM);
	assert_int_equal(chown(w.runtime, 0, 0), 0);
	struct runner_config config = { .runtime_dir = w.runtime, .supervisor_path = "/nonexistent/mscg-supervise",
		                        .supervisors_cgroup_fd = w.supervisors_fd, .slots = 4 };
	assert_int_equal(runner_open(&r, &config, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent/mscg-supervise"));
	config.supervisor_path       = NULL; /* found beside us: two directories up, as tests are */
	config.supervisors_cgroup_fd = -1;
	r = NULL;
	int result = runner_open(&r, &config, &error);
	assert_true(result == 0 || result == -ENOENT);
	runner_close(r);
	config.runtime_dir = "/nonexistent/runtime";
	config.supervisor_path = "/bin/true";
	assert_int_equal(runner_open(&r, &config, &error), -ENOENT);
}

/* -- START ---------------------------------------------------------------------------------------------------------- */

static struct start_pack pack;

static void pack_and_read(void **state)
{
	(void)state;
	char *argv[] = { (char *)"prog", (char *)"", (char *)"x", NULL };
	char *env[]  = { (char *)"PATH=/a:/b", (char *)"E=", NULL };
	const uint32_t groups[] = { 5, 6, 7 };
	struct runner_launch launch = RUNNER_LAUNCH_INIT;
	struct start_view    view;
	launch.cgroup_fd  = 0;
	launch.exec_path  = "prog";
	launch.argv       = argv;
	launch.env        = env;
	launch.groups     = groups;
	launch.ngroups    = 3;
	launch.stdout_path = launch.stderr_path = "/out";
	launch.uid = 1000, launch.gid = 100, launch.umask_ = 01077, launch.nice_ = -3;
	assert_int_equal(start_pack(&pack, &launch, 12, 34, NULL), 0);
	assert_true(message_valid(pack.packet, pack.size));
	const struct message_start *start = (const void *)pack.packet;
	assert_int_equal(start->h.slot, 12);
	assert_int_equal(start->h.generation, 34);
	size_t size = pack.size - sizeof *start;
	assert_int_equal(start_read(&view, start, start + 1, size), 0);
	assert_memory_equal(view.groups, groups, sizeof groups);
	assert_string_equal(view.text[START_STRING_EXEC], "prog");
	assert_string_equal(view.text[START_STRING_PATH], "/a:/b");
	assert_string_equal(view.text[START_STRING_STDERR], "/out");
	assert_null(view.text[START_STRING_WORKDIR]);
	assert_memory_equal(view.argv, "prog\0\0x", 8);
	assert_memory_equal(view.env, "PATH=/a:/b\0E=", 14);
	assert_int_equal(start->umask_, 077);
	assert_int_equal(start->nice_, -3);
	assert_int_equal(start->flags, START_SHARE_STDERR);

	/* Anything cut, or with something behind it, is refused; so is a count that promises more. */
	char *copy = xmalloc(pack.size + 1);
	for (size_t cut = 0; cut < size; cut++) {
		memcpy(copy, pack.packet, pack.size);
		struct message_start *s = (void *)copy;
		s->payload = (uint32_t)cut;
		assert_int_equal(start_read(&view, s, s + 1, cut), -EBADMSG);
	}
	memcpy(copy, pack.packet, pack.size);
	struct message_start *s = (void *)copy;
	copy[pack.size] = 0;
	s->payload = (uint32_t)size + 1;
	assert_int_equal(start_read(&view, s, s + 1, size + 1), -EBADMSG);
	static const size_t counts[] = { offsetof(struct message_start, groups), offsetof(struct message_start, argc),
		                         offsetof(struct message_start, envc), offsetof(struct message_start, present),
		                         offsetof(struct message_start, payload) };
	static const uint32_t wrong[] = { 1000, 0x40000000, 0x7fffffff, UINT32_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		for (size_t k = 0; k < ARRAY_SIZE(wrong); k++) {
			memcpy(copy, pack.packet, pack.size);
			memcpy(copy + counts[i], &wrong[k], sizeof wrong[k]);
			assert_int_equal(start_read(&view, s, s + 1, size), -EBADMSG);
		}
	/* Bytes at random: never a read outside (the sanitizer watches), never an endless loop. */
	srandom(2);
	for (int round = 0; round < 20000; round++) {
		memcpy(copy, pack.packet, pack.size);
		for (int k = 0; k < 4; k++)
			copy[sizeof(struct message_header) + (size_t)random() % (pack.size - sizeof(struct message_header))] =
			    (char)random();
		start_read(&view, s, s + 1, size);
	}
	free(copy);
	start_pack_clear(&pack);
}

static void large(void **state)
{
	(void)state;
	char *argv[] = { (char *)"prog", NULL, NULL };
	struct runner_launch launch = RUNNER_LAUNCH_INIT;
	struct mscg_error error = { 0 };
	struct start_view view;
	launch.cgroup_fd = 0;
	launch.exec_path = "prog";
	launch.argv      = argv;
	/* Around the size of a packet: inline up to it, sealed memfd above. */
	for (size_t size = MESSAGE_MAX - 200; size < MESSAGE_MAX + 50; size++) {
		_cleanup_free_ char *text = xcalloc(1, size);
		memset(text, 'a', size - 1);
		argv[1] = text;
		assert_int_equal(start_pack(&pack, &launch, 1, 2, NULL), 0);
		const struct message_start *start = (const void *)pack.packet;
		assert_true(message_valid(pack.packet, pack.size));
		if (pack.payload_fd >= 0) {
			assert_int_equal(pack.size, sizeof *start);
			assert_true(start->flags & START_FD_PAYLOAD);
			assert_int_equal(write(pack.payload_fd, "x", 1), -1);
			assert_int_equal(ftruncate(pack.payload_fd, 1), -1);
			void *map = mmap(NULL, start->payload, PROT_READ, MAP_PRIVATE, pack.payload_fd, 0);
			assert_true(map != MAP_FAILED);
			assert_int_equal(start_read(&view, start, map, start->payload), 0);
			assert_int_equal(strlen(view.argv + 5), size - 1);
			munmap(map, start->payload);
		} else {
			assert_int_equal(start_read(&view, start, start + 1, pack.size - sizeof *start), 0);
		}
		start_pack_clear(&pack);
	}
	_cleanup_free_ char *huge = xcalloc(1, PAYLOAD_MAX + 1);
	memset(huge, 'a', PAYLOAD_MAX);
	argv[1] = huge;
	assert_int_equal(start_pack(&pack, &launch, 1, 2, &error), -E2BIG);
}

static void packets(void **state)
{
	(void)state;
	int pair[2], fds[START_FDS_MAX], send[START_FDS_MAX + 2];
	size_t n;
	char room[64];
	struct message_header wake = message_make(MESSAGE_WAKE, sizeof wake, 1, 2);
	assert_true(message_valid(&wake, sizeof wake));
	assert_false(message_valid(&wake, sizeof wake - 1));
	assert_false(message_valid(&wake, 0));
	wake.kind = MESSAGE_SIGNAL; /* shorter than one */
	assert_false(message_valid(&wake, sizeof wake));
	wake.kind = 99;
	assert_false(message_valid(&wake, sizeof wake));
	wake.kind = 0;
	assert_false(message_valid(&wake, sizeof wake));
	wake = message_make(MESSAGE_WAKE, sizeof wake, 1, 2);
	wake.version++; /* said by, or to, a supervisor of before an upgrade */
	assert_true(message_valid(&wake, sizeof wake));
	struct message_start start = { .h = message_make(MESSAGE_START, sizeof start, 1, 2) };
	assert_true(message_valid(&start, sizeof start));
	start.h.version++;
	assert_false(message_valid(&start, sizeof start));

	unsigned before = count_fds();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(message_receive(pair[1], room, sizeof room, fds, &n), -EAGAIN);
	for (size_t i = 0; i < ARRAY_SIZE(send); i++)
		send[i] = pair[0];
	assert_int_equal(message_send(pair[0], "hello", 5, send, START_FDS_MAX), 0);
	assert_int_equal(message_receive(pair[1], room, sizeof room, fds, &n), 5);
	assert_int_equal(n, START_FDS_MAX);
	for (size_t i = 0; i < n; i++) {
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(fds[i]);
	}
	/* Cut: nothing stays open. */
	assert_int_equal(message_send(pair[0], "hello", 5, send, 2), 0);
	assert_int_equal(message_receive(pair[1], room, 3, fds, &n), -EMSGSIZE);
	assert_int_equal(count_fds(), before + 2);
	close(pair[0]);
	assert_int_equal(message_receive(pair[1], room, sizeof room, fds, &n), 0);
	assert_int_equal(message_send(pair[1], "x", 1, NULL, 0), -EPIPE);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transitions), cmocka_unit_test(gates), cmocka_unit_test(damage),
		cmocka_unit_test(stage_texts),
		cmocka_unit_test(make_and_open),
		cmocka_unit_test(files_refused),
		cmocka_unit_test(other_boot),
		cmocka_unit_test(slots_kept),
		cmocka_unit_test(directories_refused),
		cmocka_unit_test(pack_and_read),
		cmocka_unit_test(large),
		cmocka_unit_test(packets),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, world_clear);
}
