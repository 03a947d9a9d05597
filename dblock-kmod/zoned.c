// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zoned devices. The server keeps the zones. This file checks its reports before
 * the block layer relies on them.
 */
#include <linux/blkzoned.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "internal.h"

/* Zones in one report: 16 KiB. A request may have room for fewer. */
#define DBLOCK_REPORT_ZONES	256U

static_assert(sizeof(struct blk_zone) == 64);

bool dblock_zones_valid(const struct dblock_create *p)
{
	if (!p->zone_size)
		return !p->max_open_zones && !p->max_active_zones && !p->max_append;
	if (!is_power_of_2(p->zone_size) || p->zone_size < DBLOCK_MIN_IO ||
	    p->zone_size < p->max_io)
		return false;
	/* The block layer counts a zone's sectors in 32 bits. */
	if (p->zone_size >> SECTOR_SHIFT > UINT_MAX / 2 || p->size & (p->zone_size - 1))
		return false;
	/*
	 * The block layer has arrays of zones and of open zones. It allocates
	 * each in one piece, with a warning when it cannot.
	 */
	if (p->size >> ilog2(p->zone_size) > DBLOCK_MAX_ZONES ||
	    p->max_open_zones > DBLOCK_MAX_OPEN_ZONES ||
	    p->max_active_zones > DBLOCK_MAX_OPEN_ZONES)
		return false;
	if (p->max_active_zones && p->max_open_zones > p->max_active_zones)
		return false;
	if (p->max_append > p->max_io || p->max_append % p->logical_block)
		return false;
	return !(p->flags & DBLOCK_F_AUTO_START);
}

#ifdef CONFIG_BLK_DEV_ZONED

void dblock_zones_limits(struct queue_limits *lim, const struct dblock_create *p)
{
	if (!p->zone_size)
		return;
	lim->features |= BLK_FEAT_ZONED;
	lim->chunk_sectors = p->zone_size >> SECTOR_SHIFT;
	lim->max_open_zones = p->max_open_zones;
	lim->max_active_zones = p->max_active_zones;
	lim->max_hw_zone_append_sectors = p->max_append >> SECTOR_SHIFT;
}

int dblock_zones_start(struct dblock_device *dev)
{
	return dev->params.zone_size ? blk_revalidate_disk_zones(dev->disk) : 0;
}

/* Whether the zone is where it should be, and the report says nothing impossible of it. */
static bool dblock_zone_possible(const struct blk_zone *zone, sector_t start, sector_t sectors)
{
	if (zone->start != start || zone->len != sectors)
		return false;
	if (!zone->capacity || zone->capacity > sectors)
		return false;
	switch (zone->type) {
	case BLK_ZONE_TYPE_CONVENTIONAL:
		return zone->cond == BLK_ZONE_COND_NOT_WP && zone->capacity == sectors;
	case BLK_ZONE_TYPE_SEQWRITE_REQ:
		break;
	default:
		return false;
	}
	switch (zone->cond) {
	case BLK_ZONE_COND_EMPTY:
	case BLK_ZONE_COND_IMP_OPEN:
	case BLK_ZONE_COND_EXP_OPEN:
	case BLK_ZONE_COND_CLOSED:
		return zone->wp >= start && zone->wp - start <= zone->capacity;
	case BLK_ZONE_COND_READONLY:
	case BLK_ZONE_COND_FULL:
	case BLK_ZONE_COND_OFFLINE:
		return true;
	default:
		return false;
	}
}

/* Asks the server for the `count` zones from `sector` on. */
static int dblock_ask_zones(struct gendisk *disk, sector_t sector, struct blk_zone *zones,
			    unsigned int count)
{
	struct request *rq;
	blk_status_t status;
	int ret;

	rq = blk_mq_alloc_request(disk->queue, REQ_OP_DRV_IN, 0);
	if (IS_ERR(rq))
		return PTR_ERR(rq);
	ret = blk_rq_map_kern(rq, zones, count * sizeof(*zones), GFP_NOIO);
	if (!ret) {
		rq->__sector = sector;
		status = blk_execute_rq(rq, false);
		ret = blk_status_to_errno(status);
	}
	blk_mq_free_request(rq);
	return ret;
}

int dblock_report_zones(struct gendisk *disk, sector_t sector, unsigned int nr_zones,
			struct blk_report_zones_args *args)
{
	struct dblock_device *dev = disk->private_data;
	sector_t sectors = dev->params.zone_size >> SECTOR_SHIFT;
	unsigned int room = min_t(unsigned int, DBLOCK_REPORT_ZONES,
				  dev->params.max_io / sizeof(struct blk_zone));
	unsigned int done = 0;
	struct blk_zone *zones;
	int ret = 0;

	zones = kzalloc_objs(*zones, room, GFP_NOIO);
	if (!zones)
		return -ENOMEM;
	sector &= ~(sectors - 1);
	while (done < nr_zones && sector < get_capacity(disk) && !ret) {
		unsigned int count = min(room, nr_zones - done), i;

		count = min_t(sector_t, count, (get_capacity(disk) - sector) >> ilog2(sectors));
		ret = dblock_ask_zones(disk, sector, zones, count);
		/*
		 * All zones are checked before the first is passed on. When a
		 * report fails at the start of a disk, the block layer may
		 * leak what it has noted of earlier zones: v6.12 does.
		 */
		for (i = 0; i < count && !ret; i++)
			if (!dblock_zone_possible(&zones[i], sector + i * sectors, sectors))
				ret = -EIO;
		for (i = 0; i < count && !ret; i++) {
			ret = disk_report_zone(disk, &zones[i], done, args);
			sector += sectors;
			done++;
		}
	}
	kfree(zones);
	return ret ?: done;
}

bool dblock_zone_append_fits(const struct dblock_device *dev, const struct request *rq, u64 sector)
{
	u64 zone = blk_rq_pos(rq) & ~((dev->params.zone_size >> SECTOR_SHIFT) - 1);
	u64 offset = (sector - zone) << SECTOR_SHIFT;

	return sector >= zone && sector - zone < dev->params.zone_size >> SECTOR_SHIFT &&
	       !(offset & (dev->params.logical_block - 1)) &&
	       blk_rq_bytes(rq) <= dev->params.zone_size - offset;
}

#else

void dblock_zones_limits(struct queue_limits *lim, const struct dblock_create *p)
{
}

int dblock_zones_start(struct dblock_device *dev)
{
	return 0;
}

bool dblock_zone_append_fits(const struct dblock_device *dev, const struct request *rq, u64 sector)
{
	return false;
}

#endif /* CONFIG_BLK_DEV_ZONED */
