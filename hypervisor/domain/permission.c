// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/permission.h"

void permissions_init(struct permissions *p)
{
	range_set_init(&p->ports);
	range_set_init(&p->iomem);
	range_set_init(&p->irqs);
}

void permissions_destroy(struct permissions *p)
{
	range_set_destroy(&p->ports);
	range_set_destroy(&p->iomem);
	range_set_destroy(&p->irqs);
}
