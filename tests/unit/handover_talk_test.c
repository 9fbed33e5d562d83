// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/handover.c libhvctl/handover_record.c libhvctl/handover_talk.c
// libs: -ldl
/*
 * Two hosts hand a domain over: real processes over a real link, and records in real files. Either
 * process is killed at each of the places where it changes something, alone and both together, and
 * again in the conversation that puts it right.
 */
#include "libhvctl/handover_talk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

enum { SOURCE, DESTINATION };
enum { ABSENT, STOPPED, RUNS };

static struct shared {
	_Atomic int domain[2];
	_Atomic int twice;	/* both ran it at some time */
	_Atomic int reports;
} *shared;

static char path[2][32] = { "/tmp/handover-XXXXXX", "/tmp/handover-XXXXXX" };
static int dir[2];
static char token[HANDOVER_TOKEN_LEN + 1];

static int me;			/* this process's host */
static int no_room;		/* how many records cannot be written from now on */
static int run_fails;		/* with that error */
static int countdown = -1;	/* places until it is killed, -1: it is not */

static void place(void)
{
	if (countdown >= 0 && !countdown--)
		raise(SIGKILL);
}

/* The records' own calls, with a place before and one behind each. */
int renameat(int from, const char *old, int to, const char *new)
{
	static int (*real)(int, const char *, int, const char *);
	int ret;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "renameat");
	if (no_room) {
		no_room--;
		errno = ENOSPC;
		return -1;
	}
	place();
	ret = real(from, old, to, new);
	place();
	return ret;
}

int unlinkat(int at, const char *name, int flags)
{
	static int (*real)(int, const char *, int);
	int ret;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "unlinkat");
	place();
	ret = real(at, name, flags);
	place();
	return ret;
}

static bool present(void *data, const struct handover_record *r)
{
	return atomic_load(&shared->domain[me]) != ABSENT;
}

static int act(void *data, const struct handover_record *r, enum handover_act what)
{
	int stopped = STOPPED;

	if (what == HANDOVER_RUN && run_fails)
		return run_fails;
	place();
	if (what == HANDOVER_DESTROY)
		atomic_store(&shared->domain[me], ABSENT);
	else
		atomic_compare_exchange_strong(&shared->domain[me], &stopped, RUNS);
	if (atomic_load(&shared->domain[0]) == RUNS && atomic_load(&shared->domain[1]) == RUNS)
		atomic_store(&shared->twice, 1);
	place();
	return 0;
}

static void report(void *data, const struct handover_record *r, const char *line)
{
	atomic_fetch_add(&shared->reports, 1);
}

static struct handover_host host_here(void)
{
	return (struct handover_host){
		.dir = dir[me], .present = present, .act = act, .report = report,
	};
}

static int before(void)
{
	int i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < 2; i++) {
		if (!mkdtemp(path[i]))
			return -1;
		dir[i] = open(path[i], O_RDONLY | O_DIRECTORY);
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return shared == MAP_FAILED;
}

static int after(void)
{
	int i, bad = 0;

	for (i = 0; i < 2; i++)
		bad |= rmdir(path[i]);
	return bad;
}

static void begin_record(int who, enum handover_state state)
{
	struct handover_record r;

	CU_ASSERT_EQUAL_FATAL(handover_record_open(&r, dir[who], token), 0);
	snprintf(r.name, sizeof(r.name), "guest");
	CU_ASSERT_EQUAL(handover_begin(&r, state), 0);
	CU_ASSERT_EQUAL(handover_begin(&r, state), -EEXIST);
	handover_record_close(&r);
}

static enum handover_state state_of(int who)
{
	struct handover_record r;
	enum handover_state state;

	CU_ASSERT_EQUAL_FATAL(handover_record_open(&r, dir[who], token), 0);
	state = r.state;
	handover_record_close(&r);
	return state;
}

static void forget(int who)
{
	struct handover_record r;

	if (!handover_record_open(&r, dir[who], token)) {
		r.state = HANDOVER_NONE;
		handover_record_write(&r);
		handover_record_close(&r);
	}
}

static void start(void)
{
	memset(shared, 0, sizeof(*shared));
	handover_token(token);
	shared->domain[SOURCE] = STOPPED;
	shared->domain[DESTINATION] = STOPPED;
	begin_record(SOURCE, HANDOVER_SENDING);
	begin_record(DESTINATION, HANDOVER_RECEIVING);
}

static int destination_first(struct handover_link *link)
{
	struct handover_host host = host_here();
	int ret = handover_ready(&host, token, link);

	return ret ? ret : handover_converse(&host, token, link);
}

static int source_first(struct handover_link *link)
{
	struct handover_host host = host_here();

	return handover_converse(&host, token, link);
}

static int source_again(struct handover_link *link)
{
	struct handover_host host = host_here();

	return handover_take_up(&host, token, link);
}

/* A process of @who, killed at its place @at. Its exit status is -what it returns. */
static pid_t process(int who, int at, int fd, int other, int (*fn)(struct handover_link *link))
{
	pid_t pid = fork();

	if (!pid) {
		struct handover_link link = { .in = fd, .out = fd, .patience = -1 };

		if (other >= 0)
			close(other);
		me = who;
		countdown = at;
		_exit(-fn(&link));
	}
	return pid;
}

static int ended(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		;
	return WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
}

/* Both sides speak; each may be killed. Returns what the source returned, -1: killed. */
static int conversation(int at_source, int at_destination, int (*source)(struct handover_link *),
			int (*destination)(struct handover_link *))
{
	int fd[2], ret;
	pid_t s, d;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		abort();
	s = process(SOURCE, at_source, fd[0], fd[1], source);
	d = process(DESTINATION, at_destination, fd[1], fd[0], destination);
	close(fd[0]);
	close(fd[1]);
	ret = ended(s);
	ended(d);
	return ret;
}

/* What the guard of each side does when it sees that its process has ended, without a link. */
static void guards(void)
{
	int who;

	for (who = 0; who < 2; who++)
		ended(process(who, -1, -1, -1, source_again));
}

static void check_settled(int a, int b)
{
	int runs = (shared->domain[SOURCE] == RUNS) + (shared->domain[DESTINATION] == RUNS);

	if (runs != 1 || shared->twice)
		fprintf(stderr, "killed at %d and %d: %d and %d, twice: %d\n", a, b,
			shared->domain[SOURCE], shared->domain[DESTINATION], shared->twice);
	CU_ASSERT_EQUAL(runs, 1);
	CU_ASSERT_EQUAL(shared->twice, 0);
	CU_ASSERT_EQUAL(shared->reports, 0);
	CU_ASSERT_EQUAL(shared->domain[SOURCE] == STOPPED, 0);
	CU_ASSERT_EQUAL(shared->domain[DESTINATION] == STOPPED, 0);
	CU_ASSERT_EQUAL(state_of(SOURCE), HANDOVER_NONE);
}

TEST(test_smooth, "nothing fails: the destination has it, and both have forgotten the token")
{
	start();
	CU_ASSERT_EQUAL(conversation(-1, -1, source_first, destination_first), 0);
	CU_ASSERT_EQUAL(shared->domain[SOURCE], ABSENT);
	CU_ASSERT_EQUAL(shared->domain[DESTINATION], RUNS);
	CU_ASSERT_EQUAL(state_of(SOURCE), HANDOVER_NONE);
	CU_ASSERT_EQUAL(state_of(DESTINATION), HANDOVER_NONE);
	CU_ASSERT_EQUAL(shared->twice, 0);
}

#define PLACES	12

TEST(test_killed, "whoever is killed wherever: one host has it in the end")
{
	int a, b, died = 0;

	for (a = -1; a < PLACES; a++) {
		for (b = -1; b < PLACES; b++) {
			start();
			if (conversation(a, b, source_first, destination_first) == -1 && b < 0)
				died++;
			guards();
			/* The same again while it is put right, then undisturbed. */
			conversation(b, a, source_again, source_first);
			guards();
			conversation(-1, -1, source_again, source_first);
			check_settled(a, b);
			forget(DESTINATION);
		}
	}
	/* Ten places of the source, if nobody else is killed, and then it is through. */
	CU_ASSERT_EQUAL(died, 10);
}

TEST(test_silent, "a destination that says nothing: the source keeps it after its patience")
{
	struct handover_host host;
	struct handover_link link;
	int fd[2];

	start();
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	me = SOURCE;
	host = host_here();
	link = (struct handover_link){ .in = fd[0], .out = fd[0], .patience = 1 };
	CU_ASSERT_EQUAL(handover_converse(&host, token, &link), -EAGAIN);
	CU_ASSERT_EQUAL(shared->domain[SOURCE], RUNS);
	CU_ASSERT_EQUAL(state_of(SOURCE), HANDOVER_HERE);
	close(fd[0]);
	/* It comes back all the same, and hears the word that was said. */
	me = DESTINATION;
	host = host_here();
	link = (struct handover_link){ .in = fd[1], .out = fd[1], .patience = -1 };
	CU_ASSERT_EQUAL(handover_ready(&host, token, &link), 0);
	close(fd[1]);
	conversation(-1, -1, source_again, source_first);
	check_settled(-2, -2);
	CU_ASSERT_EQUAL(shared->domain[SOURCE], RUNS);
}

TEST(test_late, "a destination that has all of it when it has heard that it was kept")
{
	struct handover_host host;
	struct handover_link link;
	char line[64];
	int fd[2];

	start();
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	snprintf(line, sizeof(line), "%s BACK\n", token);
	CU_ASSERT_EQUAL(write(fd[1], line, strlen(line)), (ssize_t)strlen(line));
	shutdown(fd[1], SHUT_WR);
	me = DESTINATION;
	host = host_here();
	link = (struct handover_link){ .in = fd[0], .out = fd[0], .patience = -1 };
	CU_ASSERT_EQUAL(handover_converse(&host, token, &link), 0);
	CU_ASSERT_EQUAL(shared->domain[DESTINATION], ABSENT);
	CU_ASSERT_EQUAL(handover_ready(&host, token, &link), -ECANCELED);
	CU_ASSERT_EQUAL(state_of(DESTINATION), HANDOVER_NONE);
	close(fd[0]);
	close(fd[1]);
	forget(SOURCE);
}

TEST(test_forgotten, "a destination that was started anew: the source waits for a person")
{
	start();
	conversation(-1, 2, source_first, destination_first);
	CU_ASSERT_EQUAL(state_of(SOURCE), HANDOVER_THERE);
	forget(DESTINATION);
	shared->domain[DESTINATION] = ABSENT;
	CU_ASSERT_EQUAL(conversation(-1, -1, source_again, source_first), ENOTUNIQ);
	CU_ASSERT_EQUAL(shared->domain[SOURCE], STOPPED);
	CU_ASSERT_EQUAL(state_of(SOURCE), HANDOVER_THERE);
	CU_ASSERT(shared->reports > 0);
	forget(SOURCE);
}

static int releases, holds_on;

static int release_it(void *data, const struct handover_record *r)
{
	releases++;
	/* Nobody else can have it yet. */
	CU_ASSERT_EQUAL(r->state, HANDOVER_SENDING);
	return holds_on;
}

TEST(test_release, "what the source's backends do not let go of does not go")
{
	for (int n = 0; n < 2; n++) {
		struct handover_link link;
		struct handover_host host;
		char line[64];
		int fd[2];

		start();
		CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
		snprintf(line, sizeof(line), "%s READY\n", token);
		/* Once more: it is not asked twice. */
		CU_ASSERT_EQUAL(write(fd[1], line, strlen(line)), (ssize_t)strlen(line));
		CU_ASSERT_EQUAL(write(fd[1], line, strlen(line)), (ssize_t)strlen(line));
		shutdown(fd[1], SHUT_WR);
		me = SOURCE;
		host = host_here();
		host.release = release_it;
		releases = 0;
		holds_on = n ? -ETIMEDOUT : 0;
		link = (struct handover_link){ .in = fd[0], .out = fd[0], .patience = -1 };
		CU_ASSERT_EQUAL(handover_converse(&host, token, &link), -EAGAIN);
		CU_ASSERT_EQUAL(releases, 1);
		CU_ASSERT_EQUAL(state_of(SOURCE), n ? HANDOVER_HERE : HANDOVER_THERE);
		CU_ASSERT_EQUAL(shared->domain[SOURCE], n ? RUNS : STOPPED);
		CU_ASSERT_EQUAL(read(fd[1], line, sizeof(line)) > 36, 1);
		CU_ASSERT_EQUAL(memcmp(line + 33, n ? "BACK" : "GO\n", n ? 4 : 3), 0);
		close(fd[0]);
		close(fd[1]);
		forget(SOURCE);
		forget(DESTINATION);
	}
}

/* This process is @who, and hears @words, then the link's end. */
static int hear_all(int who, const char *const *words, struct handover_link *link, char *answer,
		    size_t size)
{
	struct handover_host host;
	char line[64];
	ssize_t n;
	int fd[2], ret;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	for (; *words; words++) {
		snprintf(line, sizeof(line), "%s %s\n", token, *words);
		CU_ASSERT_EQUAL(write(fd[1], line, strlen(line)), (ssize_t)strlen(line));
	}
	if (link->patience < 0)
		shutdown(fd[1], SHUT_WR);
	me = who;
	host = host_here();
	link->in = link->out = fd[0];
	ret = handover_converse(&host, token, link);
	close(fd[0]);
	n = read(fd[1], answer, size - 1);
	answer[n < 0 ? 0 : n] = 0;
	close(fd[1]);
	return ret;
}

static void forget_both(void)
{
	forget(SOURCE);
	forget(DESTINATION);
}

TEST(test_no_room, "what cannot be written down is not decided, and goes on where it was")
{
	static const char *const ready[] = { "READY", NULL };
	char answer[512];

	/* Neither that it goes nor that it stays; then that it goes. */
	for (int n = 2; n; n--) {
		struct handover_link link = { .patience = -1 };

		start();
		no_room = n;
		CU_ASSERT_EQUAL(hear_all(SOURCE, ready, &link, answer, sizeof(answer)), -ENOSPC);
		no_room = 0;
		CU_ASSERT_EQUAL(shared->domain[SOURCE], RUNS);
		CU_ASSERT_EQUAL(state_of(SOURCE), n == 2 ? HANDOVER_SENDING : HANDOVER_HERE);
		CU_ASSERT_PTR_NOT_NULL(strstr(answer, " BACK\n"));
		CU_ASSERT_PTR_NULL(strstr(answer, " GO\n"));
		forget_both();
	}
}

TEST(test_cannot_run, "that it stays is said although it cannot go on yet, and is not forgotten")
{
	static const char *const ready[] = { "READY", NULL };
	static const char *const unknown[] = { "UNKNOWN", NULL };
	struct handover_link link = { .patience = -1 };
	struct handover_host host;
	char answer[512];

	start();
	me = SOURCE;
	run_fails = -ENOSPC;
	host = host_here();
	CU_ASSERT_EQUAL(handover_take_up(&host, token, NULL), -ENOSPC);
	CU_ASSERT_EQUAL(state_of(SOURCE), HANDOVER_HERE);
	CU_ASSERT_EQUAL(hear_all(SOURCE, ready, &link, answer, sizeof(answer)), -ENOSPC);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, " BACK\n"));
	/* Nobody else has it any more; it is not forgotten before it runs. */
	link = (struct handover_link){ .patience = -1 };
	CU_ASSERT_EQUAL(hear_all(SOURCE, unknown, &link, answer, sizeof(answer)), -ENOSPC);
	CU_ASSERT_EQUAL(state_of(SOURCE), HANDOVER_HERE);
	CU_ASSERT_EQUAL(shared->domain[SOURCE], STOPPED);
	run_fails = 0;
	link = (struct handover_link){ .patience = -1 };
	CU_ASSERT_EQUAL(hear_all(SOURCE, unknown, &link, answer, sizeof(answer)), 0);
	CU_ASSERT_EQUAL(shared->domain[SOURCE], RUNS);
	forget_both();
	/* From the beginning: the word goes before the guest, which may need the other's memory. */
	start();
	run_fails = -ENOSPC;
	link = (struct handover_link){ .patience = -1 };
	CU_ASSERT_EQUAL(hear_all(SOURCE, unknown, &link, answer, sizeof(answer)), -ENOSPC);
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, " BACK\n"));
	run_fails = 0;
	forget_both();
}

TEST(test_talkative, "who talks on and on is not listened to for ever")
{
	const char *words[101] = { NULL };
	static const struct {
		int who;
		const char *word;
		enum handover_state state;
	} cases[] = {
		{ SOURCE, "READY", HANDOVER_THERE },
		{ SOURCE, "READY", HANDOVER_HERE },
		{ DESTINATION, "GO", HANDOVER_NONE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct handover_link link = { .patience = -1 };
		struct handover_record r;
		char answer[8192], *at = answer;
		unsigned int answers = 0;

		start();
		CU_ASSERT_EQUAL_FATAL(handover_record_open(&r, dir[cases[i].who], token), 0);
		r.state = cases[i].state;
		CU_ASSERT_EQUAL(handover_record_write(&r), 0);
		handover_record_close(&r);
		for (int n = 0; n < 100; n++)
			words[n] = cases[i].word;
		hear_all(cases[i].who, words, &link, answer, sizeof(answer));
		while ((at = strchr(at, '\n'))) {
			answers++;
			at++;
		}
		CU_ASSERT(answers > 0);
		CU_ASSERT(answers <= 16);
		CU_ASSERT_EQUAL(link.in, -1);
		forget_both();
	}
}

TEST(test_no_bye, "once it runs nobody waits for a last word for ever")
{
	static const char *const go[] = { "GO", NULL };
	/* Whoever waited for ever for it would be killed by SIGALRM. */
	struct handover_link link = { .patience = 60000, .running_patience = 1 };
	struct handover_record r;
	char answer[512];

	start();
	CU_ASSERT_EQUAL_FATAL(handover_record_open(&r, dir[DESTINATION], token), 0);
	r.state = HANDOVER_READY;
	CU_ASSERT_EQUAL(handover_record_write(&r), 0);
	handover_record_close(&r);
	alarm(30);
	CU_ASSERT_EQUAL(hear_all(DESTINATION, go, &link, answer, sizeof(answer)), -EAGAIN);
	alarm(0);
	CU_ASSERT_EQUAL(shared->domain[DESTINATION], RUNS);
	CU_ASSERT_EQUAL(state_of(DESTINATION), HANDOVER_RUNNING);
	forget_both();
}

static void babble(const char *text, int ret, enum handover_state state)
{
	struct handover_host host;
	struct handover_link link;
	int fd[2];

	start();
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	CU_ASSERT_EQUAL(write(fd[1], text, strlen(text)), (ssize_t)strlen(text));
	shutdown(fd[1], SHUT_WR);
	me = SOURCE;
	host = host_here();
	link = (struct handover_link){ .in = fd[0], .out = fd[0], .patience = -1 };
	CU_ASSERT_EQUAL(handover_converse(&host, token, &link), ret);
	CU_ASSERT_EQUAL(state_of(SOURCE), state);
	close(fd[0]);
	close(fd[1]);
	forget(SOURCE);
	forget(DESTINATION);
}

TEST(test_babble, "who does not speak the language gets nothing")
{
	char line[128];

	babble("", -EAGAIN, HANDOVER_HERE);
	babble("READY", -EAGAIN, HANDOVER_HERE);
	babble("READY\n", -EPROTO, HANDOVER_HERE);
	babble("0123456789abcdef0123456789abcdef READY\n", -EPROTO, HANDOVER_HERE);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	babble(line, -EPROTO, HANDOVER_HERE);
}

SUITE("handover talk", .before = before, .after = after)
