/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_LIST_H
#define ANNULUS_LIB_LIST_H

#include "lib/types.h"

/* A circular doubly linked list; an empty list's head points to itself. No locking of its own. */
struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name) { &(name), &(name) }

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert(struct list *n, struct list *prev, struct list *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

/* Insert `n` as the first element of `head`. */
static inline void list_add(struct list *n, struct list *head)
{
	list_insert(n, head, head->next);
}

/* Insert `n` as the last element of `head`, or before the element `head`. */
static inline void list_add_tail(struct list *n, struct list *head)
{
	list_insert(n, head->prev, head);
}

/* Unlink `n` and leave it an empty list, so that list_empty(n) tells whether it is queued. */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#define list_entry(p, type, member) container_of(p, type, member)
#define list_for_each(pos, head) for (pos = (head)->next; pos != (head); pos = pos->next)
#define list_for_each_safe(pos, tmp, head) \
	for (pos = (head)->next, tmp = pos->next; pos != (head); pos = tmp, tmp = pos->next)
#define list_for_each_entry(pos, head, member)                                  \
	for (pos = list_entry((head)->next, __typeof__(*pos), member);          \
	     &pos->member != (head);                                            \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_entry_safe(pos, tmp, head, member)                        \
	for (pos = list_entry((head)->next, __typeof__(*pos), member),          \
	     tmp = list_entry(pos->member.next, __typeof__(*pos), member);      \
	     &pos->member != (head);                                            \
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

#endif
