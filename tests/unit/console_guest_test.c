// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/console/guest.c libhvctl/console/stream.c libhvctl/store/listen.c
// sources: libhvctl/budget.c libhvctl/logfile.c
// bits: 64 32
/*
 * One console between a domain and the programs that type into it, in the daemon's loop: a domain
 * that takes every byte, and a program that types one more for each, keep it busy for no more than
 * the domain's ration, and others have their turn meanwhile.
 */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libhvctl/console/guest.h"
#include "libhvctl/store/daemon.h"
#include "libhvctl/store/evtchn.h"
#include "libhvctl/store/log.h"
#include "suite.h"

#define TIRED	4096u		/* pieces after which a program has typed enough */

/* A domain with a program that types into its console. */
struct pair {
	struct xencons_interface page;
	struct guest *guest;
	int program;
	size_t piece;		/* bytes that the domain takes at once */
	unsigned int pieces;	/* that it has taken */
	unsigned int more;	/* as many of them make the program type another */
	size_t typed, taken;
};

static struct pair pairs[2];
static char directory[] = "/tmp/console-test-XXXXXX";
static struct settings settings = { .socket_directory = directory, .scrollback = 4096 };

/* ------------------------------------------------------------------------------------------------
 * The devices, and the domains at their rings
 */

int evtchn_bind(int fd, domid_t domid, uint32_t port)
{
	(void)fd;
	(void)domid;
	return port;
}

int evtchn_unbind(int fd, uint32_t port)
{
	(void)fd;
	return port;
}

int evtchn_notify(int fd, uint32_t port)
{
	(void)fd;
	(void)port;
	return 0;
}

int evtchn_unmask(int fd, uint32_t port)
{
	(void)fd;
	(void)port;
	return 0;
}

int privcmd_map(struct privcmd *privcmd, domid_t domid, uint32_t grant, uint64_t frame,
		struct foreign_page *page)
{
	(void)privcmd;
	(void)grant;
	(void)frame;
	page->address = &pairs[domid - 1].page;
	return 0;
}

void privcmd_unmap(struct privcmd *privcmd, struct foreign_page *page)
{
	(void)privcmd;
	page->address = NULL;
}

uint64_t daemon_now(void)
{
	return 0;
}

int daemon_make_directory(const char *path)
{
	(void)path;
	return 0;
}

void log_line(const char *format, ...)
{
	(void)format;
}

size_t console_take(struct xencons_interface *ring, char *out, size_t size)
{
	(void)ring;
	(void)out;
	(void)size;
	return 0;
}

static void type(struct pair *pair, size_t length)
{
	static const char text[4096];

	CU_ASSERT_EQUAL(send(pair->program, text, length, MSG_DONTWAIT), (ssize_t)length);
	pair->typed += length;
}

/* The domain takes it out of its ring at once, and its program sees that there is room again. */
size_t console_give(struct xencons_interface *ring, const char *in, size_t size)
{
	struct pair *pair = (struct pair *)ring;

	(void)in;
	if (size > pair->piece)
		size = pair->piece;
	pair->taken += size;
	if (++pair->pieces <= pair->more)
		type(pair, size);
	return size;
}

/* ------------------------------------------------------------------------------------------------
 * The daemon's loop
 */

/* One round. Returns whether there was anything. */
static bool round_of_events(void)
{
	struct epoll_event event[16];
	int count = epoll_wait(settings.epoll, event, 16, 0);

	for (int i = 0; i < count; i++) {
		struct source *source = event[i].data.ptr;

		source->ready(source, event[i].events);
	}
	return count > 0;
}

static void connect_pair(unsigned int index, size_t piece, unsigned int more)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct pair *pair = &pairs[index];

	*pair = (struct pair){ .piece = piece, .more = more };
	pair->guest = guest_new(&settings, index + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pair->guest);
	CU_ASSERT_EQUAL_FATAL(guest_connect(pair->guest, "name", 1, index + 10), 0);
	pair->program = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, pair->guest->socket_path);
	CU_ASSERT_EQUAL_FATAL(connect(pair->program, (struct sockaddr *)&address, sizeof(address)),
			      0);
	CU_ASSERT_EQUAL(send(pair->program, "replay 0\n", 9, 0), 9);
	while (round_of_events())
		;
}

static void test_input_ration(void)
{
	static const size_t pieces[] = { 1, sizeof(pairs[0].page.in) };

	for (unsigned int i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct pair *greedy = &pairs[0], *other = &pairs[1];
		unsigned int ration, intervals = 0;

		connect_pair(0, pieces[i], TIRED);
		connect_pair(1, pieces[i], 0);
		type(greedy, pieces[i]);
		type(other, 1);
		CU_ASSERT_TRUE(round_of_events());
		CU_ASSERT_EQUAL(other->taken, 1);
		ration = greedy->pieces;
		CU_ASSERT_TRUE(ration >= 1 && ration <= 100);
		CU_ASSERT_TRUE(guest_rationed(greedy->guest));
		CU_ASSERT_FALSE(guest_rationed(other->guest));

		/* Whatever happens in this interval, it gets no more; the other one does. */
		type(other, 1);
		while (round_of_events())
			;
		guest_event(greedy->guest);
		CU_ASSERT_EQUAL(greedy->pieces, ration);
		CU_ASSERT_EQUAL(other->taken, 2);

		/* The next one brings the same without an event, and all of it in the end. */
		CU_ASSERT_TRUE(guest_interval(greedy->guest));
		CU_ASSERT_EQUAL(greedy->pieces, 2 * ration);
		while (guest_interval(greedy->guest) && ++intervals < TIRED)
			;
		CU_ASSERT_FALSE(guest_rationed(greedy->guest));
		CU_ASSERT_TRUE(greedy->pieces > TIRED);
		CU_ASSERT_EQUAL(greedy->taken, greedy->typed);
		for (unsigned int k = 0; k < 2; k++) {
			guest_free(pairs[k].guest);
			close(pairs[k].program);
		}
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "a ration of input", test_input_ration },
		CU_TEST_INFO_NULL
	};
	int result;

	settings.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!mkdtemp(directory) || settings.epoll < 0)
		return 1;
	result = suite_run("console_guest", tests);
	rmdir(directory);
	return result;
}
