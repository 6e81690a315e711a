/* inspect [ARG...]: everything about itself that a launch sets, one "name value" a line, for tests to compare:
 * identity, capabilities, flags, signals, descriptors, limits, session, working directory, arguments. */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void print_status(void)
{
	static const char *const keys[] = { "Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:",
	                                    "CapAmb:", "NoNewPrivs:", "SigPnd:", "SigBlk:", "SigIgn:", "SigCgt:", "Umask:" };
	char  line[4096];
	FILE *f = fopen("/proc/self/status", "re");
	if (!f)
		exit(1);
	while (fgets(line, sizeof line, f))
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0) {
				for (char *c = line; *c; c++)
					if (*c == '\t')
						*c = ' ';
				fputs(line, stdout);
			}
	fclose(f);
}

static void print_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	if (!d)
		exit(1);
	printf("fds");
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
			printf(" %s", e->d_name);
	printf("\n");
	closedir(d);
	for (int fd = 0; fd < 3; fd++) {
		char path[64], target[4096];
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, target, sizeof target - 1);
		target[n > 0 ? n : 0] = 0;
		printf("fd%d %s flags %#o\n", fd, target, fcntl(fd, F_GETFL));
	}
}

int main(int argc, char **argv)
{
	char cwd[4096], score[32] = "?";
	struct rlimit nofile;
	int fd;

	print_status();
	print_fds();
	getrlimit(RLIMIT_NOFILE, &nofile);
	printf("nofile %llu\n", (unsigned long long)nofile.rlim_cur);
	printf("session %s\n", getsid(0) == getpid() && getpgrp() == getpid() ? "own" : "not own");
	printf("tty %s\n", (fd = open("/dev/tty", O_RDWR | O_NOCTTY)) >= 0 ? "yes" : "no");
	if (fd >= 0)
		close(fd);
	fd = open("/proc/self/oom_score_adj", O_RDWR);
	if (fd >= 0) {
		ssize_t n = read(fd, score, sizeof score - 1);
		score[n > 0 ? n - 1 : 0] = 0;
		printf("oom_score_adj %s\n", score);
		printf("oom_lower %s\n", write(fd, "-500", 4) > 0 ? "yes" : "no");
		close(fd);
	}
	printf("setuid0 %s\n", setuid(0) == 0 ? "yes" : "no");
	printf("setgroups %s\n", setgroups(0, NULL) == 0 ? "yes" : "no");
	printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
	printf("cwd %s\n", getcwd(cwd, sizeof cwd) ? cwd : "?");
	for (int i = 0; i < argc; i++)
		printf("arg%d %s\n", i, argv[i]);
	return 0;
}
