// SPDX-License-Identifier: GPL-2.0-or-later
/* What hvctl exits with: the classes of failures, by which programs tell them apart. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int status;
	const char *means;
	int error;		/* of the library, 0: none */
} classes[] = {
	{ CLI_OK, "done", 0 },
	{ CLI_FAILED, "failed", 0 },
	{ CLI_USAGE, "wrong usage", 0 },
	{ CLI_NO_DOMAIN, "no such domain", ESRCH },
	{ CLI_OUTPUT, "what it says could not be written", 0 },
};

#define CLASSES	(sizeof(classes) / sizeof(classes[0]))

int cli_status(int error)
{
	for (size_t i = 0; error && i < CLASSES; i++)
		if (classes[i].error == error)
			return classes[i].status;
	return CLI_FAILED;
}

void cli_print_statuses(FILE *f)
{
	fputs("Exit status:", f);
	for (size_t i = 0; i < CLASSES; i++)
		fprintf(f, "%s %d %s", i ? "," : "", classes[i].status, classes[i].means);
	fputs(".\n", f);
}

int cli_output(FILE *out, FILE *complaints, int status)
{
	int error = fflush(out) ? errno : 0;

	if (!error && !ferror(out))
		return status;
	fprintf(complaints, "hvctl: cannot write what there is to say: %s; %s%s\n",
		error ? strerror(error) : "a part of it was not taken",
		error == EPIPE ? "whoever was to read it has gone" :
				 "see whether the disk behind it is full",
		error ? "" : ", or whoever was to read it has gone");
	return status == CLI_OK ? CLI_OUTPUT : status;
}
