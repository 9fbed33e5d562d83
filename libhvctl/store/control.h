/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CONTROL request: what an administrator can ask the daemon itself. */
#ifndef HVSTORE_CONTROL_H
#define HVSTORE_CONTROL_H

#include "store.h"

/*
 * control_run - carry out a command.
 * @data: @length bytes, the command and its arguments as strings
 * @text: receives the answer, @size bytes with its terminator
 * Returns 0, -EINVAL for a malformed or unknown command.
 */
int control_run(struct client *client, const char *data, size_t length, char *text, size_t size);

#endif
