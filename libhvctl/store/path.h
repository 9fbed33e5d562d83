/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of store nodes: what is a valid path and how a relative one becomes absolute.
 */
#ifndef HVSTORE_PATH_H
#define HVSTORE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "pv-abi/xen.h"
#include "pv-abi/io/xs_wire.h"

/* A canonical path and its terminator always fit in this many bytes. */
#define PATH_BUFFER	(XENSTORE_ABS_PATH_MAX + 1)

/*
 * path_valid - whether @path is an absolute, canonical path: starts with '/', does not end with one
 * unless it is the root, has no empty component, and uses only letters, digits and "-/_@".
 */
bool path_valid(const char *path);

/*
 * path_special - whether @path names one of the two events that are watched like nodes
 * ("@introduceDomain", "@releaseDomain").
 */
bool path_special(const char *path);

/*
 * path_canonical - turn what a client sent into a canonical path.
 * @in: path as received, absolute or relative to the client's /local/domain/<domid>
 * @self: domain of the client
 * @out: receives the canonical path, PATH_BUFFER bytes
 * @prefix: if not NULL, receives the number of leading bytes of @out that @in did not contain
 * Returns 0, or -EINVAL when the path is malformed or too long.
 */
int path_canonical(const char *in, domid_t self, char *out, size_t *prefix);

/*
 * path_parent_length - length of the canonical path's parent ("/a/b" -> 2, "/a" -> 1, "/" -> 0).
 */
size_t path_parent_length(const char *path);

/*
 * path_next - iterate over the components of a canonical path.
 * @cursor: in: points at the '/' before a component or at the end; out: moved past the component
 * @length: receives the component's length
 * Returns the component's first byte, or NULL at the end.
 */
const char *path_next(const char **cursor, size_t *length);

#endif
