// SPDX-License-Identifier: GPL-2.0-only
/* Makes the kernel that loads it warn, oops or hang. */
#include <linux/module.h>
#include <linux/smp.h>

static char *what = "";
module_param(what, charp, 0);
MODULE_PARM_DESC(what, "warn, oops or hang");

static void spin(void *unused)
{
	for (;;)
		cpu_relax();
}

static int __init trouble_init(void)
{
	WARN(!strcmp(what, "warn"), "trouble on purpose\n");
	if (!strcmp(what, "oops"))
		WRITE_ONCE(*(int *)8, 1);
	if (!strcmp(what, "hang"))
		on_each_cpu(spin, NULL, 0);
	return 0;
}
module_init(trouble_init);

static void __exit trouble_exit(void)
{
}
module_exit(trouble_exit);

MODULE_DESCRIPTION("Kernel trouble for the tests of guests");
MODULE_LICENSE("GPL");
