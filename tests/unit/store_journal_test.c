// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c libhvctl/store/tree.c
// sources: libhvctl/store/quota.c libhvctl/store/watch.c libhvctl/store/transaction.c
// sources: libhvctl/budget.c libhvctl/store/store.c libhvctl/store/journal.c
// sources: libhvctl/store/control.c libhvctl/store/protocol.c libhvctl/store/ring.c
// sources: libhvctl/store/connection.c libhvctl/store/replay.c
/*
 * The journal: whatever guests and programs do, a daemon that reads it has the store that the one
 * before had; wherever it was cut off, it has what was whole; and no bit of it is wrong unseen. A
 * guest whose daemon is killed at any step of its work gets the answers that it would have got.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_journal.h"

static struct store_host journal_host;
static struct ring_connection *ring[3];
static struct client *program;

static void open_file(void)
{
	file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_FATAL(file != MAP_FAILED);
}

static void close_file(void)
{
	munmap(file, sizeof(*file));
	journal_free(&record);
}

static void begin_journal(void)
{
	open_file();
	begin();
	journal_host = fake_host;
	journal_host.commit = memory_commit;
	store->host = &journal_host;
	for (unsigned int i = 0; i < 3; i++) {
		ring[i] = connect_ring(i);
		ring[i]->connection.client->lasting = &ring[i]->lasting;
	}
	program = client_new(store, 0, NULL);
	memory_begin(store, ring, 3);
}

static void end_journal(void)
{
	store->journal = NULL;
	end(program);
	for (unsigned int i = 0; i < 3; i++)
		free(ring[i]);
	close_file();
}

/* ------------------------------------------------------------------------------------------------
 * Anything that can be done
 */

static size_t any_request(char *raw, uint32_t *last_tx)
{
	static const char *const texts[] = {
		"/a|x", "/a|", "/a/b|yy", "/a/b|", "/a/b/c/d|zzz", "/|", "/c|n1|r2|b0|", "/c|b0|",
		"/a|b1|r2|", "a|1", "a|t|", "/a|t|", "/|u|", "@releaseDomain|t|",
		"@releaseDomain|n0|r1|", "T|", "F|", "1|", "2|1|", "quota|2|nodes=50|",
		"quota|work=100000|", "/c/e|", "/c/e|1", "data|relative", "|",
	};
	static const uint32_t types[] = {
		XS_READ, XS_DIRECTORY, XS_WRITE, XS_WRITE, XS_WRITE, XS_MKDIR, XS_RM, XS_SET_PERMS,
		XS_SET_PERMS, XS_WATCH, XS_WATCH, XS_UNWATCH, XS_TRANSACTION_START,
		XS_TRANSACTION_END, XS_RESET_WATCHES, XS_CONTROL, XS_SET_TARGET,
	};
	const char *text = texts[chance(sizeof(texts) / sizeof(texts[0]))];
	struct xsd_sockmsg header = {
		.type = types[chance(sizeof(types) / sizeof(types[0]))],
		.req_id = chance(1000),
		.tx_id = chance(2) ? 0 : *last_tx,
		.len = strlen(text),
	};

	if (header.type == XS_TRANSACTION_START) {
		header.tx_id = 0;
		++*last_tx;
	}
	if (header.type == XS_RESET_WATCHES && chance(8))
		header.type = XS_READ;
	memcpy(raw, &header, sizeof(header));
	encode(raw + sizeof(header), text);
	/* A long value now and then, longer than a ring. */
	if (header.type == XS_WRITE && !chance(8)) {
		size_t more = chance(1900);

		memset(raw + sizeof(header) + header.len, 'v', more);
		header.len += more;
		memcpy(raw, &header, sizeof(header));
	}
	return sizeof(header) + header.len;
}

/* One who has a stream of requests, of which a part is in the ring. */
static struct {
	char raw[8192];
	size_t length, put;
	uint32_t last_tx;
} stream[3];

static bool answers_stay;	/* nobody takes any */

static void step(struct turns *turns)
{
	unsigned int who = chance(3), part;
	char raw[4096], *data;

	switch (chance(8)) {
	case 0:
		if (ring[who]->connection.client && !answers_stay) {
			ring[who]->ring.rsp_cons = ring[who]->ring.rsp_prod;
			turns_add(turns, &ring[who]->connection);
		}
		break;
	case 1: {
		static uint32_t tx;
		struct xsd_sockmsg header;
		size_t n = any_request(raw, &tx);

		memcpy(&header, raw, sizeof(header));
		ask(program, header.type, header.tx_id, raw + sizeof(header), n - sizeof(header));
		break;
	}
	case 2:
		fake_now += chance(100);
		break;
	default:
		if (!ring[who]->connection.client)
			break;
		if (stream[who].put == stream[who].length) {
			stream[who].length = any_request(stream[who].raw, &stream[who].last_tx);
			stream[who].put = 0;
		}
		part = 1 + chance(stream[who].length - stream[who].put);
		data = stream[who].raw + stream[who].put;
		if (part > 1024)
			part = 1024;
		if (guest_put(&ring[who]->ring, data, part))
			stream[who].put += part;
		turns_add(turns, &ring[who]->connection);
	}
	turns_run(turns, fake_now);
	memory_commit(NULL);
}

/* Read the first @length bytes, and go on where the rings are. The result is to be freed. */
static bool reads_as(size_t length, const struct image *wanted, bool with_rings)
{
	struct replayed result;
	struct store *made;
	struct image got;
	bool same = replay_file(&made, file->data, length, &result) == REPLAY_WHOLE;

	for (struct remembered *at = result.domains; at; at = at->next) {
		struct lasting *lasting = &at->lasting;
		size_t sent;

		if (!at->client)
			continue;
		at->client->lasting = lasting;
		if (!with_rings)
			continue;
		same &= lasting->place.consumed == ring[at->domid]->lasting.place.consumed;
		same &= at->inbox.have == ring[at->domid]->connection.inbox.have &&
			!memcmp(at->inbox.data, ring[at->domid]->connection.inbox.data,
				at->inbox.have);
		same &= !ring_resume(&ring[at->domid]->ring, &lasting->place, at->output,
				     at->client->out_bytes, &sent);
		if (same)
			replay_skip(at->client, sent);
	}
	image_make(&got, made);
	if (wanted)
		same &= image_same(&got, wanted);
	image_free(&got);
	{
		struct client *dom0 = client_new(made, 0, NULL);

		check_store(dom0);
		client_free(dom0);
	}
	replay_end(made, &result);
	return same;
}

TEST(test_replay, "a daemon that reads the journal has the store")
{
	for (unsigned int round = 0; round < 30; round++) {
		struct turns turns = { 0 };
		struct image now;

		memset(stream, 0, sizeof(stream));
		begin_journal();
		for (unsigned int i = 0; i < 300; i++) {
			step(&turns);
			if (file->length > JOURNAL_MAX / 2)
				memory_begin(store, ring, 3);
		}
		image_make(&now, store);
		CU_ASSERT_TRUE(reads_as(file->length, &now, true));
		/* And from the journal that it begins itself. */
		memory_begin(store, ring, 3);
		CU_ASSERT_TRUE(reads_as(file->length, &now, true));
		image_free(&now);
		for (unsigned int i = 0; i < 3; i++)
			if (ring[i]->connection.client)
				turns_remove(&turns, &ring[i]->connection);
		end_journal();
	}
}

/* ------------------------------------------------------------------------------------------------
 * What is missing, and what is wrong
 */

/* Where each record ends, and the store then. */
#define RECORDS	40

static size_t end_of[RECORDS];
static struct image image_of[RECORDS];
static unsigned int records;

static void make_records(void)
{
	struct turns turns = { 0 };

	memset(stream, 0, sizeof(stream));
	begin_journal();
	records = 0;
	/* So that the images have all the output. */
	answers_stay = true;
	for (unsigned int i = 0; i < 3; i++)
		ring[i]->ring.rsp_cons = -XENSTORE_RING_SIZE;
	do {
		if (!records || file->length != end_of[records - 1]) {
			end_of[records] = file->length;
			image_make(&image_of[records++], store);
		}
		step(&turns);
	} while (records < RECORDS);
	answers_stay = false;
	file->length = end_of[records - 1];
	for (unsigned int i = 0; i < 3; i++)
		if (ring[i]->connection.client)
			turns_remove(&turns, &ring[i]->connection);
}

static void free_records(void)
{
	for (unsigned int i = 0; i < records; i++)
		image_free(&image_of[i]);
	end_journal();
}

TEST(test_truncated, "a journal that ends anywhere")
{
	unsigned int whole = 0;

	make_records();
	for (size_t length = 0; length <= end_of[records - 1]; length++) {
		struct replayed result;
		struct store *made;
		enum replay_result found = replay_file(&made, file->data, length, &result);

		if (!length)
			CU_ASSERT_EQUAL(found, REPLAY_NONE);
		while (whole < records && end_of[whole] <= length)
			whole++;
		/* A file has its name once its first record is there. */
		if (length && length < end_of[0])
			CU_ASSERT_EQUAL(found, REPLAY_DAMAGED);
		if (length >= end_of[0]) {
			CU_ASSERT_EQUAL(found, REPLAY_WHOLE);
			CU_ASSERT_EQUAL(result.records, whole);
			CU_ASSERT_EQUAL(result.whole, end_of[whole - 1]);
		}
		replay_end(made, &result);
		if (length >= end_of[0] && (length == end_of[whole - 1] || !chance(64)))
			CU_ASSERT_TRUE(reads_as(length, &image_of[whole - 1], false));
	}
	free_records();
}

TEST(test_flipped, "a journal with a wrong bit")
{
	make_records();
	for (size_t byte = 0; byte < end_of[records - 1]; byte++) {
		struct replayed result;
		struct store *made;
		enum replay_result found;
		unsigned int whole = 0;
		char bit = 1 << chance(8);

		file->data[byte] ^= bit;
		found = replay_file(&made, file->data, end_of[records - 1], &result);
		file->data[byte] ^= bit;
		while (end_of[whole] <= byte)
			whole++;
		CU_ASSERT_EQUAL(found, byte < 12 ? REPLAY_FOREIGN : REPLAY_DAMAGED);
		/* What stands before is taken, and nothing else. */
		CU_ASSERT_EQUAL(result.records, byte < sizeof(struct journal_head) ? 0 : whole);
		replay_end(made, &result);
	}
	free_records();
}

TEST(test_foreign, "journals of others")
{
	struct replayed result;
	struct store *made;
	uint32_t version;

	make_records();
	made = store_new(&fake_host, NULL);
	CU_ASSERT_EQUAL(replay(made, file->data, file->length, "another boot", &result, &version),
			REPLAY_NONE);
	replay_end(made, &result);
	((struct journal_head *)file->data)->version = JOURNAL_VERSION + 6;
	made = store_new(&fake_host, NULL);
	CU_ASSERT_EQUAL(replay(made, file->data, file->length, "boot", &result, &version),
			REPLAY_FOREIGN);
	CU_ASSERT_EQUAL(version, JOURNAL_VERSION + 6);
	replay_end(made, &result);
	file->data[0] ^= 1;
	made = store_new(&fake_host, NULL);
	CU_ASSERT_EQUAL(replay(made, file->data, file->length, "boot", &result, &version),
			REPLAY_FOREIGN);
	CU_ASSERT_EQUAL(version, 0);
	replay_end(made, &result);
	free_records();
}

/* ------------------------------------------------------------------------------------------------
 * A daemon that is killed at any step
 */

/* What outlives it: the file, the page, and the guest. */
struct world {
	struct memory_file file;
	struct xenstore_domain_interface ring;
	char answers[1 << 16];
	size_t asked, answered;
	uint32_t chances;
};

static struct world *world;
static char asked[1 << 15];
static size_t asked_length;
static unsigned int steps_left;		/* of the daemon's, before it is killed */
static struct ring_connection *only;
static struct turns only_turns;

static void work_step(void)
{
	if (steps_left && !--steps_left)
		_exit(0);
}

static void killed_commit(void *context)
{
	size_t length = file->length;

	work_step();
	memory_commit(context);
	/* In the middle of the writing, too. */
	if (steps_left == 1 && file->length != length) {
		file->length -= (file->length - length) / 2;
		_exit(0);
	}
	work_step();
}

static ssize_t killed_read(struct connection *connection, char *out, size_t size)
{
	work_step();
	return ring_read(&world->ring, &only->lasting.place, out, size);
}

static ssize_t killed_write(struct connection *connection, const char *in, size_t size)
{
	ssize_t result;

	work_step();
	result = ring_write(&world->ring, &only->lasting.place, in, size);
	work_step();
	return result;
}

static void killed_moved(struct connection *connection)
{
	work_step();
	ring_took(&world->ring, &only->lasting.place);
	work_step();
}

static const struct connection_ops killed_ops = {
	.read = killed_read,
	.write = killed_write,
	.moved = killed_moved,
	.lost = sim_lost,
};

static void ask_later(uint32_t type, const char *text, size_t more)
{
	struct xsd_sockmsg header = { .type = type, .req_id = asked_length,
				      .len = strlen(text) + more };

	memcpy(asked + asked_length, &header, sizeof(header));
	asked_length += sizeof(header);
	encode(asked + asked_length, text);
	asked_length += strlen(text);
	memset(asked + asked_length, 'x', more);
	asked_length += more;
}

/*
 * Requests and answers shorter and longer than a ring, and events between the answers. Each path is
 * written once, so that no two events are equal and the answers are the same whatever the time.
 */
static void make_requests(void)
{
	char text[64];

	asked_length = 0;
	ask_later(XS_WATCH, "/w|token|", 0);
	ask_later(XS_WATCH, "data|second|", 0);
	for (unsigned int i = 0; i < 12; i++) {
		snprintf(text, sizeof(text), "/w/%u|", i);
		ask_later(XS_WRITE, text, i % 4 == 3 ? 1900 : i * 7);
		ask_later(XS_READ, text, 0);
		snprintf(text, sizeof(text), "data/%u|", i);
		ask_later(XS_MKDIR, text, 0);
		ask_later(XS_GET_PERMS, text, 0);
		ask_later(XS_DIRECTORY, "/w|", 0);
	}
	ask_later(XS_UNWATCH, "/w|token|", 0);
	ask_later(XS_RM, "/w/3|", 0);
	ask_later(XS_READ, "/w/3|", 0);
}

static void serve_ring(struct lasting *lasting, struct client *client, const struct inbox *inbox)
{
	only = calloc(1, sizeof(*only));
	only->connection.ops = &killed_ops;
	only->lasting = *lasting;
	if (inbox)
		only->connection.inbox = *inbox;
	only->connection.client = client;
	client->transport = only;
	client->lasting = &only->lasting;
	memset(&only_turns, 0, sizeof(only_turns));
}

static void killed_output(void *context, struct client *client)
{
	if (client->transport)
		turns_add(&only_turns, client->transport);
}

static void begin_killed(void)
{
	begin();
	journal_host = fake_host;
	journal_host.commit = killed_commit;
	journal_host.output = killed_output;
	store->host = &journal_host;
}

static void first_daemon(void)
{
	struct client *dom0;

	begin_killed();
	dom0 = client_new(store, 0, NULL);
	REPLIES(dom0, XS_MKDIR, "/w|", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/w|b0|", "OK|");
	REPLIES(dom0, XS_MKDIR, "/local/domain/1|", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/local/domain/1|n1|", "OK|");
	client_free(dom0);
	world->ring.req_cons = world->ring.req_prod = 0xfffffc07;
	world->ring.rsp_cons = world->ring.rsp_prod = 0xfffffff1;
	serve_ring(&(struct lasting){ .port = 5 }, client_new(store, 1, NULL), NULL);
	ring_find(&world->ring, &only->lasting.place);
	memory_begin(store, &only, 1);
}

static void next_daemon(void)
{
	struct replayed result;
	uint32_t version;
	size_t sent;

	begin_killed();
	CU_ASSERT_EQUAL_FATAL(replay(store, file->data, file->length, "boot", &result, &version),
			      REPLAY_WHOLE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(result.domains);
	file->length = result.whole;
	file->number = result.records;
	serve_ring(&result.domains->lasting, result.domains->client, &result.domains->inbox);
	CU_ASSERT_EQUAL_FATAL(ring_resume(&world->ring, &only->lasting.place,
					  result.domains->output,
					  only->connection.client->out_bytes, &sent), 0);
	replay_skip(only->connection.client, sent);
	/* As take_up() does: a guest that waits for room would wait for ever. */
	ring_took(&world->ring, &only->lasting.place);
	replay_free(&result);
	journal_empty(&record);
	store->journal = &record;
	/* Now and then with a file of its own. */
	if (chance(2))
		memory_begin(store, &only, 1);
}

static void last_daemon(void)
{
	store->journal = NULL;
	turns_remove(&only_turns, &only->connection);
	end(client_new(store, 0, NULL));
	free(only);
}

/* The guest and its daemon, until nothing is left to say. */
static void talk(void)
{
	unsigned int idle = 0;

	while (idle < 20) {
		size_t put = 1 + chance(700), room;
		uint32_t cons = world->ring.rsp_cons, take;

		seed = world->chances;
		/* Now and then all that there is room for. */
		if (!chance(4))
			put = XENSTORE_RING_SIZE;
		room = XENSTORE_RING_SIZE - (world->ring.req_prod - world->ring.req_cons);
		if (put > room)
			put = room;
		if (put > asked_length - world->asked)
			put = asked_length - world->asked;
		guest_put(&world->ring, asked + world->asked, put);
		world->asked += put;
		take = world->ring.rsp_prod - cons;
		if (take > 1)
			take = 1 + chance(take);
		for (uint32_t i = 0; i < take; i++)
			world->answers[world->answered++] =
				world->ring.rsp[MASK_XENSTORE_IDX(cons + i)];
		world->ring.rsp_cons = cons + take;
		chance(2);
		world->chances = seed;
		idle = put || take ? 0 : idle + 1;
		fake_now += 1000;
		turns_add(&only_turns, &only->connection);
		turns_run(&only_turns, fake_now);
	}
}

static void begin_world(void)
{
	memset(world, 0, offsetof(struct world, file.data));
	memset(&world->ring, 0, sizeof(*world) - offsetof(struct world, ring));
	world->chances = 7;
	file = &world->file;
	steps_left = 0;
}

TEST(test_killed, "a daemon that is killed at any step, and a ring")
{
	static char answers[sizeof(world->answers)];
	unsigned int step, finished = 0;
	size_t answered;

	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	CU_ASSERT_FATAL(world != MAP_FAILED);
	make_requests();
	begin_world();
	first_daemon();
	talk();
	last_daemon();
	CU_ASSERT_EQUAL(world->asked, asked_length);
	answered = world->answered;
	memcpy(answers, world->answers, answered);
	CU_ASSERT_TRUE(answered > 7000);

	for (step = 1; !finished; step++) {
		pid_t child;
		int status;

		begin_world();
		fflush(stdout);
		/* The first one lives that long, the second half as long, and the last one on. */
		for (unsigned int daemon = 0; daemon < 2; daemon++) {
			child = fork();
			if (!child) {
				if (daemon)
					next_daemon();
				else
					first_daemon();
				steps_left = daemon ? step / 2 + 1 : step;
				talk();
				_exit(daemon ? 0 : 3);
			}
			CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
			CU_ASSERT_TRUE(WIFEXITED(status));
			if (WEXITSTATUS(status) == 3)
				finished = 1;
		}
		next_daemon();
		talk();
		last_daemon();
		CU_ASSERT_EQUAL(world->asked, asked_length);
		CU_ASSERT_EQUAL(world->answered, answered);
		CU_ASSERT_EQUAL(memcmp(world->answers, answers, answered), 0);
		if (world->answered != answered || memcmp(world->answers, answers, answered))
			break;
	}
	CU_ASSERT_TRUE(step > 300);
	munmap(world, sizeof(*world));
	file = NULL;
	journal_free(&record);
}

static struct connection *removed;

/* A request that ends another's connection, and an answer to it that has to wait for its turn. */
static ssize_t removing_read(struct connection *connection, char *out, size_t size)
{
	turns_remove(&only_turns, removed);
	turns_add(&only_turns, connection);
	return 0;
}

TEST(test_removed_in_turn, "a connection ends in the turn of another")
{
	static const struct connection_ops ops = { .read = removing_read, .write = sim_write,
						   .lost = sim_lost };
	struct connection asking = { .ops = &ops }, other = { .ops = &ops };

	begin();
	asking.client = client_new(store, 0, NULL);
	other.client = client_new(store, 0, NULL);
	removed = &other;
	memset(&only_turns, 0, sizeof(only_turns));
	turns_add(&only_turns, &asking);
	turns_add(&only_turns, &other);
	alarm(10); /* it must not go round for ever */
	turns_run(&only_turns, 1);
	alarm(0);
	CU_ASSERT_FALSE(asking.taken || other.taken || other.active);
	CU_ASSERT_PTR_NULL(only_turns.taken);
	turns_remove(&only_turns, &asking);
	end(client_new(store, 0, NULL));
}

/* ------------------------------------------------------------------------------------------------
 * What cannot be kept, or must not be
 */

static struct client *find_client(struct store *of, domid_t domid)
{
	struct client *client = of->clients;

	while (client && client->domid != domid)
		client = client->next;
	return client;
}

TEST(test_transactions, "transactions end with their daemon")
{
	struct client *guest;
	struct replayed result;
	uint32_t one, two;
	struct store *made, *before;

	begin_journal();
	guest = ring[1]->connection.client;
	REPLIES(program, XS_MKDIR, "/g|", "OK|");
	REPLIES(program, XS_SET_PERMS, "/g|b0|", "OK|");
	one = start(guest);
	two = start(guest);
	start(guest);
	REPLIES_TX(guest, XS_WRITE, one, "/g/lost|1", "OK|");
	REPLIES_TX(guest, XS_TRANSACTION_END, two, "T|", "OK|");
	memory_commit(NULL);
	CU_ASSERT_EQUAL(replay_file(&made, file->data, file->length, &result), REPLAY_WHOLE);
	guest = find_client(made, 1);
	before = store;
	store = made;
	/* What it was answered has left. */
	client_discard_output(guest);
	CU_ASSERT_EQUAL(guest->nr_transactions, 2);
	/* What Linux takes for a fatal error is not said; the end says it, and all begins anew. */
	REPLIES_TX(guest, XS_WRITE, one, "/g/more|2", "OK|");
	REPLIES_TX(guest, XS_READ, one, "/g|", "");
	REPLIES_TX(guest, XS_READ, one, "/g/more|", "ENOENT|");
	REPLIES_TX(guest, XS_READ, two, "/g|", "ENOENT|");
	REPLIES_TX(guest, XS_TRANSACTION_END, one, "T|", "EAGAIN|");
	REPLIES_TX(guest, XS_TRANSACTION_END, one, "T|", "ENOENT|");
	REPLIES(guest, XS_READ, "/g/lost|", "ENOENT|");
	/* Numbers are not used twice. */
	CU_ASSERT_TRUE(start(guest) > two + 1);
	store = before;
	replay_end(made, &result);
	end_journal();
}

TEST(test_gone, "a domain that is gone leaves nothing, and spends nothing twice")
{
	struct replayed result;
	struct store *made;

	begin_journal();
	REPLIES(program, XS_WRITE, "/x|secret", "OK|");
	REPLIES(program, XS_SET_PERMS, "/x|n1|r2|", "OK|");
	REPLIES(program, XS_SET_PERMS, "@releaseDomain|n0|r1|", "OK|");
	CU_ASSERT_PTR_NOT_NULL(strstr(ask_text(program, XS_CONTROL, 0, "quota|2|nodes=7|"),
				      "nodes=7 own used=0\n"));
	client_free(ring[1]->connection.client);
	ring[1]->connection.client = NULL;
	journal_release(store, 1);
	CU_ASSERT_EQUAL(store_domain_gone(store, 1), 0);
	memory_commit(NULL);
	CU_ASSERT_EQUAL(replay_file(&made, file->data, file->length, &result), REPLAY_WHOLE);
	CU_ASSERT_EQUAL(perms_owner(tree_find(&made->live, "/x")->perms), 0);
	CU_ASSERT_EQUAL(made->special[SPECIAL_RELEASE]->count, 1);
	CU_ASSERT_PTR_NULL(find_client(made, 1));
	CU_ASSERT_EQUAL(store_limit(made, 2, QUOTA_NODES), 7);
	CU_ASSERT_EQUAL(store_limit(made, 3, QUOTA_NODES), 1000);
	/* The next daemon takes the budgets of a time for used up. */
	CU_ASSERT_FALSE(budget_take(&account_find(&made->accounts, 2)->work,
				    &(struct budget_rate){ 200 * 1000, 1000 }, 1, fake_now));
	replay_end(made, &result);
	end_journal();
}

SUITE("store-journal", .init = seed_init)
