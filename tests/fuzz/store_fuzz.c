// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c
// sources: libhvctl/store/tree.c libhvctl/store/quota.c libhvctl/store/watch.c
// sources: libhvctl/budget.c
// sources: libhvctl/store/transaction.c libhvctl/store/store.c libhvctl/store/control.c
// sources: libhvctl/store/journal.c
// sources: libhvctl/store/protocol.c
// options: -max_len=2048
//
// The store's protocol. Half of the inputs are requests of three domains, in and out of
// transactions, each reply held against a model that does one request after the other: a
// transaction that commits got the replies that it would have got at that very moment, one that
// fails changed nothing. The other half are raw messages of any type and payload. After every input
// the tree is well formed and the books of nodes, watches and transactions agree with it. Small
// budgets hold after each raw message: lines of the log, memory (as the allocator counts it), what
// waits to be sent, work in all and for one request.

#include "libhvctl/store/watch.h"

#include "allocated.h"
#include "store_model.h"

#include "fuzz.h"

static struct model model, copy;
static struct open_transaction open_tx[OPEN_MAX];
static struct client *client[4];

static void take_request(struct fuzz_in *in, struct model_request *request)
{
	static const uint32_t types[] = {
		XS_READ, XS_DIRECTORY, XS_WRITE, XS_WRITE, XS_MKDIR, XS_RM, XS_GET_PERMS,
		XS_SET_PERMS,
	};
	uint8_t what = fuzz_u8(in), where = fuzz_u8(in), more = fuzz_u8(in);

	memset(request, 0, sizeof(*request));
	request->type = types[what % 8];
	for (unsigned int depth = where & 3; depth; depth--, where >>= 2)
		sprintf(request->path + strlen(request->path), "/%c", 'a' + (where >> 2) % 3);
	if (!request->path[0])
		strcpy(request->path, "/");
	if (request->type == XS_WRITE)
		sprintf(request->argument, "%u", more);
	else if (request->type == XS_SET_PERMS) {
		sprintf(request->argument, "%c%u|", "rwbn"[more & 3], (more >> 2) % 3);
		if (more & 0x80)
			sprintf(request->argument + 3, "%c%u|", "nrwb"[more >> 5 & 3],
				1 + (more >> 4 & 1));
	}
}

static void against_model(struct fuzz_in *in)
{
	struct model_request request = { .type = XS_SET_PERMS, .path = "/", .argument = "b0|" };
	char reply[256], expected[256];

	memset(open_tx, 0, sizeof(open_tx));
	memset(&model, 0, sizeof(model));
	strcpy(model_make(&model, "/")->perms, "n0|");
	real_do(client[0], 0, &request, reply);
	model_do(&model, 0, &request, expected);
	while (fuzz_more(in)) {
		uint8_t op = fuzz_u8(in);
		struct open_transaction *t = &open_tx[op % OPEN_MAX];
		unsigned int who = (op >> 3) % 3;

		fake_now++;
		if (op >> 6 == 0) {
			take_request(in, &request);
			real_do(client[who], 0, &request, reply);
			model_do(&model, who, &request, expected);
			fuzz_say("%u: %u %s %s: %s\n", who, request.type, request.path,
				 request.argument, reply);
			FUZZ_CHECK(!strcmp(reply, expected),
				   "domain %u, type %u %s: %s, should be %s", who, request.type,
				   request.path, reply, expected);
		} else if (!t->open) {
			*t = (struct open_transaction){ .open = true,
							.client = who,
							.base = model };
			t->id = start(client[who]);
			fuzz_say("%u: start %u\n", who, t->id);
		} else if (op >> 6 != 3 && t->count < REQUESTS_MAX) {
			unsigned int i = t->count++;

			take_request(in, &t->request[i]);
			real_do(client[t->client], t->id, &t->request[i], t->reply[i]);
			fuzz_say("%u/%u: %u %s %s: %s\n", t->client, t->id, t->request[i].type,
				 t->request[i].path, t->request[i].argument, t->reply[i]);
		} else {
			bool keep = !(op & 0x20);

			t->open = false;
			copy = t->base;
			FUZZ_CHECK(same_replies(&copy, t, t->client, true),
				   "a transaction sees what was not so");
			t->changes = copy.version != t->base.version;
			ask_text(client[t->client], XS_TRANSACTION_END, t->id, keep ? "T|" : "F|");
			fuzz_say("%u: end %u: %s\n", t->client, t->id, last.data);
			if (!keep) {
				CU_ASSERT_STRING_EQUAL(last.data, "OK");
			} else if (last.type == XS_ERROR) {
				CU_ASSERT_STRING_EQUAL(last.data, "EAGAIN");
				FUZZ_CHECK(t->changes && model_spoiled(&model, t),
					   "refused without a reason");
			} else if (t->changes) {
				FUZZ_CHECK(same_replies(&model, t, t->client, false),
					   "it committed all the same");
			}
		}
	}
	for (unsigned int i = 0; i < model.count; i++) {
		const struct model_node *m = &model.node[i];
		const struct node *node;

		if (!m->exists)
			continue;
		node = tree_find(&store->live, m->path);
		FUZZ_CHECK(node && node->value_length == strlen(m->value) &&
			   !memcmp(node->value ? node->value : "", m->value, node->value_length),
			   "%s is not what the model has", m->path);
	}
}

static void drain(struct client *c)
{
	size_t length;

	while (client_output(c, &length)) {
		FUZZ_CHECK(length > 0, "nothing to send, and yet something");
		client_sent(c, length);
	}
}

#define GUESTS 3

/* What the guests have had of their budgets since the input began. */
static struct {
	uint64_t start;			/* ms */
	size_t memory, tree;		/* bytes: of all, the most that the tree has had */
	uint64_t work[GUESTS + 1], most;	/* most: for one request */
	unsigned int lives;		/* of domains: a new one has new budgets */
} had;

static void begin_budgets(void)
{
	static const struct quota small = { .limit = {
		[QUOTA_NODES] = 40,
		[QUOTA_WATCHES] = 8,
		[QUOTA_TRANSACTIONS] = 2,
		[QUOTA_VALUE] = 100,
		[QUOTA_PATH] = 200,
		[QUOTA_PERMS] = 3,
		[QUOTA_REQUESTS] = 4,
		[QUOTA_EVENTS] = 30,
		[QUOTA_TRANSACTION_NODES] = 40,
		[QUOTA_TRANSACTION_BYTES] = 4096,
		[QUOTA_TRANSACTION_CHURN] = 8192,
		[QUOTA_WORK] = 500,
		[QUOTA_LOG_LINES] = 2,
	} };

	store->quota = small;
	memset(&had, 0, sizeof(had));
	had.start = fake_now;
	had.lives = GUESTS;
	log_lines = 0;
	had.memory = allocated_bytes();
}

/* What is in the tree, which the quotas of nodes, values and permissions bound. */
static size_t tree_bytes(const struct node *node)
{
	size_t sum = sizeof(*node) + strlen(node->name) + 1 + node->value_length + 128 +
		     node->max_children * sizeof(*node->child);

	for (unsigned int i = 0; i < node->nr_children; i++)
		sum += tree_bytes(node->child[i]);
	return sum;
}

/* What the clients' watches and output take, which other quotas bound. */
static size_t client_bytes(void)
{
	size_t sum = 0;

	for (unsigned int i = 0; i <= GUESTS; i++) {
		sum += 2 * client[i]->out_bytes + 1024 +
		       256 * (client[i]->out_replies + client[i]->out_events);
		for (const struct watch *w = client[i]->watches; w; w = w->next)
			sum += sizeof(*w) + strlen(w->token) + XENSTORE_ABS_PATH_MAX + 128;
	}
	return sum;
}

static void check_budgets(void)
{
	uint64_t seconds = (fake_now - had.start) / 1000 + 1;
	size_t memory = allocated_bytes();

	/* All the rest is in transactions: their own bytes, and what the oldest has seen go. */
	size_t known = tree_bytes(store->live.root) + client_bytes();

	if (known > had.tree)
		had.tree = known;
	FUZZ_CHECK(memory <= had.memory + known + had.tree + 16384 +
				     GUESTS * 2 * (4096 + 2048) + 2 * 8192,
		   "%zu bytes, %zu of them known", memory - had.memory, known);
	/* One line and one that tells of those missing; an end can tell of them, too. */
	FUZZ_CHECK(log_lines <= had.lives * (2 * (2 + seconds / 30) + 1), "%u lines", log_lines);
	FUZZ_CHECK(had.most <= 4000, "%llu units of work", (unsigned long long)had.most);
	for (unsigned int i = 1; i <= GUESTS; i++) {
		FUZZ_CHECK(client[i]->out_replies <= 4 && client[i]->out_events <= 30,
			   "too much to send");
		FUZZ_CHECK(had.work[i] <= 500 * (seconds + 1) * had.lives + had.most,
			   "%llu units of work in all", (unsigned long long)had.work[i]);
	}
}

/* As the daemon does: a guest that has to wait is not asked. Returns whether it was. */
static bool tell_budgeted(unsigned int who, uint32_t type, uint32_t tx, const char *payload,
			  size_t n)
{
	uint64_t before = store->work, until;

	if (who && (!client_may_ask(client[who], &until) || client[who]->broken))
		return false;
	/* By these domain 0 could change the budgets, and keep what it likes. */
	if (!who && (type == XS_CONTROL || type == XS_TRANSACTION_START))
		return false;
	tell(client[who], type, tx, payload, n);
	if (!who)
		return true;
	had.work[who] += store->work - before;
	if (store->work - before > had.most)
		had.most = store->work - before;
	return true;
}

static void raw_messages(struct fuzz_in *in, bool budgeted)
{
	static const char *const words[] = {
		"/", "/a", "/a/b", "/local/domain/1", "a", "@releaseDomain", "@introduceDomain",
		"token", "1",
		"0", "9", "r0", "b1", "n1", "T", "F", "check", "quota", "4294967295", "/a//b", "//",
		"/a/", "",
	};
	char payload[XENSTORE_PAYLOAD_MAX];

	if (budgeted)
		begin_budgets();
	while (fuzz_more(in)) {
		unsigned int who = fuzz_below(in, 4), left = fuzz_below(in, 6);
		uint32_t type = fuzz_below(in, 28), tx = fuzz_below(in, 4) ? 0 : fuzz_below(in, 4);
		size_t n = 0;
		uint8_t kind;

		while (left--) {
			uint8_t w = fuzz_u8(in);

			if (w < 0xc0) {
				const char *s = words[w % (sizeof(words) / sizeof(words[0]))];

				memcpy(payload + n, s, strlen(s));
				n += strlen(s);
				if (!(w & 0x20))
					payload[n++] = '\0';
			} else {
				n += fuzz_bytes(in, payload + n, w & 0x1f);
			}
		}
		/* One long value or path now and then: quotas are about those. */
		kind = fuzz_u8(in);
		if (kind > 0xe0) {
			size_t more = kind & 1 ? 3000 : 1000 + kind;

			memset(payload + n, 'x', more);
			n += more;
			if (!(kind & 1))
				payload[n++] = '\0';
		}
		fuzz_say("%u: type %u tx %u, %zu bytes\n", who, type, tx, n);
		if (budgeted)
			tell_budgeted(who, type, tx, payload, n);
		else
			tell(client[who], type, tx, payload, n);
		for (unsigned int i = 0; i < 4; i++)
			if (!fuzz_below(in, 4) || client[i]->out_bytes > 100000)
				drain(client[i]);
		fake_now += fuzz_u8(in);
		if (!fuzz_below(in, 16))
			client_reset(client[who]);
		if (client[who]->broken || !fuzz_below(in, 64)) {
			domid_t domid = client[who]->domid;

			client_free(client[who]);
			if (domid) {
				FUZZ_CHECK(!store_domain_gone(store, domid), "no memory");
				had.lives++;
			}
			client[who] = client_new(store, domid, NULL);
		}
		for (unsigned int i = 1; i < 4; i++)
			FUZZ_CHECK(client[i]->nr_watches <= store->quota.limit[QUOTA_WATCHES] &&
					   client[i]->nr_transactions <=
						   store->quota.limit[QUOTA_TRANSACTIONS],
				   "over a quota");
		if (budgeted)
			check_budgets();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t kind = fuzz_u8(&in);

	seed = 1;
	introduced = released = 0;
	begin();
	for (unsigned int i = 0; i < 4; i++)
		client[i] = client_new(store, i, NULL);
	if (kind & 1)
		raw_messages(&in, !(kind & 2));
	else
		against_model(&in);
	while (store->clients)
		client_free(store->clients);
	end(client_new(store, 0, NULL));
	return 0;
}
