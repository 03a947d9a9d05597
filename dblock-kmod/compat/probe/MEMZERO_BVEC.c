// SPDX-License-Identifier: GPL-2.0-only
/* 2021-08, v5.15: zeroes a segment. */
#include <linux/module.h>
#include <linux/bvec.h>
void probe(struct bio_vec *bv);
void probe(struct bio_vec *bv)
{
	memzero_bvec(bv);
}
MODULE_LICENSE("GPL");
