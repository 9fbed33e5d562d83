/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A model of the store that knows nothing but how to do one request after the other, and what a
 * transaction was asked and replied: shared by the random test and the fuzzer. After store_sim.h.
 */
#ifndef TESTS_UNIT_STORE_MODEL_H
#define TESTS_UNIT_STORE_MODEL_H

#include "store_sim.h"

/*
 * The model: nodes in an array, done to by the letter of the protocol.
 */
#define MODEL_NODES	64

struct model_node {
	bool exists;
	char path[16];
	char value[8];
	char perms[16];		/* wire form with '|' for terminators; the owner is one digit */
	unsigned int content;	/* version of the last change to it: made, written, removed */
	unsigned int children;	/* of the last child that came or went */
};

struct model {
	struct model_node node[MODEL_NODES];
	unsigned int count;
	unsigned int version;
};

static struct model_node *model_find(struct model *model, const char *path)
{
	for (unsigned int i = 0; i < model->count; i++)
		if (model->node[i].exists && strcmp(model->node[i].path, path) == 0)
			return &model->node[i];
	return NULL;
}

/* The place of @path, which stays the same when the node comes and goes; or that for a new one. */
static unsigned int model_place(const struct model *model, const char *path)
{
	unsigned int i = 0;

	while (i < model->count && strcmp(model->node[i].path, path) != 0)
		i++;
	return i;
}

static void model_parent(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path ? 1 : 0] = '\0';
}

/* The node has come or gone, with the change that is going on. */
static void model_touch(struct model *model, struct model_node *node)
{
	char path[16];
	unsigned int i;

	node->content = model->version + 1;
	strcpy(path, node->path);
	model_parent(path);
	i = model_place(model, path);
	if (i < model->count)
		model->node[i].children = model->version + 1;
}

static struct model_node *model_make(struct model *model, const char *path)
{
	unsigned int i = model_place(model, path);

	CU_ASSERT_FATAL(i < MODEL_NODES);
	if (i == model->count)
		model->count++;
	model->node[i].exists = true;
	strcpy(model->node[i].path, path);
	model->node[i].value[0] = '\0';
	model_touch(model, &model->node[i]);
	return &model->node[i];
}

/* The letter that @perms gives @domid: entries are "<letter><digit>|". */
static char model_letter(const char *perms, unsigned int domid)
{
	if (domid == 0 || perms[1] == (char)('0' + domid))
		return 'o';
	for (const char *at = perms + 3; *at; at += 3)
		if (at[1] == (char)('0' + domid))
			return at[0];
	return perms[0];
}

static bool model_may(const char *perms, unsigned int domid, bool write)
{
	char letter = model_letter(perms, domid);

	return letter == 'o' || letter == 'b' || letter == (write ? 'w' : 'r');
}

/* A request of the model test. */
struct model_request {
	uint32_t type;
	char path[16];
	char argument[16];
};

static int compare_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Do @request as domain @domid; the reply goes to @out with '|' for terminators. */
static void model_do(struct model *model, unsigned int domid, const struct model_request *request,
		     char *out)
{
	bool write = request->type == XS_WRITE || request->type == XS_MKDIR ||
		     request->type == XS_RM || request->type == XS_SET_PERMS;
	struct model_node *node = model_find(model, request->path), *near = node;
	char path[16], names[MODEL_NODES][16];
	unsigned int missing = 0, count = 0;
	size_t length = strlen(request->path);

	strcpy(path, request->path);
	while (!near) {
		model_parent(path);
		near = model_find(model, path);
		missing++;
	}
	if (request->type == XS_RM && strcmp(request->path, "/") == 0) {
		strcpy(out, "EINVAL|");
		return;
	}
	if (!model_may(near->perms, domid, write)) {
		strcpy(out, "EACCES|");
		return;
	}
	if (!node && !(request->type == XS_WRITE || request->type == XS_MKDIR ||
		       (request->type == XS_RM && missing == 1))) {
		strcpy(out, "ENOENT|");
		return;
	}
	strcpy(out, "OK|");
	switch (request->type) {
	case XS_READ:
		strcpy(out, node->value);
		break;
	case XS_GET_PERMS:
		strcpy(out, node->perms);
		break;
	case XS_DIRECTORY:
		if (length == 1)
			length = 0;
		for (unsigned int i = 0; i < model->count; i++) {
			const char *child = model->node[i].path;

			if (model->node[i].exists && strncmp(child, request->path, length) == 0 &&
			    child[length] == '/' && child[length + 1] &&
			    !strchr(child + length + 1, '/'))
				strcpy(names[count++], child + length + 1);
		}
		qsort(names, count, sizeof(names[0]), compare_text);
		out[0] = '\0';
		for (unsigned int i = 0; i < count; i++)
			sprintf(out + strlen(out), "%s|", names[i]);
		break;
	case XS_WRITE:
	case XS_MKDIR:
		if (node && request->type == XS_MKDIR)
			break;
		if (!node) {
			char perms[16];

			strcpy(perms, near->perms);
			if (domid)
				perms[1] = '0' + domid;
			for (size_t i = 1; i <= length; i++) {
				char part[16];

				if (i < length && request->path[i] != '/')
					continue;
				memcpy(part, request->path, i);
				part[i] = '\0';
				if (model_find(model, part))
					continue;
				node = model_make(model, part);
				strcpy(node->perms, perms);
			}
		}
		if (request->type == XS_WRITE)
			strcpy(node->value, request->argument);
		node->content = ++model->version;
		break;
	case XS_RM:
		if (!node)
			break;
		for (unsigned int i = 0; i < model->count; i++)
			if (model->node[i].exists &&
			    strncmp(model->node[i].path, request->path, length) == 0 &&
			    (model->node[i].path[length] == '/' ||
			     model->node[i].path[length] == '\0')) {
				model->node[i].exists = false;
				model_touch(model, &model->node[i]);
			}
		model->version++;
		break;
	case XS_SET_PERMS:
		if (model_letter(node->perms, domid) != 'o') {
			strcpy(out, "EACCES|");
		} else if (domid && request->argument[1] != node->perms[1]) {
			strcpy(out, "EPERM|");
		} else {
			strcpy(node->perms, request->argument);
			node->content = ++model->version;
		}
		break;
	}
}

/* Send it; the reply goes to @out in the model's form. */
static void real_do(struct client *client, uint32_t tx, const struct model_request *request,
		    char *out)
{
	char text[64];

	snprintf(text, sizeof(text), "%s|%s", request->path, request->argument);
	ask_text(client, request->type, tx, text);
	for (size_t i = 0; i < last.length; i++)
		out[i] = last.data[i] ? last.data[i] : '|';
	out[last.length] = '\0';
}

#define OPEN_MAX	6
#define REQUESTS_MAX	12

struct open_transaction {
	bool open;
	unsigned int client;
	uint32_t id;
	unsigned int count;
	bool changes;
	struct model_request request[REQUESTS_MAX];
	char reply[REQUESTS_MAX][256];
	struct model base;		/* the model when it began */
};

static bool was_refused(const struct open_transaction *transaction, unsigned int request)
{
	return strcmp(transaction->reply[request], "EACCES|") == 0;
}

/*
 * Whether doing all its requests on @model gives the replies it got.
 * @refused: also those for which it had no right. They bind it to nothing: at its end they may be
 * granted, and have not been done.
 */
static bool same_replies(struct model *model, const struct open_transaction *transaction,
			 unsigned int domid, bool refused)
{
	char reply[256];

	for (unsigned int i = 0; i < transaction->count; i++) {
		if (!refused && was_refused(transaction, i))
			continue;
		model_do(model, domid, &transaction->request[i], reply);
		if (strcmp(reply, transaction->reply[i]) != 0) {
			printf("\n    domain %u, request %u, type %u %s: replied %s, should be %s ",
			       domid, i, transaction->request[i].type, transaction->request[i].path,
			       transaction->reply[i], reply);
			return false;
		}
	}
	return true;
}

/*
 * Whether something has changed in @model since the transaction began that it may know of: on the
 * way to what it asked for, and was not refused. Nothing else may make it fail.
 */
static bool model_spoiled(const struct model *model, const struct open_transaction *transaction)
{
	for (unsigned int i = 0; i < transaction->count; i++) {
		const struct model_request *request = &transaction->request[i];
		unsigned int place = model_place(model, request->path);
		char path[16];

		if (was_refused(transaction, i))
			continue;
		if (request->type == XS_DIRECTORY && place < model->count &&
		    model->node[place].children > transaction->base.version)
			return true;
		strcpy(path, request->path);
		for (;;) {
			place = model_place(model, path);
			if (place < model->count &&
			    model->node[place].content > transaction->base.version)
				return true;
			if (strcmp(path, "/") == 0)
				break;
			model_parent(path);
		}
	}
	return false;
}

#endif
