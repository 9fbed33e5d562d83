/* SPDX-License-Identifier: MIT */
/*
 * Error numbers of the hypercall ABI. A failing hypercall returns the negated number in rax.
 *
 * The values are those of Linux on x86, so a dom0 kernel can hand them to its processes
 * unchanged. Every number has its public name (XEN_EPERM) and the short one (EPERM); the
 * short ones are spelled token for token like the host's <errno.h>, so both may be included
 * together in either order.
 */
#ifndef PV_ABI_ERRNO_H
#define PV_ABI_ERRNO_H

#define XEN_EPERM          1
#define XEN_ENOENT         2
#define XEN_ESRCH          3
#define XEN_EINTR          4
#define XEN_EIO            5
#define XEN_ENXIO          6
#define XEN_E2BIG          7
#define XEN_ENOEXEC        8
#define XEN_EBADF          9
#define XEN_ECHILD         10
#define XEN_EAGAIN         11
#define XEN_EWOULDBLOCK    11
#define XEN_ENOMEM         12
#define XEN_EACCES         13
#define XEN_EFAULT         14
#define XEN_EBUSY          16
#define XEN_EEXIST         17
#define XEN_EXDEV          18
#define XEN_ENODEV         19
#define XEN_ENOTDIR        20
#define XEN_EISDIR         21
#define XEN_EINVAL         22
#define XEN_ENFILE         23
#define XEN_EMFILE         24
#define XEN_ENOSPC         28
#define XEN_EROFS          30
#define XEN_EMLINK         31
#define XEN_EDOM           33
#define XEN_ERANGE         34
#define XEN_EDEADLK        35
#define XEN_EDEADLOCK      35
#define XEN_ENAMETOOLONG   36
#define XEN_ENOLCK         37
#define XEN_ENOSYS         38
#define XEN_ENOTEMPTY      39
#define XEN_ENODATA        61
#define XEN_ETIME          62
#define XEN_EBADMSG        74
#define XEN_EOVERFLOW      75
#define XEN_EILSEQ         84
#define XEN_ERESTART       85
#define XEN_ENOTSOCK       88
#define XEN_EMSGSIZE       90
#define XEN_EOPNOTSUPP     95
#define XEN_EADDRINUSE     98
#define XEN_EADDRNOTAVAIL  99
#define XEN_ENOBUFS        105
#define XEN_EISCONN        106
#define XEN_ENOTCONN       107
#define XEN_ETIMEDOUT      110
#define XEN_ECONNREFUSED   111

#ifndef EPERM
#define EPERM              1
#endif
#ifndef ENOENT
#define ENOENT             2
#endif
#ifndef ESRCH
#define ESRCH              3
#endif
#ifndef EINTR
#define EINTR              4
#endif
#ifndef EIO
#define EIO                5
#endif
#ifndef ENXIO
#define ENXIO              6
#endif
#ifndef E2BIG
#define E2BIG              7
#endif
#ifndef ENOEXEC
#define ENOEXEC            8
#endif
#ifndef EBADF
#define EBADF              9
#endif
#ifndef ECHILD
#define ECHILD             10
#endif
#ifndef EAGAIN
#define EAGAIN             11
#endif
#ifndef EWOULDBLOCK
#define EWOULDBLOCK        EAGAIN
#endif
#ifndef ENOMEM
#define ENOMEM             12
#endif
#ifndef EACCES
#define EACCES             13
#endif
#ifndef EFAULT
#define EFAULT             14
#endif
#ifndef EBUSY
#define EBUSY              16
#endif
#ifndef EEXIST
#define EEXIST             17
#endif
#ifndef EXDEV
#define EXDEV              18
#endif
#ifndef ENODEV
#define ENODEV             19
#endif
#ifndef ENOTDIR
#define ENOTDIR            20
#endif
#ifndef EISDIR
#define EISDIR             21
#endif
#ifndef EINVAL
#define EINVAL             22
#endif
#ifndef ENFILE
#define ENFILE             23
#endif
#ifndef EMFILE
#define EMFILE             24
#endif
#ifndef ENOSPC
#define ENOSPC             28
#endif
#ifndef EROFS
#define EROFS              30
#endif
#ifndef EMLINK
#define EMLINK             31
#endif
#ifndef EDOM
#define EDOM               33
#endif
#ifndef ERANGE
#define ERANGE             34
#endif
#ifndef EDEADLK
#define EDEADLK            35
#endif
#ifndef EDEADLOCK
#define EDEADLOCK          EDEADLK
#endif
#ifndef ENAMETOOLONG
#define ENAMETOOLONG       36
#endif
#ifndef ENOLCK
#define ENOLCK             37
#endif
#ifndef ENOSYS
#define ENOSYS             38
#endif
#ifndef ENOTEMPTY
#define ENOTEMPTY          39
#endif
#ifndef ENODATA
#define ENODATA            61
#endif
#ifndef ETIME
#define ETIME              62
#endif
#ifndef EBADMSG
#define EBADMSG            74
#endif
#ifndef EOVERFLOW
#define EOVERFLOW          75
#endif
#ifndef EILSEQ
#define EILSEQ             84
#endif
#ifndef ERESTART
#define ERESTART           85
#endif
#ifndef ENOTSOCK
#define ENOTSOCK           88
#endif
#ifndef EMSGSIZE
#define EMSGSIZE           90
#endif
#ifndef EOPNOTSUPP
#define EOPNOTSUPP         95
#endif
#ifndef EADDRINUSE
#define EADDRINUSE         98
#endif
#ifndef EADDRNOTAVAIL
#define EADDRNOTAVAIL      99
#endif
#ifndef ENOBUFS
#define ENOBUFS            105
#endif
#ifndef EISCONN
#define EISCONN            106
#endif
#ifndef ENOTCONN
#define ENOTCONN           107
#endif
#ifndef ETIMEDOUT
#define ETIMEDOUT          110
#endif
#ifndef ECONNREFUSED
#define ECONNREFUSED       111
#endif

#endif /* PV_ABI_ERRNO_H */
