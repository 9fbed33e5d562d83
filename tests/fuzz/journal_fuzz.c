// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c
// sources: libhvctl/store/tree.c libhvctl/store/quota.c libhvctl/store/watch.c
// sources: libhvctl/budget.c libhvctl/store/journal.c libhvctl/store/replay.c
// sources: libhvctl/store/transaction.c libhvctl/store/store.c libhvctl/store/control.c
// sources: libhvctl/store/protocol.c
// options: -max_len=4096
//
// Reading the store's journal. Half of the inputs are a file as it is; of the others the bytes are
// the entries of a record whose checksums are right, for what stands behind the checksums is to
// hold by itself. Whatever was read, the tree is well formed and the books agree with it, and a
// journal that is written of it is read again as the same.

#include "libhvctl/store/journal.h"
#include "libhvctl/store/replay.h"
#include "store_sim.h"

#include "fuzz.h"

/* A file with the entries at @data, as one record. */
static char *make_file(const uint8_t *data, size_t size, size_t *length)
{
	struct record_head record = { .length = size };
	struct journal_head head;
	char *file = malloc(sizeof(head) + sizeof(record) + size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	journal_head(&head, "boot");
	record.head_hash = journal_head_hash(&record);
	record.hash = journal_hash(&record, data);
	memcpy(file, &head, sizeof(head));
	memcpy(file + sizeof(head), &record, sizeof(record));
	memcpy(file + sizeof(head) + sizeof(record), data, size);
	*length = sizeof(head) + sizeof(record) + size;
	return file;
}

static struct store *read_store(const char *data, size_t length, struct replayed *result,
				enum replay_result *found)
{
	struct store *made = store_new(&fake_host, NULL);
	uint32_t version;

	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	*found = replay(made, data, length, "boot", result, &version);
	return made;
}

static void end_store(struct store *made, struct replayed *result)
{
	replay_free(result);
	while (made->clients)
		client_free(made->clients);
	store_free(made);
}

/* What is in @made, as a record. */
static void write_store(struct store *made, const struct replayed *result, struct journal *whole)
{
	journal_empty(whole);
	made->journal = whole;
	journal_store(made);
	for (const struct remembered *at = result->domains; at; at = at->next)
		if (!at->client)
			journal_known(made, at->domid, &at->lasting);
	for (const struct remembered *at = result->domains; at; at = at->next) {
		struct lasting lasting = at->lasting;

		if (!at->client)
			continue;
		lasting.place.produced = at->output;
		at->client->lasting = &lasting;
		journal_connection(at->client, at->inbox.data, at->inbox.have);
		at->client->lasting = NULL;
	}
	made->journal = NULL;
}

static void check_read(const char *data, size_t length)
{
	struct journal whole = { 0 }, again = { 0 };
	struct replayed result, second;
	enum replay_result found;
	struct journal_head head;
	struct store *made = read_store(data, length, &result, &found), *copy;
	char text[256], *file;
	struct client *dom0;

	FUZZ_CHECK(found != REPLAY_MEMORY, "no memory");
	if (found != REPLAY_WHOLE) {
		end_store(made, &result);
		return;
	}
	FUZZ_CHECK(result.whole <= length, "more was read than there is");
	dom0 = client_new(made, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dom0);
	FUZZ_CHECK(!control_run(dom0, "check", 6, text, sizeof(text)) && !strcmp(text, "OK"),
		   "%s", text);
	client_free(dom0);

	write_store(made, &result, &whole);
	length = journal_seal(&whole, 0);
	file = malloc(sizeof(head) + length);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	journal_head(&head, "boot");
	memcpy(file, &head, sizeof(head));
	memcpy(file + sizeof(head), whole.data, length);
	copy = read_store(file, sizeof(head) + length, &second, &found);
	FUZZ_CHECK(found == REPLAY_WHOLE, "what was written is not read");
	/* The order of watches, of domains and of accounts is turned round each time. */
	write_store(copy, &second, &again);
	FUZZ_CHECK(again.used == whole.used, "%zu bytes became %zu", whole.used, again.used);
	free(file);
	journal_free(&whole);
	journal_free(&again);
	end_store(copy, &second);
	end_store(made, &result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t length;
	char *file;

	fake_now = 1000;
	if (!size)
		return 0;
	if (data[0] & 1) {
		check_read((const char *)data + 1, size - 1);
		return 0;
	}
	file = make_file(data + 1, size - 1, &length);
	check_read(file, length);
	free(file);
	return 0;
}
