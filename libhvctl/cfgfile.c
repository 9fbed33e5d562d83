// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cfgfile.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of this size or list of this length is a mistake (or an attack), not a configuration. */
#define MAX_TEXT	(1u << 20)
#define MAX_ITEMS	1024

struct reader {
	const char *file;
	const char *p, *end;
	const char *line_start;
	unsigned int line;
	char *error;
	size_t error_size;
};

static unsigned int column(const struct reader *r)
{
	return (unsigned int)(r->p - r->line_start) + 1;
}

__attribute__((format(printf, 4, 5)))
static int bad(struct reader *r, unsigned int line, unsigned int col, const char *format, ...)
{
	int n = snprintf(r->error, r->error_size, "%s:%u:%u: ", r->file, line, col);
	va_list args;

	va_start(args, format);
	if (n > 0 && (size_t)n < r->error_size)
		vsnprintf(r->error + n, r->error_size - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

static int no_memory(struct reader *r)
{
	snprintf(r->error, r->error_size, "no memory to read %s; free some", r->file);
	return -ENOMEM;
}

static int peek(const struct reader *r)
{
	return r->p < r->end ? (unsigned char)*r->p : -1;
}

static void step(struct reader *r)
{
	if (*r->p++ == '\n') {
		r->line++;
		r->line_start = r->p;
	}
}

/*
 * Blanks and comments; newlines too, where they mean nothing (inside a list, between statements).
 */
static void skip(struct reader *r, bool newlines)
{
	for (;;) {
		int c = peek(r);

		if (c == '#')
			while (peek(r) >= 0 && peek(r) != '\n')
				step(r);
		else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || (newlines && c == '\n'))
			step(r);
		else if (c == '\\' && r->p + 1 < r->end && r->p[1] == '\n') {
			step(r);
			step(r);
		} else
			break;
	}
}

static bool is_word(int c)
{
	return c >= 0 && (isalnum(c) || c == '_' || c == '-' || c == '.');
}

/* What stands at the reader, for messages: a printable character or a name of what is not one. */
static const char *shown(const struct reader *r, char buf[24])
{
	int c = peek(r);

	if (c < 0)
		return "the end of the file";
	if (c == '\n')
		return "the end of the line";
	snprintf(buf, 24, isprint(c) ? "'%c'" : "byte 0x%02x", c);
	return buf;
}

static int read_string(struct reader *r, char **out)
{
	unsigned int line = r->line, col = column(r);
	int quote = peek(r);
	char *text = malloc((size_t)(r->end - r->p) + 1);
	size_t n = 0;

	if (!text)
		return no_memory(r);
	step(r);
	while (peek(r) != quote) {
		int c = peek(r);

		if (c < 0 || c == '\n') {
			free(text);
			return bad(r, line, col, "the string that begins here is not closed; "
				   "end it with %c on the same line", quote);
		}
		if (!c || (c == '\\' && r->p + 1 < r->end && !r->p[1])) {
			free(text);
			return bad(r, r->line, column(r), "a zero byte in a string; remove it");
		}
		step(r);
		if (c == '\\' && r->p < r->end && *r->p != '\n') {
			static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
			const char *found;

			c = peek(r);
			step(r);
			found = strchr(from, c);
			if (found)
				c = to[found - from];
		}
		text[n++] = (char)c;
	}
	step(r);
	text[n] = 0;
	*out = text;
	return 0;
}

static int read_item(struct reader *r, const char *key, struct cfg_item *item)
{
	const char *start = r->p;
	char buf[24];
	int c = peek(r);

	*item = (struct cfg_item){ .line = r->line, .column = column(r) };
	if (c == '"' || c == '\'') {
		item->quoted = true;
		return read_string(r, &item->text);
	}
	if (!is_word(c))
		return bad(r, r->line, column(r),
			   "%s is not a value for '%s'; write a number, a \"string\" or "
			   "a [ list ]",
			   shown(r, buf), key);
	while (is_word(peek(r)))
		step(r);
	item->text = strndup(start, (size_t)(r->p - start));
	return item->text ? 0 : no_memory(r);
}

static int add_item(struct reader *r, struct cfg_entry *e)
{
	struct cfg_item *items;
	int error;

	if (e->nr_items == MAX_ITEMS)
		return bad(r, r->line, column(r), "'%s' has more than %u items; shorten the list",
			   e->key, MAX_ITEMS);
	items = realloc(e->items, (e->nr_items + 1) * sizeof(*items));
	if (!items)
		return no_memory(r);
	e->items = items;
	error = read_item(r, e->key, &items[e->nr_items]);
	if (!error)
		e->nr_items++;
	return error;
}

static int read_list(struct reader *r, struct cfg_entry *e)
{
	unsigned int line = r->line, col = column(r);
	char buf[24];
	int error;

	e->list = true;
	step(r);
	for (;;) {
		skip(r, true);
		if (peek(r) == ']')
			break;
		if (peek(r) < 0)
			return bad(r, line, col,
				   "the list of '%s' that begins here is not closed; add ']'",
				   e->key);
		error = add_item(r, e);
		if (error)
			return error;
		skip(r, true);
		if (peek(r) == ',')
			step(r);
		else if (peek(r) >= 0 && peek(r) != ']')
			return bad(r, r->line, column(r),
				   "%s between two items of '%s'; separate them with ','",
				   shown(r, buf), e->key);
	}
	step(r);
	return 0;
}

static void release_entry(struct cfg_entry *e)
{
	size_t i;

	for (i = 0; i < e->nr_items; i++)
		free(e->items[i].text);
	free(e->items);
	free(e->key);
}

/* Put @e (whose contents move) into @cfg: instead of, or for "+=" behind, an earlier one. */
static int assign(struct reader *r, struct cfg *cfg, struct cfg_entry *e, bool append)
{
	struct cfg_entry *entries, *old = (struct cfg_entry *)cfg_find(cfg, e->key);
	struct cfg_item *items;

	if (old && append) {
		if (!old->list || !e->list)
			return bad(r, e->line, e->column,
				   "'%s +=' adds to a list, and one side is none; "
				   "write [ ] around it",
				   e->key);
		if (old->nr_items + e->nr_items > MAX_ITEMS)
			return bad(r, e->line, e->column,
				   "'%s' has more than %u items; shorten the list", e->key,
				   MAX_ITEMS);
		items = realloc(old->items, (old->nr_items + e->nr_items + 1) * sizeof(*items));
		if (!items)
			return no_memory(r);
		old->items = items;
		if (e->nr_items)
			memcpy(items + old->nr_items, e->items, e->nr_items * sizeof(*items));
		old->nr_items += e->nr_items;
		e->nr_items = 0;
		release_entry(e);
		return 0;
	}
	if (old) {
		release_entry(old);
		*old = *e;
		return 0;
	}
	entries = realloc(cfg->entries, (cfg->nr_entries + 1) * sizeof(*entries));
	if (!entries)
		return no_memory(r);
	cfg->entries = entries;
	entries[cfg->nr_entries++] = *e;
	return 0;
}

static int read_statement(struct reader *r, struct cfg *cfg)
{
	struct cfg_entry e = { .line = r->line, .column = column(r), .file = r->file };
	const char *start = r->p;
	bool append = false;
	char buf[24];
	int error;

	if (!is_word(peek(r)) || isdigit(peek(r)))
		return bad(r, r->line, column(r),
			   "%s where a key should begin; write key = value, one a line",
			   shown(r, buf));
	while (is_word(peek(r)))
		step(r);
	e.key = strndup(start, (size_t)(r->p - start));
	if (!e.key)
		return no_memory(r);
	skip(r, false);
	if (peek(r) == '+') {
		step(r);
		append = true;
	}
	if (peek(r) != '=') {
		error = bad(r, r->line, column(r), "%s after '%s'; write %s = value", shown(r, buf),
			    e.key, e.key);
		goto fail;
	}
	step(r);
	skip(r, false);
	if (peek(r) < 0 || peek(r) == '\n' || peek(r) == ';') {
		error = bad(r, r->line, column(r), "'%s' has no value; write one after the '='",
			    e.key);
		goto fail;
	}
	error = peek(r) == '[' ? read_list(r, &e) : add_item(r, &e);
	if (error)
		goto fail;
	skip(r, false);
	if (peek(r) >= 0 && peek(r) != '\n' && peek(r) != ';') {
		error = bad(r, r->line, column(r),
			    "%s after the value of '%s'; begin a new line, or put a text "
			    "with blanks in quotes",
			    shown(r, buf), e.key);
		goto fail;
	}
	error = assign(r, cfg, &e, append);
	if (!error)
		return 0;
fail:
	release_entry(&e);
	return error;
}

int cfg_parse(struct cfg *cfg, const char *file, const char *text, size_t len, char *error,
	      size_t error_size)
{
	struct reader r = {
		.file = file, .p = text, .end = text + len, .line_start = text, .line = 1,
		.error = error, .error_size = error_size,
	};
	int ret;

	if (len > MAX_TEXT) {
		snprintf(error, error_size,
			 "%s: more than 1 MiB, which is no configuration; give another file", file);
		return -EINVAL;
	}
	for (;;) {
		skip(&r, true);
		if (peek(&r) == ';') {
			step(&r);
			continue;
		}
		if (peek(&r) < 0)
			return 0;
		ret = read_statement(&r, cfg);
		if (ret)
			return ret;
	}
}

const struct cfg_entry *cfg_find(const struct cfg *cfg, const char *key)
{
	size_t i;

	for (i = 0; i < cfg->nr_entries; i++)
		if (!strcmp(cfg->entries[i].key, key))
			return &cfg->entries[i];
	return NULL;
}

void cfg_release(struct cfg *cfg)
{
	size_t i;

	for (i = 0; i < cfg->nr_entries; i++)
		release_entry(&cfg->entries[i]);
	free(cfg->entries);
	*cfg = (struct cfg){ 0 };
}
