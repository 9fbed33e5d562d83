// SPDX-License-Identifier: GPL-2.0-or-later

#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "../store/daemon.h"
#include "../store/evtchn.h"
#include "../store/listen.h"
#include "../store/log.h"
#include "../store/number.h"
#include "pv-abi/grant_table.h"

/*
 * A domain's ration per interval: 1.6 MiB/s of output, 5000 events/s (Linux sends one with every
 * line), 1600 helpings of input a second. A helping is what its ring has room for, 1 byte or 1024:
 * the work is in looking at everybody who may have typed.
 */
#define RATION_BYTES	(32u << 10)
#define RATION_EVENTS	100
#define RATION_HELPINGS	32

/* For the daemon's own log. */
static const struct budget_rate lines_rate = { .burst = GUEST_LINES, .period = 60 * 1000 };

static void ready_terminal(struct source *source, uint32_t events);
static void ready_listener(struct source *source, uint32_t events);
static void ready_program(struct source *source, uint32_t events);

static int poll_add(const struct guest *guest, int fd, struct source *source)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = source,
	};

	return epoll_ctl(guest->settings->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* All of its ration. */
static void refill(struct guest *guest)
{
	guest->bytes_left = RATION_BYTES;
	guest->events_left = RATION_EVENTS;
	guest->helpings_left = RATION_HELPINGS;
}

struct guest *guest_new(const struct settings *settings, domid_t domid)
{
	struct guest *guest = calloc(1, sizeof(*guest));

	if (!guest)
		return NULL;
	if (stream_new(&guest->stream, settings->scrollback)) {
		free(guest);
		return NULL;
	}
	guest->settings = settings;
	guest->domid = domid;
	guest->terminal = guest->terminal_slave = guest->listener = guest->log.fd = -1;
	refill(guest);
	return guest;
}

void guest_log(struct guest *guest, const char *format, ...)
{
	uint64_t suppressed;
	char line[512];
	va_list args;

	if (!line_budget_take(&guest->lines, &lines_rate, daemon_now(), &suppressed))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (suppressed)
		log_line("domain %u: %llu lines suppressed", guest->domid,
			 (unsigned long long)suppressed);
	log_line("domain %u: %s", guest->domid, line);
}

/* ------------------------------------------------------------------------------------------------
 * Programs
 */

static void drop_program(struct program *program)
{
	struct guest *guest = program->source.guest;

	if (program->fd < 0)
		return;
	close(program->fd);
	program->fd = -1;
	guest->nr_programs--;
}

void guest_reap(struct guest *guest)
{
	struct program **slot = &guest->programs;

	while (*slot) {
		struct program *program = *slot;

		if (program->fd < 0) {
			*slot = program->next;
			free(program);
		} else {
			slot = &program->next;
		}
	}
}

/*
 * The first line that a program sends is "replay <bytes>". Returns whether it is complete; the
 * program is dropped when it is something else.
 */
static bool greet(struct program *program)
{
	static const char word[] = "replay ";
	uint64_t bytes;
	char byte;

	while (!program->greeted) {
		ssize_t got = recv(program->fd, &byte, 1, 0);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (got <= 0 || program->greeting_length == sizeof(program->greeting) - 1) {
			drop_program(program);
			return false;
		}
		if (byte != '\n') {
			program->greeting[program->greeting_length++] = byte;
			continue;
		}
		program->greeting[program->greeting_length] = '\0';
		if (strncmp(program->greeting, word, sizeof(word) - 1) != 0 ||
		    number_parse(program->greeting + sizeof(word) - 1, UINT32_MAX, &bytes)) {
			drop_program(program);
			return false;
		}
		program->cursor = stream_tail(&program->source.guest->stream, bytes);
		program->greeted = true;
	}
	return true;
}

static void show_program(struct program *program)
{
	const struct stream *stream = &program->source.guest->stream;
	const char *data;
	size_t length;

	while (data = stream_peek(stream, &program->cursor, &length), length) {
		ssize_t sent = send(program->fd, data, length, MSG_NOSIGNAL);

		if (sent < 0) {
			if (errno != EAGAIN && errno != EINTR)
				drop_program(program);
			return;
		}
		program->cursor += sent;
	}
}

/* ------------------------------------------------------------------------------------------------
 * The flow of bytes. Everything is tried whenever anything happens, so that no edge is missed.
 */

/* A failure is told once, and goes on being tried: disks become free again. */
static void write_log(struct guest *guest, const char *data, size_t length)
{
	int error = logfile_write(&guest->log, data, length);

	if (error && !guest->log_fails)
		guest_log(guest, "cannot write %s, what it prints is missing there: %s",
			  guest->log.path, strerror(-error));
	guest->log_fails = error != 0;
}

static void take_output(struct guest *guest, bool *moved)
{
	char data[sizeof(guest->ring->out)];
	size_t length;

	while (guest->bytes_left) {
		length = sizeof(data) < guest->bytes_left ? sizeof(data) : guest->bytes_left;
		length = console_take(guest->ring, data, length);
		if (!length)
			return;
		guest->bytes_left -= length;
		stream_put(&guest->stream, data, length);
		write_log(guest, data, length);
		*moved = true;
	}
}

static void show_output(struct guest *guest)
{
	const char *data;
	size_t length;

	while (data = stream_peek(&guest->stream, &guest->terminal_cursor, &length), length) {
		ssize_t written = write(guest->terminal, data, length);

		if (written <= 0)
			break;
		guest->terminal_cursor += written;
	}
	for (struct program *program = guest->programs; program; program = program->next)
		if (program->fd >= 0 && greet(program))
			show_program(program);
}

/* Returns whether the domain had room for any of it. */
static bool give_input(struct guest *guest)
{
	size_t given = 0;

	if (guest->input_length)
		given = console_give(guest->ring, guest->input, guest->input_length);
	if (!given)
		return false;
	guest->helpings_left--;
	guest->input_length -= given;
	memmove(guest->input, guest->input + given, guest->input_length);
	return true;
}

/* Read from @fd what there is room for. Returns false at its end. */
static bool take_input(struct guest *guest, int fd)
{
	while (guest->input_length < sizeof(guest->input)) {
		ssize_t got = read(fd, guest->input + guest->input_length,
				   sizeof(guest->input) - guest->input_length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN;
		if (got == 0)
			return false;
		guest->input_length += got;
	}
	return true;
}

static void read_input(struct guest *guest)
{
	take_input(guest, guest->terminal);
	for (struct program *program = guest->programs; program; program = program->next)
		if (program->fd >= 0 && program->greeted && !take_input(guest, program->fd))
			drop_program(program);
}

static void pump(struct guest *guest)
{
	bool moved = false;

	if (guest->ring)
		take_output(guest, &moved);
	show_output(guest);
	/*
	 * As long as the domain takes it: there may be more than fits into our buffer. What is left
	 * when its ration is used up makes no further edge, the next interval looks for it.
	 */
	while (guest->ring && guest->helpings_left) {
		read_input(guest);
		if (!give_input(guest))
			break;
		moved = true;
	}
	if (moved)
		evtchn_notify(guest->settings->evtchn, guest->port);
}

static void ready_terminal(struct source *source, uint32_t events)
{
	(void)events;
	pump(source->guest);
}

static void ready_program(struct source *source, uint32_t events)
{
	struct program *program = (struct program *)source;

	if (program->fd < 0)
		return;
	if (events & (EPOLLHUP | EPOLLERR))
		drop_program(program);
	pump(source->guest);
}

static void accept_program(struct guest *guest, int fd)
{
	struct program *program = NULL;

	if (guest->nr_programs < GUEST_PROGRAMS_MAX)
		program = calloc(1, sizeof(*program));
	if (!program || poll_add(guest, fd, &program->source)) {
		free(program);
		close(fd);
		return;
	}
	program->source.ready = ready_program;
	program->source.guest = guest;
	program->fd = fd;
	program->next = guest->programs;
	guest->programs = program;
	guest->nr_programs++;
}

static void ready_listener(struct source *source, uint32_t events)
{
	struct guest *guest = source->guest;
	int fd;

	(void)events;
	while ((fd = unix_accept(guest->listener)) >= 0)
		accept_program(guest, fd);
	pump(guest);
}

void guest_event(struct guest *guest)
{
	/* Unmasked before the look at the ring: what is printed later makes a new event. */
	if (guest->events_left && --guest->events_left)
		evtchn_unmask(guest->settings->evtchn, guest->port);
	else
		guest->masked = true;
	pump(guest);
}

bool guest_rationed(const struct guest *guest)
{
	return guest->ring && (!guest->bytes_left || !guest->helpings_left || guest->masked);
}

bool guest_interval(struct guest *guest)
{
	bool rationed = guest_rationed(guest);

	refill(guest);
	if (guest->masked) {
		guest->masked = false;
		evtchn_unmask(guest->settings->evtchn, guest->port);
	}
	if (rationed)
		pump(guest);
	return rationed;
}

/* ------------------------------------------------------------------------------------------------
 * Connecting
 */

/*
 * The other end of the terminal stays open here as well, so that the device does not hang up
 * whenever the last program leaves it.
 */
static int open_terminal(struct guest *guest)
{
	struct termios mode;
	int error;

	guest->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (guest->terminal < 0)
		return -errno;
	if (grantpt(guest->terminal) < 0 || unlockpt(guest->terminal) < 0)
		goto fail;
	error = ptsname_r(guest->terminal, guest->terminal_path, sizeof(guest->terminal_path));
	if (error)
		return -error;
	guest->terminal_slave = open(guest->terminal_path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (guest->terminal_slave < 0 || tcgetattr(guest->terminal_slave, &mode) < 0)
		goto fail;
	cfmakeraw(&mode);
	if (tcsetattr(guest->terminal_slave, TCSANOW, &mode) < 0)
		goto fail;
	guest->terminal_source = (struct source){ .ready = ready_terminal, .guest = guest };
	return poll_add(guest, guest->terminal, &guest->terminal_source);
fail:
	return -errno;
}

static int open_socket(struct guest *guest)
{
	snprintf(guest->socket_path, sizeof(guest->socket_path), "%s/%u.sock",
		 guest->settings->socket_directory, guest->domid);
	guest->listener = unix_listen(guest->socket_path);
	if (guest->listener < 0)
		return guest->listener;
	guest->listener_source = (struct source){ .ready = ready_listener, .guest = guest };
	return poll_add(guest, guest->listener, &guest->listener_source);
}

static void close_ends(struct guest *guest)
{
	while (guest->programs) {
		drop_program(guest->programs);
		guest_reap(guest);
	}
	if (guest->listener >= 0) {
		close(guest->listener);
		unlink(guest->socket_path);
	}
	if (guest->terminal_slave >= 0)
		close(guest->terminal_slave);
	if (guest->terminal >= 0)
		close(guest->terminal);
	guest->listener = guest->terminal = guest->terminal_slave = -1;
	logfile_close(&guest->log);
}

static int open_log(struct guest *guest, const char *name)
{
	const struct settings *settings = guest->settings;
	char path[sizeof(guest->log.path)];

	if (logfile_name(path, sizeof(path), settings->log_directory, name))
		return -ENAMETOOLONG;
	return logfile_open(&guest->log, path, settings->log_limit, GUEST_LOG_KEEP, O_NOFOLLOW,
			    0600);
}

void guest_reopen_log(struct guest *guest)
{
	/* If it cannot be opened now, the next write tries again. */
	logfile_reopen(&guest->log);
}

static int open_ends(struct guest *guest, const char *name)
{
	const struct settings *settings = guest->settings;
	int error = open_terminal(guest);

	if (!error)
		error = open_socket(guest);
	if (error) {
		close_ends(guest);
		return error;
	}
	if (settings->log_directory) {
		error = open_log(guest, name);
		if (error)
			guest_log(guest, "no console log %s: %s", guest->log.path,
				  strerror(-error));
	}
	return 0;
}

static void disconnect(struct guest *guest)
{
	if (guest->port)
		evtchn_unbind(guest->settings->evtchn, guest->port);
	privcmd_unmap(guest->settings->privcmd, &guest->page);
	guest->port = 0;
	guest->ring = NULL;
	guest->masked = false;
}

int guest_connect(struct guest *guest, const char *name, uint64_t frame, uint32_t port)
{
	const struct settings *settings = guest->settings;
	int error = 0, local;

	if (guest->ring && guest->frame == frame && guest->remote_port == port)
		return 0;
	disconnect(guest);
	if (guest->listener < 0)
		error = open_ends(guest, name);
	if (!error)
		error = privcmd_map(settings->privcmd, guest->domid, GNTTAB_RESERVED_CONSOLE, frame,
				    &guest->page);
	if (error)
		return error;
	local = evtchn_bind(settings->evtchn, guest->domid, port);
	if (local < 0) {
		disconnect(guest);
		return local;
	}
	guest->ring = guest->page.address;
	guest->frame = frame;
	guest->remote_port = port;
	guest->port = local;
	/* The domain may have filled its ring before, and wait. */
	pump(guest);
	evtchn_notify(settings->evtchn, guest->port);
	return 0;
}

void guest_free(struct guest *guest)
{
	guest->bytes_left = sizeof(guest->ring->out);
	pump(guest);
	disconnect(guest);
	close_ends(guest);
	stream_free(&guest->stream);
	free(guest);
}
