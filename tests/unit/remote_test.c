// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/cli/remote.c
// libs: -ljansson
/* hvctl -H: what ssh is given. A real shell reads the words, so that each arrives as it was. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "suite.h"

TEST(test_hosts, "what is no host never gets to ssh")
{
	static const char *const bad[] = {
		"", "-oProxyCommand=x", "ssh://", "ssh://-x", "a b", "a;b", "a'b", "ssh://a/b",
		"a\n", "$a",
	};
	static const char *const good[] = {
		"host", "root@host.example", "ssh://root@host:22", "[::1]",
		"ssh://[fe80::1%eth0]:22",
	};
	char verb[] = "list", *argv[] = { verb };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		CU_ASSERT_PTR_NULL(cli_remote_words(bad[i], 1, argv, false));
		CU_ASSERT_EQUAL(errno, EINVAL);
	}
	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char **words = cli_remote_words(good[i], 1, argv, false);

		CU_ASSERT_PTR_NOT_NULL_FATAL(words);
		CU_ASSERT_STRING_EQUAL(words[0], "ssh");
		CU_ASSERT_STRING_EQUAL(words[1], "--");
		CU_ASSERT_STRING_EQUAL(words[2], good[i]);
		CU_ASSERT_STRING_EQUAL(words[3], "hvctl 'list'");
		CU_ASSERT_PTR_NULL(words[4]);
		free(words);
	}
}

TEST(test_terminal, "somebody who sits there has a terminal there, too")
{
	char verb[] = "top", *argv[] = { verb }, **words = cli_remote_words("h", 1, argv, true);

	CU_ASSERT_PTR_NOT_NULL_FATAL(words);
	CU_ASSERT_STRING_EQUAL(words[1], "-t");
	CU_ASSERT_STRING_EQUAL(words[2], "-oLogLevel=ERROR");
	CU_ASSERT_STRING_EQUAL(words[3], "--");
	CU_ASSERT_STRING_EQUAL(words[4], "h");
	CU_ASSERT_STRING_EQUAL(words[5], "hvctl 'top'");
	CU_ASSERT_PTR_NULL(words[6]);
	free(words);
}

TEST(test_words, "a shell takes each argument for what it is")
{
	char a[] = "create", b[] = "", c[] = "a b", d[] = "disk=[ 'x,y' ]", e[] = "''",
	     f[] = "$(reboot)\n`x`\\;", *argv[] = { a, b, c, d, e, f };
	char **words = cli_remote_words("h", 6, argv, false), *script, got[256];
	size_t n;
	FILE *p;

	CU_ASSERT_PTR_NOT_NULL_FATAL(words);
	CU_ASSERT_TRUE_FATAL(asprintf(&script, "hvctl() { printf '<%%s>' \"$@\"; }; %s",
				      words[3]) > 0);
	setenv("SCRIPT", script, 1);
	p = popen("eval \"$SCRIPT\"", "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	n = fread(got, 1, sizeof(got) - 1, p);
	got[n] = 0;
	CU_ASSERT_EQUAL(pclose(p), 0);
	CU_ASSERT_STRING_EQUAL(got, "<create><><a b><disk=[ 'x,y' ]><''><$(reboot)\n`x`\\;>");
	free(script);
	free(words);
}

SUITE("hvctl on another host")
