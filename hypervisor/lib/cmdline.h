/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_CMDLINE_H
#define ANNULUS_LIB_CMDLINE_H

#include "lib/types.h"

/*
 * A command-line option is declared where it is used; docs/command-line.md lists them all (a test
 * compares the two). Parsed once, before anything else. Forms: name=value, a boolean as name,
 * no-name, name=yes|no|true|false|on|off|1|0.
 */
enum option_type { OPT_BOOL, OPT_AUTO, OPT_U64, OPT_SIZE, OPT_STRING, OPT_FN };
struct option {
	const char *name;
	enum option_type type;
	void *var;   /* bool *, s8 *, u64 *, char[] */
	size_t size; /* of a string */
	const char *(*fn)(const char *value); /* OPT_FN: NULL, or what is wrong with the value */
};
#define OPTION(ident, ...)                          \
	static const struct option opt_decl_##ident \
		__attribute__((used, section(".options"), aligned(8))) = { __VA_ARGS__ }
#define OPTION_BOOL(name_, var_)   OPTION(var_, .name = name_, .type = OPT_BOOL, .var = &(var_))
/* A boolean that is -1 unless the command line decides; name=auto says so. */
#define OPTION_AUTO(name_, var_)   OPTION(var_, .name = name_, .type = OPT_AUTO, .var = &(var_))
#define OPTION_U64(name_, var_)    OPTION(var_, .name = name_, .type = OPT_U64, .var = &(var_))
/* bytes; K, M, G */
#define OPTION_SIZE(name_, var_)   OPTION(var_, .name = name_, .type = OPT_SIZE, .var = &(var_))
#define OPTION_STRING(name_, var_) \
	OPTION(var_, .name = name_, .type = OPT_STRING, .var = (var_), .size = sizeof(var_))
#define OPTION_FN(name_, fn_)      OPTION(fn_, .name = name_, .type = OPT_FN, .fn = (fn_))

/*
 * Parse a whole line. Unknown options and bad values are remembered and printed by
 * cmdline_report(), once there is a console.
 */
void cmdline_parse(const char *line);
void cmdline_report(void);

/*
 * Number with an optional K, M, G or T suffix (bytes when there is none), without a sign. False
 * if it is not one.
 */
bool parse_size(const char *s, const char **end, u64 *out);

#endif
