// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * efi_breakpoint ADDRESS FILE - a process whose debug registers have a breakpoint on the
 * instruction at ADDRESS, as ptrace() gives it to anybody, reads FILE, a variable of the
 * firmware's: the service that reads it is at ADDRESS, in ring 0. Exits with 0 if the breakpoint
 * could be set and the file read.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define DR(n) (void *)(offsetof(struct user, u_debugreg) + (n) * sizeof(long))

int main(int argc, char **argv)
{
	int status;
	pid_t child;

	if (argc != 3)
		return 2;
	child = fork();
	if (!child) {
		char text[64];
		int fd;

		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		fd = open(argv[2], O_RDONLY);
		_exit(fd < 0 || read(fd, text, sizeof(text)) <= 4);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return 3;
	/* Executing is type 0; switched on by bit 0. */
	if (ptrace(PTRACE_POKEUSER, child, DR(0), strtoul(argv[1], NULL, 16)) ||
	    ptrace(PTRACE_POKEUSER, child, DR(7), 1UL)) {
		perror("the breakpoint");
		return 4;
	}
	ptrace(PTRACE_CONT, child, 0, 0);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 5;
	return WEXITSTATUS(status);
}
