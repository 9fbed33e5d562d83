/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CONTROL_EFI_RUNTIME_H
#define ANNULUS_CONTROL_EFI_RUNTIME_H

#include "pv-abi/platform.h"

/*
 * What of platform_op is UEFI's; the caller is privileged and 64-bit. Both fill in the answer's
 * part of the structure, which is the caller's copy.
 *
 * efi_firmware_info() - XEN_FW_EFI_INFO. 0; -ENOSYS: not booted by UEFI; -EINVAL: no such index;
 * -ESRCH: nothing is known of that address or device; -EOPNOTSUPP: there are no services; -ENODATA:
 * nothing is kept of that; -EFAULT.
 *
 * efi_runtime_call() - one service for dom0, with its status in the structure; memory of dom0 is
 * read before the call and written after it, and only if the call went well. 0; -ENOSYS: not booted
 * by UEFI; -EOPNOTSUPP: there are no services, or not this one; -EINVAL: what only newer interfaces
 * mean; -EIO: the firmware faulted; -EFAULT, for a result too: the call was made then.
 */
int efi_firmware_info(struct xenpf_firmware_info *info);
int efi_runtime_call(struct xenpf_efi_runtime_call *op);

#endif
