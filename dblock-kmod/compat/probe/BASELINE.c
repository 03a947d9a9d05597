// SPDX-License-Identifier: GPL-2.0-only
/* Compiles against every kernel: when it does not, the build directory is at fault. */
#include <linux/module.h>
MODULE_LICENSE("GPL");
