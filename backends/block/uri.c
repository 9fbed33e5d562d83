// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/uri.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986, 2.1: %41 is 'A'. False: too long, or a '%' with no two digits behind it, or with 00. */
static bool decode(const char *from, size_t length, char *to, size_t size)
{
	size_t n = 0;

	while (length) {
		char c = *from++;

		length--;
		if (c == '%') {
			int high = length >= 2 ? digit(from[0]) : -1;
			int low = high >= 0 ? digit(from[1]) : -1;

			if (low < 0)
				return false;
			c = (char)(high * 16 + low);
			if (!c)
				return false;
			from += 2;
			length -= 2;
		}
		if (n + 1 >= size)
			return false;
		to[n++] = c;
	}
	to[n] = 0;
	return true;
}

static const char *parse_unix(const char *rest, struct nbd_uri *uri)
{
	const char *query = strchr(rest, '?');

	if (*rest != '/')
		return "there is a host before the export";
	if (!query || strncmp(query, "?socket=", 8))
		return "there is no ?socket=";
	if (!decode(query + 8, strlen(query + 8), uri->socket, sizeof(uri->socket)))
		return "the socket's path is too long or has a wrong %";
	if (uri->socket[0] != '/')
		return "the socket's path does not begin with /";
	if (!decode(rest + 1, (size_t)(query - rest - 1), uri->export, sizeof(uri->export)))
		return "the export is too long or has a wrong %";
	return NULL;
}

static const char *parse_inet(const char *rest, struct nbd_uri *uri)
{
	size_t length = strcspn(rest, "/"), host;
	const char *export = rest[length] ? rest + length + 1 : "", *port = "10809";
	char *end;

	if (strpbrk(rest, "?#@"))
		return "there are users or options, which NBD over TCP has none of";
	if (*rest == '[') {
		const char *close = memchr(rest, ']', length);

		if (!close)
			return "the host has no ]";
		host = (size_t)(close - rest) + 1;
		if (!decode(rest + 1, host - 2, uri->host, sizeof(uri->host)))
			return "the host is too long or has a wrong %";
	} else {
		host = strcspn(rest, ":/");
		if (!decode(rest, host, uri->host, sizeof(uri->host)))
			return "the host is too long or has a wrong %";
	}
	if (!uri->host[0])
		return "there is no host";
	if (host < length && rest[host] != ':')
		return "there is something behind the host";
	if (host + 1 < length) {
		long number = strtol(rest + host + 1, &end, 10);

		if (rest[host + 1] < '0' || rest[host + 1] > '9' || end != rest + length ||
		    number < 1 || number > 65535)
			return "the port is none";
		snprintf(uri->port, sizeof(uri->port), "%ld", number);
	} else {
		snprintf(uri->port, sizeof(uri->port), "%s", port);
	}
	if (!decode(export, strlen(export), uri->export, sizeof(uri->export)))
		return "the export is too long or has a wrong %";
	return NULL;
}

const char *uri_parse(const char *text, struct nbd_uri *uri)
{
	*uri = (struct nbd_uri){ 0 };
	if (!strncmp(text, "nbd+unix://", 11))
		return parse_unix(text + 11, uri);
	if (!strncmp(text, "nbd://", 6))
		return parse_inet(text + 6, uri);
	return "it does not begin with nbd:// or nbd+unix://";
}
