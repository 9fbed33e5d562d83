/* SPDX-License-Identifier: MIT */
/* Values of a frontend's "protocol" key: whose structure layout the ring uses. */
#ifndef PV_ABI_IO_PROTOCOLS_H
#define PV_ABI_IO_PROTOCOLS_H

#define XEN_IO_PROTO_ABI_X86_32		"x86_32-abi"
#define XEN_IO_PROTO_ABI_X86_64		"x86_64-abi"
#define XEN_IO_PROTO_ABI_ARM		"arm-abi"

#ifdef __i386__
#define XEN_IO_PROTO_ABI_NATIVE		XEN_IO_PROTO_ABI_X86_32
#else
#define XEN_IO_PROTO_ABI_NATIVE		XEN_IO_PROTO_ABI_X86_64
#endif

#endif /* PV_ABI_IO_PROTOCOLS_H */
