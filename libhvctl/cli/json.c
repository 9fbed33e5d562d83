// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers for programs. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *cli_json_text(const char *text)
{
	json_t *value = json_string(text);
	size_t size = 4 * strlen(text) + 1;
	char *line;

	if (value)
		return value;
	line = malloc(size);
	if (!line)
		return NULL;
	hvctl_one_line(line, size, text);
	value = json_string(line);
	free(line);
	return value;
}

void cli_json_add(json_t **array, json_t *value)
{
	if (!json_array_append_new(*array, value))
		return;
	json_decref(*array);
	*array = NULL;
	errno = ENOMEM;
}

int cli_print_json(json_t *value)
{
	int failed = !value || json_dumpf(value, stdout, JSON_INDENT(2)) || putchar('\n') == EOF ||
		     fflush(stdout);

	json_decref(value);
	/* What could not be written main() says. */
	if (failed && !ferror(stdout))
		fprintf(stderr, "hvctl: cannot write the answer: %s\n", strerror(errno));
	return failed && !ferror(stdout) ? CLI_FAILED : CLI_OK;
}
