// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/lib/cage.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_I386
#endif

/* An empty directory that every Linux has. What is mounted there is seen by nobody else. */
#define EMPTY "/proc"

/* Of addresses: more than 64 disks with a journal and 2048 requests each have use for. */
#define MEMORY_MAX	((rlim_t)2 << 30)

/* Calls that are let through whatever their arguments are. */
static const unsigned short allowed[] = {
	__NR_read, __NR_write, __NR_close, __NR_pread64, __NR_readv, __NR_writev,
	__NR_sendmsg, __NR_recvmsg, __NR_sendto, __NR_recvfrom, __NR_getsockopt, __NR_setsockopt,
	__NR_shutdown,
	__NR_epoll_wait, __NR_epoll_ctl, __NR_epoll_pwait, __NR_poll, __NR_ppoll,
	__NR_io_submit, __NR_io_getevents, __NR_io_uring_enter,
	__NR_munmap, __NR_mremap, __NR_madvise, __NR_brk, __NR_fcntl, __NR_fstat, __NR_getrandom,
	__NR_futex, __NR_clock_gettime, __NR_clock_nanosleep, __NR_nanosleep, __NR_gettimeofday,
	__NR_rt_sigreturn, __NR_rt_sigprocmask, __NR_getpid, __NR_gettid, __NR_tgkill,
	__NR_restart_syscall, __NR_exit, __NR_exit_group,
	/* The keeper's, and before pages are given back. */
	__NR_rt_sigtimedwait, __NR_io_destroy, __NR_membarrier, __NR_getppid,
#if defined(__x86_64__)
	__NR_newfstatat,
#else
	__NR_fcntl64, __NR_fstat64, __NR_fstatat64, __NR__llseek, __NR_sigreturn,
	__NR_clock_gettime64, __NR_clock_nanosleep_time64, __NR_futex_time64, __NR_ppoll_time64,
	__NR_rt_sigtimedwait_time64,
	__NR_statx,
#endif
};

#define NR_ALLOWED	(sizeof(allowed) / sizeof(allowed[0]))

struct program {
	unsigned short length;
	struct sock_filter code[2 * NR_ALLOWED + 32];
};

static void emit(struct program *p, unsigned short code, unsigned int value, unsigned char yes,
		 unsigned char no)
{
	p->code[p->length++] = (struct sock_filter){ code, yes, no, value };
}

static void load(struct program *p, unsigned int offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

/* Goes on after @yes or @no more instructions. */
static void compare(struct program *p, unsigned int value, unsigned char yes, unsigned char no)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}

static void result(struct program *p, unsigned int what)
{
	emit(p, BPF_RET | BPF_K, what, 0, 0);
}

/* A number of a call is in the accumulator, and stays there unless it is this one. */
static void allow_mapping(struct program *p, unsigned int number)
{
	compare(p, number, 0, 5);
	load(p, offsetof(struct seccomp_data, args[2]));
	emit(p, BPF_ALU | BPF_AND | BPF_K, PROT_EXEC, 0, 0);
	compare(p, 0, 0, 1);
	result(p, SECCOMP_RET_ALLOW);
	result(p, SECCOMP_RET_KILL_PROCESS);
}

int cage_filter(void)
{
	struct program p = { 0 };
	struct sock_fprog prog;

	load(&p, offsetof(struct seccomp_data, arch));
	compare(&p, ARCH, 1, 0);
	result(&p, SECCOMP_RET_KILL_PROCESS);
	load(&p, offsetof(struct seccomp_data, nr));
	for (unsigned int i = 0; i < NR_ALLOWED; i++) {
		compare(&p, allowed[i], 0, 1);
		result(&p, SECCOMP_RET_ALLOW);
	}
	/* No memory that can be executed. */
	allow_mapping(&p, __NR_mmap);
#if !defined(__x86_64__)
	allow_mapping(&p, __NR_mmap2);
#endif
	/* The requests of evtchn and gntdev, and those that ask a block device for its size. */
	compare(&p, __NR_ioctl, 0, 7);
	load(&p, offsetof(struct seccomp_data, args[1]));
	emit(&p, BPF_ALU | BPF_AND | BPF_K, 0xff00, 0, 0);
	compare(&p, 'E' << 8, 3, 0);
	compare(&p, 'G' << 8, 2, 0);
	compare(&p, 0x12 << 8, 1, 0);
	result(&p, SECCOMP_RET_KILL_PROCESS);
	result(&p, SECCOMP_RET_ALLOW);
	result(&p, SECCOMP_RET_KILL_PROCESS);
	prog = (struct sock_fprog){ .len = p.length, .filter = p.code };
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) ? -errno : 0;
}

/*
 * What was the root goes, and with it this namespace's hold on all that dom0 had mounted: else
 * nothing that was mounted when a worker started could be taken away while it runs. A root that
 * came with the kernel (an initramfs) cannot go, and is hidden instead.
 */
static int leave_root(void)
{
	if (syscall(SYS_pivot_root, ".", "."))
		return errno == EINVAL ? chroot(".") : -1;
	return umount2(".", MNT_DETACH);
}

static int empty_root(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", EMPTY, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
		  "size=4k,mode=555") ||
	    chdir(EMPTY) || leave_root() || chdir("/"))
		return -errno;
	return 0;
}

/* How large files may grow is the supervisor's to say: see process.h. */
static int set_limits(void)
{
	static const struct { int what; rlim_t most; } limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NOFILE, 256 },
		{ RLIMIT_AS, MEMORY_MAX },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const struct rlimit l = { .rlim_cur = limits[i].most, .rlim_max = limits[i].most };

		if (setrlimit((__rlimit_resource_t)limits[i].what, &l))
			return -errno;
	}
	return 0;
}

static int drop_rights(uid_t id)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	gid_t gid = id;

	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(id, id, id))
		return -errno;
	if (syscall(SYS_capset, &header, none) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	/* Whoever starts it has to go first, and one that was taken over would stay. */
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) ? -errno : 0;
}

int cage_enter(uid_t id, int (*before_filter)(void *argument), void *argument, const char **what)
{
	int error;

	*what = "an empty file system";
	error = empty_root();
	if (error)
		return error;
	*what = "limits";
	error = set_limits();
	if (error)
		return error;
	*what = "another user without rights";
	error = drop_rights(id);
	if (error)
		return error;
	*what = "a keeper";
	error = before_filter(argument);
	if (error)
		return error;
	*what = "a filter of system calls";
	return cage_filter();
}
