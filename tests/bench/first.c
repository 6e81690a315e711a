/* first: its first instructions take the time (CLOCK_REALTIME) and write it, a struct timespec, to standard output. */
#include <sys/syscall.h>
#include <time.h>

static long call(long number, long a, long b, long c)
{
#if defined(__x86_64__)
	long r = number;
	__asm__ volatile("syscall" : "+a"(r) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
#elif defined(__aarch64__)
	register long n __asm__("x8") = number, x __asm__("x0") = a, y __asm__("x1") = b, z __asm__("x2") = c;
	__asm__ volatile("svc 0" : "+r"(x) : "r"(n), "r"(y), "r"(z) : "memory");
	return x;
#else
#error "how is a system call made here?"
#endif
}

__attribute__((noreturn, force_align_arg_pointer)) void _start(void)
{
	struct timespec t;

	call(SYS_clock_gettime, CLOCK_REALTIME, (long)&t, 0);
	call(SYS_write, 1, (long)&t, sizeof t);
	for (;;)
		call(SYS_exit_group, 0, 0, 0);
}
