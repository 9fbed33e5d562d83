/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CONTROL_KEYS_H
#define ANNULUS_CONTROL_KEYS_H

#include "lib/types.h"

/*
 * The one error that the ABI's list does not have; the number is Linux' own, so dom0 has a text for
 * it.
 */
#define EUCLEAN 117

/*
 * debug_key() - do what a key stands for ('h' lists them), now; output goes to the log. Interrupts
 * on, no lock held. 0; -EUCLEAN if the key was the audit's and it found something, -EBUSY if it
 * could not look. An unknown key is a line in the log.
 */
int debug_key(char c);
/* A key was typed on the serial line: do it soon, outside the interrupt. Any context but NMI. */
void debug_key_interrupt(char c);

#endif
