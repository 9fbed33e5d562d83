// SPDX-License-Identifier: GPL-2.0-or-later
/* The end of everything: lib/printk.h says when. */
#include "cpu/cpu.h"
#include "cpu/stop.h"
#include "lib/printk.h"
#include "machine/console.h"
#include "machine/power.h"

void panic_begin(void)
{
	static volatile u32 panicking; /* CPU + 1 */
	static unsigned times;
	u32 none = 0, me = cpu_id() + 1;

	local_irq_disable();
	if (!atomic_cmpxchg(&panicking, &none, me) && none != me)
		machine_halt();
	/* fatal_trap() and its panic() make two: at the third one of them went wrong itself. */
	if (++times > 3)
		machine_halt();
	if (times == 3)
		machine_restart();
	if (times > 1)
		return;
	/* First: nobody else may be in the console when its lock is nobody's. */
	stop_other_cpus();
	console_break();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	panic_begin();
	printk(LOG_ERR "panic on CPU %u: ", cpu_id());
	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
	machine_restart();
}
