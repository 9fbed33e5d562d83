// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
	&cmd_create, &cmd_list, &cmd_top, &cmd_info, &cmd_cpuid, &cmd_console, &cmd_shutdown,
	&cmd_reboot, &cmd_destroy, &cmd_save, &cmd_restore, &cmd_clone, &cmd_migrate,
	&cmd_migrate_receive, &cmd_image_check, &cmd_image_info, &cmd_pause, &cmd_unpause,
	&cmd_mem_set, &cmd_mem_max, &cmd_vcpu_list, &cmd_vcpu_set, &cmd_vcpu_pin, &cmd_sched,
	&cmd_rename,
	&cmd_dump_config, &cmd_config_check, &cmd_sysrq, &cmd_trigger, &cmd_block_list,
	&cmd_block_attach, &cmd_block_detach, &cmd_block_resize, &cmd_cd_insert, &cmd_cd_eject,
	&cmd_network_list, &cmd_network_attach, &cmd_network_detach, &cmd_domid, &cmd_domname,
	&cmd_uptime, &cmd_events, &cmd_metrics, &cmd_dmesg, &cmd_crash_dump, &cmd_debug,
	&cmd_version,
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static void print_commands(FILE *f)
{
	size_t i;

	fprintf(f, "usage: hvctl [-H HOST] VERB [arguments]\n\nVerbs:\n");
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(f, "  %-15s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(f, "  %-15s %s\n\n", "help",
		"explain a verb: hvctl help VERB, or hvctl VERB --help");
	fprintf(f, "A DOMAIN is given by its name or its number. With -H, the verb is done by the "
		   "hvctl of another\nhost (HOST, USER@HOST or ssh://USER@HOST:PORT), files "
		   "and all.\n");
	cli_print_statuses(f);
	fprintf(f, "See hvctl(1), and hvctl.cfg(5) for the configuration of a domain.\n");
}

static void print_help(const struct command *cmd)
{
	printf("usage: hvctl %s%s%s\n\n%s.\n%s%s", cmd->name, *cmd->usage ? " " : "", cmd->usage,
	       cmd->summary, *cmd->help ? "\n" : "", cmd->help);
}

/* Of the call that failed last, whose message was printed. */
static int failure = CLI_FAILED;

int cli_failed(const struct hvctl_ctx *ctx)
{
	fprintf(stderr, "hvctl: %s\n", hvctl_error(ctx));
	failure = cli_status(hvctl_error_number(ctx));
	return CLI_FAILED;
}

int cli_usage(const struct command *cmd, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "hvctl %s: ", cmd->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; usage: hvctl %s%s%s\n", cmd->name, *cmd->usage ? " " : "", cmd->usage);
	return CLI_USAGE;
}

int cli_options(const struct command *cmd, int argc, char **argv, const char *letters, char set[8])
{
	size_t n = 0;
	int i;

	memset(set, 0, 8);
	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		const char *p = argv[i] + 1;

		if (!strcmp(argv[i], "--"))
			return i + 1;
		if (!strcmp(argv[i], "--json") && strchr(letters, 'j')) {
			if (!strchr(set, 'j'))
				set[n++] = 'j';
			continue;
		}
		for (; *p; p++) {
			if (*p == '-' || !strchr(letters, *p)) {
				cli_usage(cmd, "unknown option '%s'", argv[i]);
				return -1;
			}
			if (!strchr(set, *p))
				set[n++] = *p;
		}
	}
	return i;
}

bool cli_has(const char set[8], char letter)
{
	return memchr(set, letter, 8) != NULL;
}

bool cli_domain(struct hvctl_ctx *ctx, const char *text, uint32_t *domid)
{
	if (!hvctl_find(ctx, text, domid))
		return true;
	cli_failed(ctx);
	return false;
}

int cli_one_domain(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv,
		   uint32_t *domid)
{
	char set[8];
	int i = cli_options(cmd, argc, argv, "", set);

	if (i < 0)
		return CLI_USAGE;
	if (argc - i != 1)
		return cli_usage(cmd, "one domain is needed");
	return cli_domain(ctx, argv[i], domid) ? CLI_OK : CLI_FAILED;
}

int cli_domains(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv, int first,
		struct hvctl_domain **list, size_t *count)
{
	uint32_t domid;

	if (argc - first > 1)
		return cli_usage(cmd, "at most one domain can be given");
	if (argc == first)
		return hvctl_list(ctx, list, count) ? cli_failed(ctx) : CLI_OK;
	if (!cli_domain(ctx, argv[first], &domid))
		return CLI_FAILED;
	*list = malloc(sizeof(**list));
	*count = 1;
	if (!*list) {
		fprintf(stderr, "hvctl %s: not enough memory\n", cmd->name);
		return CLI_FAILED;
	}
	if (hvctl_get(ctx, domid, *list)) {
		free(*list);
		return cli_failed(ctx);
	}
	return CLI_OK;
}

void cli_show_progress(void *data, const char *step, unsigned int percent)
{
	(void)data;
	fprintf(stderr, "\r\033[K%3u %% %s", percent, step);
	if (percent == 100)
		fprintf(stderr, "\r\033[K");
}

bool cli_number(const char *text, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return !*end && !errno;
}

bool cli_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	size_t length = strlen(text);
	const char *unit = length ? strchr(units, toupper((unsigned char)text[length - 1])) : NULL;
	unsigned int shift = unit && *unit ? 10 * (unsigned int)(unit - units + 1) : 0;
	char number[24];

	if (!length || length >= sizeof(number))
		return false;
	memcpy(number, text, length + 1);
	if (shift)
		number[length - 1] = '\0';
	if (!cli_number(number, bytes) || !*bytes || *bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

void cli_uuid(const uint8_t u[16], char text[37])
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		text += sprintf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
				u[i]);
}

static void warn(void *data, const char *line)
{
	(void)data;
	fprintf(stderr, "hvctl: warning: %s\n", line);
}

int main(int argc, char **argv)
{
	const struct command *cmd;
	struct hvctl_ctx *ctx;
	int ret, i;

	if (argc < 2) {
		print_commands(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "-H")) {
		if (argc >= 4)
			return cli_remote(argv[2], argc - 3, argv + 3);
		fprintf(stderr, "hvctl: -H wants a host and a verb; see hvctl --help\n");
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		if (argc < 3) {
			print_commands(stdout);
			return cli_output(stdout, stderr, CLI_OK);
		}
		cmd = find(argv[2]);
		if (cmd) {
			print_help(cmd);
			return cli_output(stdout, stderr, CLI_OK);
		}
		argv++;
	}
	cmd = find(!strcmp(argv[1], "--version") ? "version" : argv[1]);
	if (!cmd) {
		fprintf(stderr, "hvctl: unknown verb '%s'; see hvctl --help\n", argv[1]);
		return CLI_USAGE;
	}
	for (i = 2; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			print_help(cmd);
			return cli_output(stdout, stderr, CLI_OK);
		}
	ctx = hvctl_open();
	if (!ctx) {
		fprintf(stderr, "hvctl: no memory left in dom0; free some\n");
		return CLI_FAILED;
	}
	hvctl_set_warning(ctx, warn, NULL);
	ret = cmd->run(ctx, cmd, argc - 1, argv + 1);
	ret = cli_output(stdout, stderr, ret == CLI_FAILED ? failure : ret);
	hvctl_close(ctx);
	return ret;
}
