// SPDX-License-Identifier: GPL-2.0-or-later
/* Domains at the console: what they write, and what is typed for dom0 or for the debug keys. */
#include "control/console_io.h"

#include "control/keys.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/refusal.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "machine/console.h"
#include "pv-abi/errno.h"

/* Received characters for dom0: written by the serial interrupt, read by console_io. Under
 * input_lock. */
GLOBAL_LOCK(input_lock, "console input lock");
static char input[1024];
static u32 input_prod, input_cons;
static unsigned ctrl_a_seen;
static bool keys_to_hypervisor;

static void typed(char c)
{
	u64 flags;

	if (c == 1) {
		if (++ctrl_a_seen < 3)
			goto deliver;
		ctrl_a_seen = 0;
		keys_to_hypervisor = !keys_to_hypervisor;
		printk(LOG_INFO "keys go to %s now (three Ctrl-A switch back)\n",
		       keys_to_hypervisor ? "the hypervisor, 'h' is help" : "dom0");
		return;
	}
	ctrl_a_seen = 0;
	if (keys_to_hypervisor || !dom0) {
		debug_key_interrupt(c);
		return;
	}
deliver:
	if (keys_to_hypervisor)
		return;
	flags = global_lock_irqsave(input_lock);
	if (input_prod - input_cons < sizeof(input))
		input[input_prod++ % sizeof(input)] = c;
	global_unlock_irqrestore(input_lock, flags);
	event_send_global_virq(dom0, VIRQ_CONSOLE);
}

/* An unprivileged guest's output: whole lines, marked with its number, nothing that could steer a
 * terminal. */
static void guest_line_out(struct domain *d)
{
	char line[sizeof(d->console_line) + 16];
	int n = snprintf(line, sizeof(line), "(d%u) %.*s\n", d->id, (int)d->console_fill,
			 d->console_line);
	bool silenced = d->console_silenced;

	d->console_fill = 0;
	d->console_silenced = !console_guest_write(line, min((size_t)n, sizeof(line) - 1),
						   &d->console_paid);
	if (d->console_silenced && !silenced)
		printk(LOG_GUEST "d%u writes too much: lines are lost\n", d->id);
}

static void guest_write(struct domain *d, const char *s, size_t n)
{
	spin_lock(&d->console_lock);
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n' || d->console_fill == sizeof(d->console_line))
			guest_line_out(d);
		if (s[i] == '\t' || (s[i] >= 0x20 && s[i] < 0x7f))
			d->console_line[d->console_fill++] = s[i];
	}
	spin_unlock(&d->console_lock);
}

static s64 console_io_write(u64 count, u64 buffer)
{
	struct domain *d = current->domain;
	char piece[256];
	u64 done = 0;

	if (!guest_range_ok(buffer, count))
		return -EFAULT;
	while (done < count) {
		size_t n = min(count - done, (u64)sizeof(piece));

		if (copy_from_guest(piece, buffer + done, n))
			return -EFAULT;
		if (!d->privileged)
			guest_write(d, piece, n);
		else if (!console_privileged_write(piece, n))
			/* As fast as the line is; others run, and events come, meanwhile. */
			return hypercall_continue(__HYPERVISOR_console_io, 3, (u64)CONSOLEIO_write,
						  count - done, buffer + done);
		done += n;
		/* What was written is written: the caller is told and comes again with the rest. */
		if (done < count && preempt_wanted())
			return hypercall_continue(__HYPERVISOR_console_io, 3, (u64)CONSOLEIO_write,
						  count - done, buffer + done);
	}
	return 0;
}

static s64 console_io_read(u64 count, u64 buffer)
{
	char out[sizeof(input)];
	u64 flags, n = 0;
	u32 pos;

	flags = global_lock_irqsave(input_lock);
	for (pos = input_cons; n < count && pos != input_prod; pos++)
		out[n++] = input[pos % sizeof(input)];
	global_unlock_irqrestore(input_lock, flags);
	if (n && copy_to_guest(buffer, out, n))
		return -EFAULT;
	flags = global_lock_irqsave(input_lock);
	/* Only what another vCPU did not take meanwhile. */
	if ((s32)(pos - input_cons) > 0)
		input_cons = pos;
	global_unlock_irqrestore(input_lock, flags);
	return n;
}

s64 do_console_io(u64 cmd, u64 count, u64 buffer)
{
	/* A count is an int of the ABI. */
	if ((u32)count > 0x7fffffff)
		return -EINVAL;
	count = (u32)count;
	switch ((u32)cmd) {
	case CONSOLEIO_write:
		return console_io_write(count, buffer);
	case CONSOLEIO_read:
		if (!current->domain->privileged)
			return -EPERM;
		return console_io_read(count, buffer);
	}
	return refused("console_io", (u32)cmd, -ENOSYS);
}

void __init console_io_init(void)
{
	console_receive(typed);
}
