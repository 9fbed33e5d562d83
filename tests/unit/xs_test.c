// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/xs.c
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c libhvctl/store/tree.c
// sources: libhvctl/store/quota.c libhvctl/store/watch.c libhvctl/store/transaction.c
// sources: libhvctl/budget.c
// sources: libhvctl/store/store.c
// sources: libhvctl/store/control.c libhvctl/store/protocol.c
// bits: 64 32
/*
 * The toolstack's end of the store's protocol, against the store itself in another process: a list
 * of children is whole, however long a guest makes it, also while it grows.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libhvctl/xs.h"
#include "store_sim.h"

static char directory[] = "/tmp/xs_test.XXXXXX", path[sizeof(directory) + 8];

/* Answer one client until it goes. After each part of a list it gets a name more, @grow times. */
static void serve(int listener, unsigned int grow)
{
	int fd = accept(listener, NULL, NULL);
	struct client *client = client_new(store, 0, NULL), *other = client_new(store, 0, NULL);
	struct inbox inbox = { 0 };
	struct xsd_sockmsg head;
	size_t wanted, length;
	char text[64], *space;
	const char *data;
	ssize_t got;

	for (;;) {
		space = inbox_space(&inbox, &wanted);
		got = read(fd, space, wanted);
		if (got <= 0)
			_exit(0);
		if (!inbox_add(&inbox, got))
			continue;
		memcpy(&head, inbox.data, sizeof(head));
		protocol_handle(client, &inbox);
		inbox.have = 0;
		while ((data = client_output(client, &length))) {
			got = write(fd, data, length);
			if (got <= 0)
				_exit(1);
			client_sent(client, got);
		}
		if (head.type == XS_DIRECTORY_PART && grow) {
			snprintf(text, sizeof(text), "/long/more%u|", grow--);
			ask_text(other, XS_MKDIR, 0, text);
		}
	}
}

/* A store with so many names below /long, and somebody who asks it. */
static struct xs *connect_to(unsigned int names, unsigned int grow, pid_t *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct client *dom0;
	char text[64];
	struct xs *xs;

	begin();
	dom0 = client_new(store, 0, NULL);
	for (unsigned int i = 0; i < names; i++) {
		snprintf(text, sizeof(text), "/long/a-name-of-some-length-%05u|", i);
		REPLIES(dom0, XS_MKDIR, text, "OK|");
	}
	strcpy(address.sun_path, path);
	CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 1), 0);
	fflush(stdout);
	*server = fork();
	if (!*server)
		serve(listener, grow);
	end(dom0);
	xs = xs_open(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(xs);
	close(listener);
	unlink(path);
	return xs;
}

static void check_list(unsigned int names, unsigned int grow)
{
	unsigned int count = 0;
	char text[64], **list;
	pid_t server;
	struct xs *xs = connect_to(names, grow, &server);

	list = xs_list(xs, 0, "/long");
	CU_ASSERT_PTR_NOT_NULL(list);
	while (list && list[count] && count < names) {
		snprintf(text, sizeof(text), "a-name-of-some-length-%05u", count);
		if (strcmp(list[count], text) != 0)
			break;
		count++;
	}
	CU_ASSERT_EQUAL(count, names);
	CU_ASSERT(list && !list[count]);
	free(list);
	xs_close(xs);
	waitpid(server, NULL, 0);
}

static void test_list(void)
{
	check_list(1, 0);
	check_list(100, 0);
	check_list(1000, 0);
}

static void test_growing(void)
{
	check_list(1000, 1000000);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "lists of any length", test_list },
		{ "lists that grow", test_growing },
		CU_TEST_INFO_NULL
	};
	int result;

	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	result = run_suite("xs", tests);
	rmdir(directory);
	return result;
}
