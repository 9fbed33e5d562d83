// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/timer_heap.h"

/* Join two trees, either may be NULL; neither root has siblings. */
static struct timer *meld(struct timer *a, struct timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->expires < a->expires) {
		struct timer *swap = a;

		a = b;
		b = swap;
	}
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	b->prev = a;
	a->child = b;
	return a;
}

/* Join a list of siblings: pairs from the left, then the pairs one by one. */
static struct timer *meld_siblings(struct timer *first)
{
	struct timer *pairs = NULL, *root = NULL;

	while (first) {
		struct timer *a = first, *b = a->next, *pair;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		pair = meld(a, b);
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct timer *t = pairs;

		pairs = t->next;
		t->next = NULL;
		root = meld(root, t);
	}
	return root;
}

struct timer *timerheap_insert(struct timer *root, struct timer *t)
{
	t->child = t->next = t->prev = NULL;
	return meld(root, t);
}

struct timer *timerheap_remove(struct timer *root, struct timer *t)
{
	struct timer *rest = meld_siblings(t->child);

	if (t == root) {
		root = rest;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		root = meld(root, rest);
	}
	t->child = t->next = t->prev = NULL;
	return root;
}
