// SPDX-License-Identifier: GPL-2.0-only
/* 2024-02, v6.9, and until v5.17: write hints come with the bio. */
#include <linux/module.h>
#include <linux/blkdev.h>
int probe(const struct bio *bio);
int probe(const struct bio *bio)
{
	return bio->bi_write_hint;
}
MODULE_LICENSE("GPL");
