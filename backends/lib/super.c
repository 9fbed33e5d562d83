// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/lib/super.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "backends/lib/backdev.h"
#include "backends/lib/backstore.h"
#include "backends/lib/backworker.h"
#include "backends/lib/files.h"
#include "libhvctl/store/daemon.h"

struct super super;

int super_watch(int fd, void *source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(super.epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static void on_ready(void *source)
{
	for (struct backworker *w = super.workers; w; w = w->next) {
		for (struct backdev *v = w->devices; v && super.backend->ready; v = v->next)
			if (super.backend->ready(v, source))
				return;
		if (w->pid && source == &w->channel) {
			backworker_listen(w);
			return;
		}
		if (w->pid && source == &w->pidfd) {
			backworker_ended(w);
			return;
		}
	}
}

static int start(void)
{
	const char *name = super.backend->name;
	int error;

	super.epoll = epoll_create1(EPOLL_CLOEXEC);
	super.signals = daemon_signals();
	if (super.epoll < 0 || super.signals < 0 || super_watch(super.signals, &super.signals)) {
		fprintf(stderr, "%s: cannot take signals\n", name);
		return 1;
	}
	error = backstore_open();
	if (error && super.options.first) {
		fprintf(stderr,
			"%s: cannot connect to the store daemon at %s: %s. Does hvstored run?\n",
			name, super.options.store, strerror(-error));
		return 1;
	}
	if (super.options.first)
		daemon_ready();
	if (super.store) {
		files_clean(super.options.run, backdev_needed);
		super.all_changed = true;
	}
	return 0;
}

int super_run(const struct backend *backend, const struct super_options *options)
{
	bool stopping = false, more = true, waits = false;

	super.backend = backend;
	super.options = *options;
	if (start())
		return 1;
	while (!stopping) {
		struct epoll_event events[16];
		int timeout = super.store ? backworkers_run() : STORE_RETRY_MS, n;
		bool reopen;

		if (!super.store) {
			/* What workers have to say waits as long, and would not let us sleep. */
			struct timespec pause = { .tv_nsec = 100000000 };

			nanosleep(&pause, NULL);
		}
		if (waits && (timeout < 0 || timeout > NEWS_MS))
			timeout = NEWS_MS;
		if (more || super.asked)
			timeout = 0;
		super.asked = false;
		n = epoll_wait(super.epoll, events, sizeof(events) / sizeof(events[0]), timeout);
		if (n < 0 && errno != EINTR)
			return 1;
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &super.signals)
				stopping |= daemon_signalled(super.signals, &reopen);
			else if (super.store && events[i].data.ptr != &super.store)
				on_ready(events[i].data.ptr);
		}
		more = backstore_run();
		waits = super.store && (backstore_look() || super.all_changed);
	}
	/* Workers end with us; devices that are in use wait for those who come next. */
	return 0;
}
