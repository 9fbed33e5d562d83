// SPDX-License-Identifier: GPL-2.0-or-later
/* hvctl -H: the same verb by the hvctl of another host, which ssh brings us to. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEME	"ssh://"

bool cli_good_host(const char *host)
{
	return *host && *host != '-' && strlen(host) < 256 &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "-_.:@[]%") == strlen(host);
}

/* As one word of a shell's: all but a quote stands for itself between quotes. Returns the end. */
static char *put_quoted(char *to, const char *word)
{
	*to++ = ' ';
	*to++ = '\'';
	for (; *word; word++) {
		if (*word == '\'')
			to = stpcpy(to, "'\\'");
		*to++ = *word;
	}
	*to++ = '\'';
	return to;
}

char **cli_remote_words(const char *host, int argc, char **argv, bool terminal)
{
	bool url = !strncmp(host, SCHEME, sizeof(SCHEME) - 1);
	size_t size = sizeof("hvctl");
	char **words, *to;
	unsigned int n = 0;

	if (!cli_good_host(host + (url ? sizeof(SCHEME) - 1 : 0))) {
		errno = EINVAL;
		return NULL;
	}
	for (int i = 0; i < argc; i++)
		size += 4 * strlen(argv[i]) + 3;
	words = malloc(8 * sizeof(*words) + size);
	if (!words)
		return NULL;
	words[n++] = (char *)"ssh";
	/* What is typed gets there, and the verb knows that somebody looks at it. */
	if (terminal) {
		words[n++] = (char *)"-t";
		words[n++] = (char *)"-oLogLevel=ERROR";
	}
	words[n++] = (char *)"--";
	words[n++] = (char *)host;
	words[n++] = to = (char *)(words + 8);
	words[n] = NULL;
	to = stpcpy(to, "hvctl");
	for (int i = 0; i < argc; i++)
		to = put_quoted(to, argv[i]);
	*to = '\0';
	return words;
}

int cli_remote(const char *host, int argc, char **argv)
{
	char **words = cli_remote_words(host, argc, argv, isatty(0) && isatty(1));

	if (!words && errno == EINVAL) {
		fprintf(stderr, "hvctl: '%s' is no host; -H wants HOST, USER@HOST or "
				"ssh://USER@HOST:PORT\n", host);
		return CLI_USAGE;
	}
	if (words)
		execvp(words[0], words);
	fprintf(stderr, "hvctl: cannot run ssh: %s; install it (openssh-client)\n",
		strerror(errno));
	free(words);
	return CLI_FAILED;
}
