/* SPDX-License-Identifier: MIT */
/* The "state" key by which frontend and backend of a device shake hands, in decimal. */
#ifndef PV_ABI_IO_XENBUS_H
#define PV_ABI_IO_XENBUS_H

enum xenbus_state {
	XenbusStateUnknown		= 0,
	XenbusStateInitialising		= 1,	/* collecting its own settings */
	XenbusStateInitWait		= 2,	/* backend: waits for the frontend's rings */
	XenbusStateInitialised		= 3,	/* frontend: rings published */
	XenbusStateConnected		= 4,	/* I/O may flow */
	XenbusStateClosing		= 5,	/* asks the peer to let go */
	XenbusStateClosed		= 6,
	XenbusStateReconfiguring	= 7,	/* PCI: devices come and go */
	XenbusStateReconfigured		= 8,
};

typedef enum xenbus_state XenbusState;

#endif /* PV_ABI_IO_XENBUS_H */
