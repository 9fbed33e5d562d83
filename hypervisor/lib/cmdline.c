// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/string.h"

extern const struct option _options_start[], _options_end[];

static char complaints[8][96] __initdata;
static unsigned nr_complaints __initdata;

static __init void complain(const char *what, const char *word, const char *remedy)
{
	if (nr_complaints < ARRAY_SIZE(complaints))
		snprintf(complaints[nr_complaints++], sizeof(complaints[0]), "%s '%.32s'%s", what,
			 word, remedy);
}

/* Without the sign that strtou64() takes: "-1" would become a huge number, and nobody be told. */
static bool parse_number(const char *s, char **end, u64 *out)
{
	if (*s < '0' || *s > '9')
		return false;
	*out = strtou64(s, end, 0);
	return true;
}

bool parse_size(const char *s, const char **end, u64 *out)
{
	char *e;
	u64 v;
	unsigned shift = 0;

	if (!parse_number(s, &e, &v))
		return false;
	switch (*e) {
	case 'T':
	case 't':
		shift = 40;
		break;
	case 'G':
	case 'g':
		shift = 30;
		break;
	case 'M':
	case 'm':
		shift = 20;
		break;
	case 'K':
	case 'k':
		shift = 10;
		break;
	case 'B':
	case 'b':
		e++;
		break;
	}
	if (shift) {
		if (v >> (64 - shift))
			return false;
		v <<= shift;
		e++;
	}
	*out = v;
	*end = e;
	return true;
}

static __init bool parse_bool(const char *v, bool *out)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "enable" };
	static const char *const no[] = { "no", "false", "off", "0", "disable" };

	for (unsigned i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!strcmp(v, yes[i]))
			return *out = true;
		if (!strcmp(v, no[i])) {
			*out = false;
			return true;
		}
	}
	return false;
}

static __init bool set_option(const struct option *o, const char *value)
{
	const char *end;
	char *e;
	u64 n;

	switch (o->type) {
	case OPT_BOOL:
		if (!value)
			return *(bool *)o->var = true;
		return parse_bool(value, o->var);
	case OPT_AUTO: {
		bool on = true;

		if (value && !strcmp(value, "auto")) {
			*(s8 *)o->var = -1;
			return true;
		}
		if (value && !parse_bool(value, &on))
			return false;
		*(s8 *)o->var = on;
		return true;
	}
	case OPT_U64:
		if (!value || !parse_number(value, &e, &n) || *e)
			return false;
		*(u64 *)o->var = n;
		return true;
	case OPT_SIZE:
		if (!value || !parse_size(value, &end, &n) || *end)
			return false;
		*(u64 *)o->var = n;
		return true;
	case OPT_STRING:
		if (!value)
			return false;
		strlcpy(o->var, value, o->size);
		return true;
	case OPT_FN:
		return value && !o->fn(value);
	}
	return false;
}

static __init void parse_word(char *word)
{
	char *eq = strchr(word, '=');
	const char *value = NULL;

	if (eq) {
		*eq = '\0';
		value = eq + 1;
	}
	for (const struct option *o = _options_start; o < _options_end; o++) {
		if (!strcmp(o->name, word)) {
			if (!set_option(o, value))
				complain("command line: bad value for", word, ", default kept");
			return;
		}
		if ((o->type == OPT_BOOL || o->type == OPT_AUTO) && !value &&
		    !strncmp(word, "no-", 3) && !strcmp(o->name, word + 3)) {
			(void)set_option(o, "no");
			return;
		}
	}
	complain("command line: unknown option", word, " ignored (docs/command-line.md)");
}

__init void cmdline_parse(const char *line)
{
	char word[128];

	while (*line) {
		size_t n = 0;

		while (*line == ' ')
			line++;
		while (line[n] && line[n] != ' ')
			n++;
		if (n) {
			strlcpy(word, line, min(n + 1, sizeof(word)));
			parse_word(word);
		}
		line += n;
	}
}

__init void cmdline_report(void)
{
	for (unsigned i = 0; i < nr_complaints; i++)
		printk(LOG_WARN "%s\n", complaints[i]);
}
