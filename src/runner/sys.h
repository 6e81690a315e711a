/* sys.h: system calls made without libc, for code that runs between clone3 and execve on memory shared with its parent.
 *
 * There errno is the parent's, and libc's own locks, caches and cancellation points are too: nothing of libc may run.
 * Every function here returns the kernel's own answer, a value or -errno. CHILD_CODE marks what such code is made of:
 * sanitizers would keep their books in the parent's memory and must leave it alone.
 */
#ifndef RUNNER_SYS_H
#define RUNNER_SYS_H

#include <linux/sched.h>
#include <sys/syscall.h>
#include <stddef.h>
#include <stdint.h>

#define CHILD_CODE __attribute__((no_sanitize("address", "undefined")))
#define CHILD_INLINE CHILD_CODE static inline __attribute__((always_inline))

#if defined(__x86_64__)

CHILD_INLINE long sys_raw(long nr, long a, long b, long c, long d, long e, long f)
{
	long          ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8")   = e;
	register long r9 __asm__("r9")   = f;
	__asm__ volatile("syscall"
	                 : "=a"(ret)
	                 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return ret;
}

/* clone3 whose child starts on the stack in *args and calls child(arg), which never returns. */
CHILD_INLINE long sys_clone3(struct clone_args *args, size_t size, void (*child)(void *), void *arg)
{
	long ret;
	/* Named: any register would do but rbp, which ends the child's chain of frames. */
	register void (*r12)(void *) __asm__("r12") = child;
	register void *r13 __asm__("r13")           = arg;
	__asm__ volatile("syscall\n\t"
	                 "test %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "xor %%ebp, %%ebp\n\t"
	                 "mov %%r13, %%rdi\n\t"
	                 "call *%%r12\n\t"
	                 "ud2\n"
	                 "1:"
	                 : "=a"(ret)
	                 : "a"((long)SYS_clone3), "D"(args), "S"(size), "r"(r12), "r"(r13)
	                 : "rcx", "r11", "memory", "cc");
	return ret;
}

#elif defined(__aarch64__)

CHILD_INLINE long sys_raw(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc #0"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
	                 : "memory", "cc");
	return x0;
}

CHILD_INLINE long sys_clone3(struct clone_args *args, size_t size, void (*child)(void *), void *arg)
{
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = (long)size;
	register void (*x19)(void *) __asm__("x19") = child;
	register void *x20 __asm__("x20")           = arg;
	__asm__ volatile("svc #0\n\t"
	                 "cbnz x0, 1f\n\t"
	                 "mov x29, xzr\n\t"
	                 "mov x30, xzr\n\t"
	                 "mov x0, x20\n\t"
	                 "blr x19\n\t"
	                 "brk #1\n"
	                 "1:"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x19), "r"(x20)
	                 : "memory", "cc", "x30");
	return x0;
}

#else
#error "mscg-supervise knows x86-64 and aarch64: add the system call and clone3 sequences of this machine here"
#endif

#define SYS_ARGS_(a, b, c, d, e, f, ...) (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)
/* sys(openat, AT_FDCWD, path, flags): missing arguments are 0. */
#define sys(name, ...) sys_raw(SYS_##name, SYS_ARGS_(__VA_ARGS__ __VA_OPT__(, ) 0, 0, 0, 0, 0, 0))

#endif
