/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain's configuration as JSON: in the store while it runs, and in its images. */
#ifndef HVCTL_SAVE_SETTINGS_H
#define HVCTL_SAVE_SETTINGS_H

#include <stddef.h>

/* Bytes of such a text that is taken. */
#define SETTINGS_MAX (256u << 10)

struct hvctl_ctx;
struct hvctl_config;

/* One line, to be freed; NULL without memory. */
char *settings_text(const struct hvctl_config *config);

/*
 * The other way, for texts that are not trusted: -EINVAL with the message set (it begins with
 * @where), -ENOMEM. *config is freed with hvctl_config_free().
 */
int settings_parse(struct hvctl_ctx *ctx, const char *where, const char *text, size_t len,
		   struct hvctl_config **config);

#endif
