// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/listen.c libhvctl/store/daemon.c libhvctl/store/log.c libhvctl/logfile.c
// bits: 64 32
/*
 * A daemon's descriptors: it has as many as it may have, and who connects when there are none left
 * is refused and does not keep it busy.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libhvctl/store/daemon.h"
#include "libhvctl/store/listen.h"
#include "suite.h"

static struct sockaddr_un name = { .sun_family = AF_UNIX };

static int client(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static bool is_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

TEST(test_none_left, "without descriptors who connects is refused, and nobody waits for him")
{
	char dir[] = "/tmp/store-listen-XXXXXX", byte;
	int listener, first, second, taken;
	struct rlimit old, few;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/socket", dir);
	listener = unix_listen(name.sun_path);
	CU_ASSERT_FATAL(listener >= 0);
	CU_ASSERT_EQUAL(unix_accept(listener), -EAGAIN);
	first = client();
	second = client();
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = (rlim_t)second + 1;
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &few), 0);
	CU_ASSERT_EQUAL(unix_accept(listener), -EMFILE);
	CU_ASSERT_EQUAL(read(first, &byte, 1), 0);
	CU_ASSERT_EQUAL(unix_accept(listener), -EMFILE);
	CU_ASSERT_EQUAL(read(second, &byte, 1), 0);
	CU_ASSERT_FALSE(is_ready(listener));
	/* And as soon as there is one again nobody is. */
	close(second);
	close(first);
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &old), 0);
	first = client();
	taken = unix_accept(listener);
	CU_ASSERT_TRUE(taken >= 0 && fcntl(taken, F_GETFL) & O_NONBLOCK);
	close(first);
	close(taken);
	close(listener);
	unlink(name.sun_path);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
}

TEST(test_files, "as many as may be")
{
	struct rlimit old, few, now;

	CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = 64;
	CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_NOFILE, &few), 0);
	daemon_files();
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &now), 0);
	CU_ASSERT_EQUAL(now.rlim_cur, old.rlim_max);
	setrlimit(RLIMIT_NOFILE, &old);
}

SUITE("listening")
