/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hvctl command: one file per verb, builtin-<verb>.c, which defines a struct command with its
 * help beside the code; the table of them is in hvctl.c.
 */
#ifndef CLI_H
#define CLI_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "include/hvctl.h"

/* Exit statuses; what they mean, and of which errors they are, has status.c. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_NO_DOMAIN = 3, CLI_OUTPUT = 4 };

struct command {
	const char *name;
	const char *usage;	/* arguments, for the usage line */
	const char *summary;	/* one line for the list of commands */
	const char *help;	/* paragraphs and options, for hvctl help VERB */
	int (*run)(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv);
};

extern const struct command cmd_block_attach, cmd_block_detach, cmd_block_list,
	cmd_block_resize, cmd_cd_eject, cmd_cd_insert, cmd_clone, cmd_config_check, cmd_console,
	cmd_cpuid, cmd_crash_dump, cmd_create, cmd_debug, cmd_destroy, cmd_dmesg, cmd_domid,
	cmd_domname, cmd_dump_config, cmd_events, cmd_image_check, cmd_image_info, cmd_info,
	cmd_list, cmd_mem_max, cmd_mem_set, cmd_metrics, cmd_migrate, cmd_migrate_receive,
	cmd_network_attach, cmd_network_detach, cmd_network_list, cmd_pause, cmd_reboot,
	cmd_rename, cmd_restore, cmd_save, cmd_sched, cmd_shutdown, cmd_sysrq, cmd_top,
	cmd_trigger, cmd_unpause, cmd_uptime, cmd_vcpu_list, cmd_vcpu_pin, cmd_vcpu_set,
	cmd_version;

/* cli_status - the class of @error, of the library (an errno value, or 0: no error of it). */
int cli_status(int error);

/* Print them all, as one line. */
void cli_print_statuses(FILE *f);

/*
 * cli_output - write what is still to be written to @out. Returns @status if all of it is, now and
 * before; else says so to @complaints, and returns what is to be exited with.
 */
int cli_output(FILE *out, FILE *complaints, int status);

/*
 * Print the context's message for a failed call; returns CLI_FAILED, which becomes that failure's
 * status in main().
 */
int cli_failed(const struct hvctl_ctx *ctx);

/* Print "hvctl VERB: text" and the usage; returns CLI_USAGE. */
__attribute__((format(printf, 2, 3)))
int cli_usage(const struct command *cmd, const char *format, ...);

/*
 * Parse the options of a verb. Options end at "--" or the first argument.
 * @letters: the switches that are allowed (like "jv"; 'j' is also --json).
 * @set: gets the letters found.
 * Returns the index of the first argument, or -1 after having complained.
 */
int cli_options(const struct command *cmd, int argc, char **argv, const char *letters, char set[8]);
bool cli_has(const char set[8], char letter);

/* Resolve a domain given by name or number; prints the message on failure. */
bool cli_domain(struct hvctl_ctx *ctx, const char *text, uint32_t *domid);

/* For verbs with exactly one domain: parse, resolve. CLI_OK or what to exit with. */
int cli_one_domain(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv,
		   uint32_t *domid);

/*
 * The domains that a verb with at most one is about, whose options end at argument @first: that
 * one, or all. *list is freed with free(). CLI_OK or what to exit with.
 */
int cli_domains(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv, int first,
		struct hvctl_domain **list, size_t *count);

/* A verb that lists the devices of one kind that one domain has. */
struct device_listing {
	int (*get)(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list,
		   size_t *count);
	json_t *(*to_json)(const struct hvctl_device *d, bool connected);
	const char *heading;	/* a line */
	void (*print)(const struct hvctl_device *d, const char *state);
};

int cli_devices(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv,
		const struct device_listing *listing);

/* For hvctl_set_progress() when standard error is a terminal: one line, which goes at 100 %. */
void cli_show_progress(void *data, const char *step, unsigned int percent);

/* For verbs that go on and on: SIGINT and SIGTERM set cli_stopped from now on, and nothing else. */
void cli_stop_on_signals(void);
extern volatile sig_atomic_t cli_stopped;

/* A whole number with nothing behind it. */
bool cli_number(const char *text, uint64_t *number);

/* Bytes: such a number, with K, M, G or T (1024 each) behind it or not; more than none. */
bool cli_size(const char *text, uint64_t *bytes);

/*
 * A text from outside, a store's or a file system's, as JSON. Bytes that are no UTF-8, which JSON
 * cannot have, make it what hvctl_one_line() makes of it. NULL without memory.
 */
json_t *cli_json_text(const char *text);

/*
 * Append @value, which is given away, to *@array. Without memory, or if one of the two is NULL for
 * want of it, *@array becomes NULL, errno ENOMEM: no list is better than one with a gap.
 */
void cli_json_add(json_t **array, json_t *value);

/* Print and release a JSON value; NULL: say why there is none, by errno. CLI_OK or CLI_FAILED. */
int cli_print_json(json_t *value);

/* A host's name, with a user's or not: nothing that a shell or ssh takes for something else. */
bool cli_good_host(const char *host);

/*
 * cli_remote_words - the words of the command that has hvctl run with these @argc arguments on
 * @host, which is as for cli_good_host() or ssh://USER@HOST:PORT; @terminal: somebody sits before
 * it. Freed by one free(). NULL with errno EINVAL: this is no host, or ENOMEM.
 */
char **cli_remote_words(const char *host, int argc, char **argv, bool terminal);

/* Become that command. Returns what to exit with if that cannot be, after saying why. */
int cli_remote(const char *host, int argc, char **argv);

/* "XXXXXXXX-XXXX-..." */
void cli_uuid(const uint8_t uuid[16], char text[37]);

/* Attach this terminal to a domain's console until Ctrl-] is typed or the domain is gone. */
int cli_attach(struct hvctl_ctx *ctx, uint32_t domid);

#endif
