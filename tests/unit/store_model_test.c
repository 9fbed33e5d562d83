// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c libhvctl/store/tree.c
// sources: libhvctl/store/quota.c libhvctl/store/watch.c libhvctl/store/transaction.c
// sources: libhvctl/budget.c
// sources: libhvctl/store/store.c libhvctl/store/journal.c
// sources: libhvctl/store/control.c libhvctl/store/protocol.c
// bits: 64 32
/*
 * Transactions at random against a model that knows nothing but how to do one request after the
 * other: every transaction that commits must have got the replies it would have got at that very
 * moment, and one that fails must have changed nothing. HVSTORE_TEST_SEED=n repeats a run.
 */
#include "store_model.h"

static void random_request(struct model_request *request)
{
	static const uint32_t types[] = {
		XS_READ,  XS_READ,  XS_DIRECTORY, XS_WRITE,     XS_WRITE,
		XS_WRITE, XS_MKDIR, XS_RM,        XS_GET_PERMS, XS_SET_PERMS,
	};

	request->type = types[chance(sizeof(types) / sizeof(types[0]))];
	request->path[0] = '\0';
	for (unsigned int depth = chance(16) ? 1 + chance(3) : 0; depth; depth--)
		sprintf(request->path + strlen(request->path), "/%c", (int)('a' + chance(3)));
	if (!request->path[0])
		strcpy(request->path, "/");
	request->argument[0] = '\0';
	if (request->type == XS_WRITE) {
		sprintf(request->argument, "%u", chance(1000));
	} else if (request->type == XS_SET_PERMS) {
		sprintf(request->argument, "%c%u|", "rwbb"[chance(4)], chance(3));
		if (chance(2))
			sprintf(request->argument + 3, "%c%u|", "nrwb"[chance(4)], 1 + chance(2));
	}
}

TEST(test_model, "transactions against a model")
{
	static struct open_transaction open[OPEN_MAX];
	static struct model model, copy;
	struct client *client[3];
	unsigned int committed = 0, refused = 0, overtaken = 0,
		     failures = CU_get_number_of_failures();
	struct model_request request;
	char reply[256], expected[256];

	begin();
	memset(open, 0, sizeof(open));
	memset(&model, 0, sizeof(model));
	strcpy(model_make(&model, "/")->perms, "n0|");
	for (unsigned int i = 0; i < 3; i++)
		client[i] = client_new(store, i, NULL);
	strcpy(request.path, "/");
	strcpy(request.argument, "b0|");
	request.type = XS_SET_PERMS;
	real_do(client[0], 0, &request, reply);
	model_do(&model, 0, &request, expected);

	for (unsigned int round = 0; round < 60000 && CU_get_number_of_failures() == failures;
	     round++) {
		struct open_transaction *transaction = &open[chance(OPEN_MAX)];
		unsigned int who = chance(3);

		if (chance(5) == 0) {
			/* Outside transactions the model and the store agree at once. */
			random_request(&request);
			real_do(client[who], 0, &request, reply);
			model_do(&model, who, &request, expected);
			if (strcmp(reply, expected) != 0)
				printf("\n    domain %u, type %u %s: replied %s, should be %s ",
				       who, request.type, request.path, reply, expected);
			CU_ASSERT_STRING_EQUAL(reply, expected);
		} else if (!transaction->open) {
			transaction->open = true;
			transaction->client = who;
			transaction->count = 0;
			transaction->changes = false;
			transaction->base = model;
			transaction->id = start(client[who]);
		} else if (transaction->count < REQUESTS_MAX && chance(4)) {
			unsigned int i = transaction->count++;

			random_request(&transaction->request[i]);
			real_do(client[transaction->client], transaction->id,
				&transaction->request[i], transaction->reply[i]);
		} else {
			bool keep = chance(5) != 0;

			transaction->open = false;
			copy = transaction->base;
			CU_ASSERT(same_replies(&copy, transaction, transaction->client, true));
			transaction->changes = copy.version != transaction->base.version;
			ask_text(client[transaction->client], XS_TRANSACTION_END, transaction->id,
				 keep ? "T|" : "F|");
			if (!keep) {
				CU_ASSERT_STRING_EQUAL(last.data, "OK");
			} else if (last.type == XS_ERROR) {
				CU_ASSERT_STRING_EQUAL(last.data, "EAGAIN");
				/* Only what somebody else has done meanwhile can be a reason. */
				CU_ASSERT(transaction->changes);
				CU_ASSERT(model_spoiled(&model, transaction));
				refused++;
			} else if (transaction->changes) {
				if (model.version != transaction->base.version)
					overtaken++;
				CU_ASSERT(same_replies(&model, transaction, transaction->client,
						 false));
				committed++;
			}
		}
		fake_now++;
		if (round % 2000 == 0)
			check_store(client[0]);
	}
	/* The model's nodes are the store's nodes. */
	for (unsigned int i = 0; i < model.count; i++) {
		const struct node *node;

		if (!model.node[i].exists)
			continue;
		node = tree_find(&store->live, model.node[i].path);
		CU_ASSERT_PTR_NOT_NULL_FATAL(node);
		CU_ASSERT_EQUAL(node->value_length, strlen(model.node[i].value));
		CU_ASSERT(!node->value_length ||
			  memcmp(node->value, model.node[i].value, node->value_length) == 0);
	}
	printf("%u committed (%u of them overtaken by others), %u refused ", committed, overtaken,
	       refused);
	CU_ASSERT(committed > 500 && overtaken > 100 && refused > 500);
	end(client[0]);
}

SUITE("store-model", .init = seed_init)
