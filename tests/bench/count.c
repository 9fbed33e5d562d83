// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A TCG plugin for QEMU: how often each instruction address was executed between the two marker
 * instructions of micro.c. profile.py builds it, loads it and reads what it writes:
 *
 *	-plugin count.so,out=FILE[,reset=on]
 *
 * reset=on counts from the machine's reset as if a begin marker stood there.
 * Whenever the end marker is met, FILE.0, FILE.1 and so on get a line `address count` for each
 * address, in hexadecimal and decimal. Exact, not sampled: every instruction of the emulated
 * machine has a counter.
 *
 * Debian ships the interface but not its header. What is declared here are the functions of the
 * interface's version 1 as QEMU's documentation ("TCG Plugins") lists them.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { CB_NO_REGS = 0, INLINE_ADD_U64 = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id_t id,
						  void (*cb)(plugin_id_t, struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
						   void (*cb)(unsigned, void *), int flags,
						   void *data);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op,
						       void *counter, uint64_t step);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id_t id, const void *info, int argc, char **argv);

struct counter {
	uint64_t address;
	uint64_t count; /* since QEMU started; the generated code adds to it */
	uint64_t begin; /* `count` at the last begin marker */
	struct counter *next;
};

#define BUCKETS (1U << 18)
static struct counter *buckets[BUCKETS];
static const char *out_name;
static bool open_window;
static unsigned windows; /* that are over */

static const uint8_t begin_marker[8] = { 0x0f, 0x1f, 0x84, 0x00, '1', 'G', 'E', 'B' };
static const uint8_t end_marker[8] = { 0x0f, 0x1f, 0x84, 0x00, '0', 'G', 'E', 'B' };

/* Counters stay where they are: translated code points at them. */
static struct counter *counter_of(uint64_t address)
{
	struct counter **slot = &buckets[(address * 0x9e3779b97f4a7c15ULL) >> 46];
	struct counter *c;

	for (c = *slot; c; c = c->next)
		if (c->address == address)
			return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	c->address = address;
	c->next = *slot;
	*slot = c;
	return c;
}

static void on_begin(unsigned cpu, void *data)
{
	(void)cpu;
	(void)data;
	for (unsigned b = 0; b < BUCKETS; b++)
		for (struct counter *c = buckets[b]; c; c = c->next)
			c->begin = c->count;
	open_window = true;
}

static void on_end(unsigned cpu, void *data)
{
	char name[512];
	FILE *f;

	(void)cpu;
	(void)data;
	if (!open_window)
		return;
	open_window = false;
	snprintf(name, sizeof(name), "%s.%u", out_name, windows++);
	f = fopen(name, "w");
	if (!f) {
		perror(name);
		abort();
	}
	for (unsigned b = 0; b < BUCKETS; b++)
		for (struct counter *c = buckets[b]; c; c = c->next)
			if (c->count != c->begin)
				fprintf(f, "%llx %llu\n", (unsigned long long)c->address,
					(unsigned long long)(c->count - c->begin));
	if (fclose(f)) {
		perror(name);
		abort();
	}
}

static void on_translation(plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const void *bytes = qemu_plugin_insn_data(insn);

		qemu_plugin_register_vcpu_insn_exec_inline(
			insn, INLINE_ADD_U64, &counter_of(qemu_plugin_insn_vaddr(insn))->count, 1);
		if (qemu_plugin_insn_size(insn) != sizeof(begin_marker))
			continue;
		if (!memcmp(bytes, begin_marker, sizeof(begin_marker)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_begin, CB_NO_REGS, NULL);
		else if (!memcmp(bytes, end_marker, sizeof(end_marker)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_end, CB_NO_REGS, NULL);
	}
}

int qemu_plugin_install(plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out_name = strdup(argv[i] + 4);
		else if (!strcmp(argv[i], "reset=on"))
			open_window = true;
	}
	if (!out_name) {
		fprintf(stderr, "count: out=FILE is missing\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
